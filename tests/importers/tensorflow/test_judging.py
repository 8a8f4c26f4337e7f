"""Graphs that ask for more than they may, written without TensorFlow."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import graph_defs as written
import numpy as np
import pytest
from graph_defs import FLOAT, INT32, called, function, graph_def, kind, node, numbers, text, value_of

from detquant.errors import ModelError, UnsupportedOperator
from detquant.importers import load_model

pytest.importorskip("openvino", reason="the extra openvino is not installed")

FLOATS = kind(FLOAT)
ONE = written.field(1, written.field(6, FLOAT))  # a list of one type
WEIGHTS = np.random.default_rng(0).normal(size=(3, 3, 3, 4)).astype(np.float32)


def constant(name: str, value: np.ndarray) -> bytes:
    return node("Const", name, dtype=kind(written.DTYPES[value.dtype.str[1:]]), value=value_of(value))


def net(*tail: bytes) -> list[bytes]:
    """A layer, "r", and what reads it."""
    same = {"strides": numbers([1, 2, 2, 1]), "padding": text("SAME"), "data_format": text("NHWC")}
    return [
        node("Placeholder", "x", dtype=FLOATS, shape=written.sizes([1, 8, 8, 3])),
        constant("w", WEIGHTS),
        node("Conv2D", "c", ["x", "w"], T=FLOATS, **same),
        node("Relu", "r", ["c"], T=FLOATS),
        *tail,
    ]


def call(name: str, source: str, target: str) -> bytes:
    return node("PartitionedCall", name, [source], f=called(target), Tin=ONE, Tout=ONE)


def counting() -> list[bytes]:
    """The functions of a loop that never ends."""
    ends = node("Const", "t", dtype=kind(written.DTYPES["b1"]), value=value_of(np.array(True)))
    step = [constant("one", np.array(1, np.float32)), node("AddV2", "a", ["i", "one:output:0"], T=FLOATS)]
    return [function("go_on", [ends], ["i"], {"o": "t:output:0"}), function("step", step, ["i"], {"o": "a:z:0"})]


def loop(source: str) -> bytes:
    return node("StatelessWhile", "l", [source], cond=called("go_on"), body=called("step"), T=ONE)


def chain(length: int, times: int) -> list[bytes]:
    """Functions of which each calls the next so many times."""
    made = []
    for k in range(length):
        rows = [call(f"c{n}", f"c{n - 1}:output:0" if n else "i", f"f{k + 1}") for n in range(times)]
        made.append(function(f"f{k}", rows, ["i"], {"o": f"c{times - 1}:output:0"}))
    return [*made, function(f"f{length}", [node("Relu", "a", ["i"], T=FLOATS)], ["i"], {"o": "a:activations:0"})]


ADDED = node("AddV2", "y", ["r", "l"], T=FLOATS)
START = constant("s", np.zeros(4, np.float32))
HUGE = written.field(8, written.field(1, FLOAT) + written.field(2, written.shape_of([50000, 50000])))
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "a circle": (
        lambda: graph_def(net(node("Add", "p", ["r", "q"], T=FLOATS), node("Relu", "q", ["p"], T=FLOATS))),
        r"its nodes go in a circle \('p' among them\)",
    ),
    "a function that calls itself": (
        lambda: graph_def(net(call("y", "r", "f")), [function("f", [call("a", "i", "f")], ["i"], {"o": "a:output:0"})]),
        r"has a function that calls itself \('f'\)",
    ),
    "functions that call each other": (
        lambda: graph_def(
            net(call("y", "r", "f")),
            [
                function("f", [call("a", "i", "g")], ["i"], {"o": "a:output:0"}),
                function("g", [call("a", "i", "f")], ["i"], {"o": "a:output:0"}),
            ],
        ),
        "has a function that calls itself",
    ),
    "functions that double": (
        lambda: graph_def(net(call("y", "r", "f0")), chain(40, 2)),
        "has functions that stand for billions of nodes",
    ),
    "functions in functions": (
        lambda: graph_def(net(call("y", "r", "f0")), chain(2000, 1)),
        "or nest deeper than 64",
    ),
    "two nodes of one name": (
        lambda: graph_def(net(node("Relu", "r", ["r"], T=FLOATS))),
        "it has several nodes named 'r'",
    ),
    "the end of a loop without a beginning": (
        lambda: graph_def(net(node("NextIteration", "n", ["r"], T=FLOATS))),
        r"its loop is not whole \(NextIteration 'n'\)",
    ),
    "the part of a loop that reads nothing": (
        lambda: graph_def(net(node("Switch", "n", ["r"], T=FLOATS))),
        r"its loop is not whole \(Switch 'n'\)",
    ),
    "a loop of constants": (
        lambda: graph_def(net(START, loop("s"), ADDED), counting()),
        r"has a loop of constants \('l'\)",
    ),
    "a loop of shapes": (
        lambda: graph_def(
            net(
                node("Shape", "n", ["x"], T=FLOATS, out_type=kind(INT32)),
                node("Cast", "s", ["n"], SrcT=kind(INT32), DstT=FLOATS),
                loop("s"),
                ADDED,
            ),
            counting(),
        ),
        r"has a loop of constants \('l'\)",
    ),
    "a number that stands for many": (
        lambda: graph_def(net(node("Const", "l", dtype=FLOATS, value=HUGE), ADDED)),
        "has constants that ask for more than 268 MB of one number each",
    ),
    "a constant that is filled": (
        lambda: graph_def(
            net(
                constant("sizes", np.array([100_000, 100_000], np.int32)),
                constant("one", np.array(1, np.float32)),
                node("Fill", "f", ["sizes", "one"], T=FLOATS, index_type=kind(INT32)),
                constant("axes", np.array([0, 1], np.int32)),
                node("Max", "l", ["f", "axes"], T=FLOATS, Tidx=kind(INT32)),
                ADDED,
            )
        ),
        "asks for more memory than reading it may take",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("saved", [False, True])
def test_what_has_no_end_is_refused(what: str, saved: bool, tmp_path: Path) -> None:
    make, sentence = REFUSED[what]
    content = make()
    path = tmp_path / "net" if saved else tmp_path / "net.pb"
    if saved:
        path.mkdir()
        (path / "saved_model.pb").write_bytes(written.saved_model(content, {"x": "x:0"}, {"y": "y:0"}))
    else:
        path.write_bytes(content)
    begun = time.monotonic()
    with pytest.raises(ModelError, match=sentence):
        load_model(path)
    assert time.monotonic() - begun < 20


def test_calls_within_bounds_are_followed(tmp_path: Path) -> None:
    (tmp_path / "net.pb").write_bytes(graph_def(net(call("y", "r", "f0")), chain(5, 2)))
    kinds = [made.op_type for made in load_model(tmp_path / "net.pb").model.graph]
    assert kinds.count("Relu") == 1 + 2**5


def test_an_operation_of_no_kind(tmp_path: Path) -> None:
    (tmp_path / "net.pb").write_bytes(graph_def(net(node("", "y", ["r"]))))
    with pytest.raises(UnsupportedOperator, match=r"cannot be translated \(one without a name\)"):
        load_model(tmp_path / "net.pb")
