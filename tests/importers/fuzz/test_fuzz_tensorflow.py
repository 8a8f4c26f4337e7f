"""Whatever is in a frozen graph or a SavedModel, there is a model or a sentence: soon and in little memory."""

from __future__ import annotations

from pathlib import Path

import graph_defs as written
import numpy as np
import pytest
from bounds import read
from graph_defs import node
from hypothesis import given
from hypothesis import strategies as st
from mutations import EDGES, mutated

from detquant.importers import load_model

pytest.importorskip("openvino", reason="the extra openvino is not installed")

BYTES_OF_A_FILE = 4000
WEIGHTS = np.random.default_rng(0).normal(size=(3, 3, 3, 4)).astype(np.float32)
FLOAT = written.kind(written.FLOAT)


def net(weights: str = "w") -> list[bytes]:
    """A small net, whose weights are made by other nodes."""
    return [
        node("Placeholder", "x", dtype=FLOAT, shape=written.sizes([1, 8, 8, 3])),
        node(
            "Conv2D",
            "c",
            ["x", weights],
            T=FLOAT,
            strides=written.numbers([1, 2, 2, 1]),
            padding=written.text("SAME"),
            data_format=written.text("NHWC"),
        ),
        node("Relu", "r", ["c"], T=FLOAT),
        node("Const", "sizes", dtype=written.kind(written.INT32), value=written.value_of(np.array([1, 64], np.int32))),
        node("PartitionedCall", "called", ["r"], f=written.called("f")),
        node("Reshape", "y", ["called", "sizes"], T=FLOAT, Tshape=written.kind(written.INT32)),
    ]


CONSTANT = node("Const", "w", dtype=FLOAT, value=written.value_of(WEIGHTS))
VARIABLE = [
    node("VarHandleOp", "v", dtype=FLOAT, shape=written.sizes(WEIGHTS.shape), shared_name=written.text("v")),
    node("ReadVariableOp", "w", ["v"], dtype=FLOAT),
]
FUNCTION = written.function("f", [node("Relu6", "a", ["i"], T=FLOAT)], ["i"], {"o": "a:activations:0"})
FROZEN = written.graph_def([*net(), CONSTANT], [FUNCTION])
SAVED = {
    "constants": written.saved_model(FROZEN, {"x": "x:0"}, {"y": "y:0"}),
    "variables": written.saved_model(written.graph_def([*net(), *VARIABLE], [FUNCTION]), {"x": "x:0"}, {"y": "y:0"}),
}


def folder(place: Path, kind: str) -> Path:
    place.mkdir(exist_ok=True)
    (place / "saved_model.pb").write_bytes(SAVED[kind])
    if kind == "variables":
        written.write_variables(place / "variables", {"v": WEIGHTS})
    return place


@pytest.mark.parametrize("kind", SAVED)
def test_what_is_changed_below_is_sound(kind: str, tmp_path: Path) -> None:
    assert len(load_model(folder(tmp_path / "net", kind)).model.graph) >= 4
    (tmp_path / "net.pb").write_bytes(FROZEN)
    assert len(load_model(tmp_path / "net.pb").model.graph) >= 4


@given(content=mutated(FROZEN))
def test_a_sound_graph_that_was_changed(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "net.pb"
    path.write_bytes(content)
    read(lambda: load_model(path), len(content) + 10_000, factor=BYTES_OF_A_FILE)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("constants", "saved_model.pb"),
        ("variables", "saved_model.pb"),
        ("variables", "variables/variables.index"),
        ("variables", "variables/variables.data-00000-of-00001"),
    ],
)
@given(data=st.data())
def test_a_sound_folder_of_which_one_file_was_changed(data: st.DataObject, kind: str, name: str, tmp_path: Path):
    path = folder(tmp_path / "net", kind)
    content = (path / name).read_bytes()
    (path / name).write_bytes(data.draw(mutated(content)))
    read(lambda: load_model(path), len(SAVED[kind]) + 10_000, factor=BYTES_OF_A_FILE)


NAMES = ["x", "a", "b", "c", "d", "w", "l"]
OPERATIONS = ["Relu", "Identity", "Add", "AddV2", "Mul", "Conv2D", "ConcatV2", "Reshape", "Fill", "Range", "Tile"]
OPERATIONS += ["Const", "Shape", "Pack", "StridedSlice", "Transpose", "MaxPool", "Cast", "Squeeze", "ExpandDims", "Pad"]
OPERATIONS += ["PartitionedCall", "StatelessWhile", "If", "StatelessIf", "While", "f", "g", "Placeholder"]
OPERATIONS += ["Enter", "Exit", "Merge", "Switch", "NextIteration", "LoopCond", "VarHandleOp", "ReadVariableOp"]
OPERATIONS += ["NonMaxSuppressionV3", "ResizeBilinear", "CombinedNonMaxSuppression", "TFLite_Detection_PostProcess"]
OPERATIONS += ["Wobble", "", "\udcff"]

