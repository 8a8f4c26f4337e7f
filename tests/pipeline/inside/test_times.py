from __future__ import annotations

from dataclasses import replace

import pytest

from detquant.graph.blocks import find_blocks
from detquant.pipeline.entries import Entry
from detquant.pipeline.inside.names import BlockNames
from detquant.pipeline.inside.times import executed, profile_of, timed
from detquant.targets.inside import Timed


def ran(name, kind, precision, ms=1.0):
    return Timed(name=name, kind=kind, precision=precision, ms=ms)


@pytest.fixture
def names(small_net):
    return BlockNames(find_blocks(small_net.graph))


def test_a_layer_speaks_for_its_block(names):
    operators = [
        ran("first", "QLinearConv", "int8"),
        ran("silu_gate", "Sigmoid", "float"),
        ran("second", "Conv", "float"),
        ran("relu_QuantizeLinear", "QuantizeLinear", "int8"),
        ran("add", "Add", "float"),
        ran("sum", "QLinearAdd", "int8"),
        ran("third", "Conv", "int64"),
        ran("pool", "MaxPool", None),
        ran("somewhere", "Conv", "int8"),
    ]
    assert executed(operators, names) == {"first": "int8", "second": "float", "add": "mixed"}


def test_a_sum_that_became_a_part_of_a_layer_has_its_precision_and_not_its_time(names):
    operators = [Timed(name="c", kind="Convolution", precision="int8", ms=1.0, parts=("third", "add"))]
    assert executed(operators, names) == {"third": "int8", "add": "int8"}
    assert [one.block for one in profile_of("row", operators, names).operators] == ["third"]


def test_rounding_counts_where_there_is_nothing_else(names):
    assert executed([ran("join", "Transpose", "int8"), ran("joined_QuantizeLinear", "Cast", "int8")], names) == {
        "join": "int8"
    }


def test_a_runtime_that_stands_in_for_another_tells_nothing_of_it():
    """LiteRT runs what is made for the Edge TPU, and says nothing of that."""

    class Place:
        runs_here = False

        def profile(self, runner, feed):
            raise AssertionError("not asked")

    entry = Entry(name="a", title="a", place=Place(), precision="w8a8", runner=object())
    assert timed(entry, {}) == () and timed(replace(entry, runner=None), {}) == ()


def test_what_lies_as_it_is_has_a_precision_and_no_time(names):
    operators = [ran("first", "Convolution", "int8"), ran("join", "Concatenation", "int8", ms=None)]
    profile = profile_of("row", operators, names)
    assert [(one.name, one.block, one.ms) for one in profile.operators] == [("first", "first", 1.0)]
    assert profile.row == "row" and executed(operators, names)["join"] == "int8"
