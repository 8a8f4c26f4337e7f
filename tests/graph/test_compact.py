from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from detquant.graph import OrtRunner, prepare
from detquant.graph.compact import compact
from detquant.graph.running import as_bytes

SHAPE = [1, 4, 8, 8]


@pytest.fixture
def net(build):
    """Two convolutions of equal biases, a constant that half precision holds, and one that it does not."""
    rng = np.random.default_rng(0)
    weights = {
        "a": rng.standard_normal((4, 4, 1, 1)).astype(np.float32),
        "b": rng.standard_normal((4, 4, 1, 1)).astype(np.float32),
        "a_bias": np.ones(4, np.float32),
        "b_bias": np.ones(4, np.float32),
        "grid": np.tile(np.arange(8, dtype=np.float32) + 0.5, (1, 32, 8, 1)).reshape(1, 32, 8, 8),
        "noise": rng.standard_normal((1, 32, 8, 8)).astype(np.float32),
        "many": np.full((1, 32, 1, 1), 1 / 3, np.float32),
    }
    rows = [
        ("Conv", ["x", "a", "a_bias"], ["c"], {"name": "first"}),
        ("Conv", ["c", "b", "b_bias"], ["d"], {"name": "second"}),
        ("Concat", ["d"] * 8, ["e"], {"name": "join", "axis": 1}),
        ("Mul", ["e", "grid"], ["f"], {"name": "times"}),
        ("Add", ["f", "noise"], ["g"], {"name": "plus"}),
        ("Mul", ["g", "many"], ["y"], {"name": "third"}),
    ]
    return prepare(build(rows, {"x": SHAPE}, {"y": None}, weights))


def test_it_computes_the_same(net):
    small = compact(net)
    onnx.checker.check_model(ir.to_proto(small), full_check=True)
    feed = {"x": np.random.default_rng(1).random(SHAPE, np.float32)}
    np.testing.assert_array_equal(OrtRunner(small).run(feed)["y"], OrtRunner(net).run(feed)["y"])
    assert len(as_bytes(small)) < len(as_bytes(net)) - 4096


def test_what_goes_and_what_stays(net):
    small = compact(net)
    kept = {name: value.const_value.dtype for name, value in small.graph.initializers.items()}
    assert kept["grid"] == ir.DataType.FLOAT16 and kept["noise"] == kept["many"] == ir.DataType.FLOAT
    assert len({"a_bias", "b_bias"} & kept.keys()) == 1
    assert [node.name for node in small.graph if node.op_type != "Cast"] == [node.name for node in net.graph]
    assert all(node.name is None for node in small.graph if node.op_type == "Cast")
    named = {value.name for node in small.graph for value in node.outputs}
    assert {value.name for node in net.graph for value in node.outputs} <= named
    assert small.graph.outputs[0].shape == net.graph.outputs[0].shape and not len(as_proto(small).graph.value_info)


def as_proto(model):
    return onnx.load_from_string(as_bytes(model))


def test_the_model_given_stays_as_it_is(net):
    before = as_bytes(net)
    compact(net)
    assert as_bytes(net) == before