sizes = st.one_of(st.integers(-2, 8), st.sampled_from(EDGES))
shapes = st.one_of(st.none(), st.lists(sizes, max_size=5))
ports = st.sampled_from(["", "", "", ":0", ":1", ":-1", ":99999999999999999999", ":output:0", ":x:y"])
sources = st.tuples(st.sampled_from(["", "", "", "^"]), st.sampled_from([*NAMES, "", "missing"]), ports).map("".join)
arrays = st.one_of(
    st.lists(st.integers(0, 3), max_size=4).map(lambda shape: np.ones(shape, np.float32)),
    st.lists(sizes.map(lambda size: min(max(size, -(2**31)), 2**31 - 1)), max_size=4).map(
        lambda numbers: np.array(numbers, np.int32)
    ),
    st.sampled_from([np.array(True), np.float32(2), np.int32(3), np.int64(2**62)]),
)


@st.composite
def values(draw: st.DrawFn) -> bytes:
    """A tensor whose type, shape and content may or may not fit."""
    changes = {}
    if draw(st.integers(0, 3)) == 0:
        changes["shape"] = draw(shapes)
    if draw(st.integers(0, 5)) == 0:
        changes["dtype"] = draw(st.integers(-1, 130))
    if draw(st.integers(0, 5)) == 0:
        changes["content"] = draw(st.binary(max_size=12))
    return written.value_of(np.asarray(draw(arrays)), **changes)


attributes = st.dictionaries(
    st.sampled_from(["T", "dtype", "Tidx", "shape", "strides", "ksize", "axis", "padding", "data_format", "perm", "N"]),
    st.one_of(
        st.integers(-1, 130).map(written.kind),
        shapes.map(written.sizes),
        st.lists(sizes, max_size=5).map(written.numbers),
        st.sampled_from(["SAME", "VALID", "NHWC", "NCHW", "\udcff", ""]).map(written.text),
        sizes.map(lambda size: written.field(3, size)),
        st.floats(width=32).map(lambda number: written.field(4, number)),
        st.binary(max_size=6),
    ),
    max_size=4,
)
functions = st.sampled_from(["f", "g", "missing"]).map(written.called)


@st.composite
def nodes(draw: st.DrawFn) -> bytes:
    """An operation of any kind, which reads what it likes."""
    op, given = draw(st.sampled_from(OPERATIONS)), draw(attributes)
    if op == "Const":
        given |= {"value": draw(values()), "dtype": draw(st.sampled_from([1, 3, 9]).map(written.kind))}
    elif op in ("PartitionedCall", "While", "StatelessWhile", "If", "StatelessIf"):
        given |= {key: draw(functions) for key in ("f", "cond", "body", "then_branch", "else_branch")}
    elif op in ("Enter", "VarHandleOp"):
        given |= {"frame_name": written.text("loop"), "shared_name": written.text("v")}
    elif op == "Placeholder" and draw(st.booleans()):
        given |= {"shape": written.sizes([1, 8, 8, 3]), "dtype": FLOAT}
    return node(op, draw(st.sampled_from(NAMES)), draw(st.lists(sources, max_size=4)), **given)


@st.composite
def graphs(draw: st.DrawFn) -> bytes:
    """A graph that may make sense; one of its parts may stand there many times under other names."""
    first = node("Placeholder", "x", dtype=FLOAT, shape=written.sizes(draw(st.sampled_from([[1, 8, 8, 3], [1, 4]]))))
    rows = draw(st.lists(nodes(), min_size=1, max_size=7))
    library = [
        written.function(
            name,
            draw(st.lists(nodes(), max_size=3)),
            draw(st.lists(st.sampled_from(["i", "x"]), max_size=2)),
            {"o": draw(sources)},
        )
        for name in draw(st.sampled_from(["", "f", "fg", "ff"]))
    ]
    return written.graph_def([first, *rows], library)


@given(content=graphs())
def test_graphs_and_functions_of_any_form(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "net.pb"
    path.write_bytes(content)
    with np.errstate(all="ignore"):
        read(lambda: load_model(path), len(content) + 10_000, factor=BYTES_OF_A_FILE)


@given(content=st.binary(max_size=200), head=st.sampled_from([b"", b"\x0a", b"\x08\x01\x12", FROZEN[:40]]))
def test_any_bytes(content: bytes, head: bytes, tmp_path: Path) -> None:
    for path in (tmp_path / "net.pb", tmp_path / "saved_model.pb"):
        path.write_bytes(head + content)
        read(lambda path=path: load_model(path), 10_000, factor=BYTES_OF_A_FILE)
