"""Whatever is in an ONNX file, there is a graph that can be quantised, or a sentence: soon and in little memory."""

from __future__ import annotations

from importlib import import_module
from typing import Any
from unittest import mock

import numpy as np
import onnx
import pytest
from bounds import read
from hypothesis import given
from hypothesis import strategies as st
from mutations import EDGES, mutated
from onnx import helper, numpy_helper

from detquant.graph import prepare
from detquant.importers import load_model
from detquant.importers.signature import signature_of

BYTES_OF_A_FILE = 4000  # in memory for each: a node takes some kilobytes as objects of Python
OPSETS = [7, 9, 10, 11, 13, 17, 21, 22]
OPERATORS = ["Relu", "Identity", "Concat", "Add", "Reshape", "Expand", "Tile", "Upsample", "Resize", "Dropout", "Clip"]
OPERATORS += ["Constant", "ConstantOfShape", "Shape", "Gather", "NonZero", "Cast", "BatchNormalization", "Conv", "If"]
OPERATORS += ["Slice", "Pad", "Range", "Softmax", "MatMul", "Loop", "Scan", "f", "g", "h", "", "Wobble"]
INNER = {"If": ("then_branch", "else_branch"), "Loop": ("body",), "Scan": ("body",)}
NAMES = ["x", "a", "b", "c", "y", "s", "w", ""]


def detector(opset: int) -> onnx.ModelProto:
    """A small net with what passes look at: a folded shape, BatchNorm, an own function, metadata."""
    rng = np.random.default_rng(0)
    weights = {"w": rng.normal(size=(4, 3, 3, 3)).astype(np.float32), "flat": np.array([1, 4, -1])}
    weights |= {name: rng.uniform(0.5, 2, 4).astype(np.float32) for name in ("g", "b", "m", "v")}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("BatchNormalization", ["c", "g", "b", "m", "v"], ["n"]),
        helper.make_node("Swish", ["n"], ["r"], domain="own"),
        helper.make_node("Shape", ["r"], ["size"]),
        helper.make_node("Reshape", ["r", "flat"], ["z"]),
        helper.make_node("Softmax", ["z"], ["y"], axis=1),
    ]
    body = [helper.make_node("Sigmoid", ["a"], ["s"]), helper.make_node("Mul", ["a", "s"], ["o"])]
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("own", 1)]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", 1, ["n", 3, "side", "side"])],
        [helper.make_tensor_value_info("y", 1, ["n", 4, "cells"])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    functions = [helper.make_function("own", "Swish", ["a"], ["o"], body, imports)]
    model = helper.make_model(graph, opset_imports=imports, functions=functions, ir_version=8)
    helper.set_model_props(model, {"imgsz": "[16, 16]", "names": "{0: 'cat', 1: 'dog'}", "stride": "32"})
    return model


SOUND = {opset: detector(opset).SerializeToString() for opset in OPSETS}


def ready(path: Any) -> object:
    """As a detector is read, up to where its family is told."""
    imported = load_model(path)
    return signature_of(prepare(imported.model), imported.metadata)


@given(data=st.data(), opset=st.sampled_from(OPSETS))
def test_a_sound_file_that_was_changed(data: st.DataObject, opset: int, tmp_path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(data.draw(mutated(SOUND[opset])))
    read(lambda: ready(path), path.stat().st_size, factor=BYTES_OF_A_FILE)


sizes = st.one_of(st.integers(-2, 8), st.sampled_from(EDGES).map(lambda size: min(size, 2**63 - 1)))
shapes = st.one_of(st.none(), st.lists(st.one_of(sizes, st.sampled_from(["n", "h"])), max_size=5))
small = st.lists(st.integers(0, 3), max_size=4)
arrays = st.one_of(
    small.map(lambda shape: np.ones(shape, np.float32)),
    st.lists(sizes, max_size=5).map(lambda numbers: np.array(numbers, np.int64)),
    st.sampled_from([np.array(True), np.array(2.0, np.float32), np.array(3)]),
)
attributes = st.one_of(
    st.integers(-3, 8),
    st.floats(width=32),
    st.sampled_from(["nearest", "linear", "constant"]),
    st.lists(sizes, max_size=4),
)
keys = st.sampled_from(["axis", "axes", "scales", "pads", "mode", "to", "value", "perm", "kernel_shape", "spatial"])


@st.composite
def tensors(draw: st.DrawFn) -> onnx.TensorProto:
    """A tensor whose shape, type and place may or may not fit."""
    tensor = numpy_helper.from_array(draw(arrays), draw(st.sampled_from(NAMES)))
    if draw(st.integers(0, 4)) == 0:
        tensor.dims[:] = draw(st.lists(sizes, max_size=4))
    if draw(st.integers(0, 9)) == 0:
        tensor.data_type = draw(st.integers(-1, 30))
    if draw(st.integers(0, 4)) == 0:
        tensor.data_location = onnx.TensorProto.EXTERNAL
        numbers = st.one_of(st.sampled_from(EDGES).map(str), st.sampled_from(["-1", "٣", "1e3", "9" * 6000, ""]))
        places = st.sampled_from(["model.data", "model.onnx", ".", "..", "/dev/zero", "pipe", "", "a\0b", "x" * 300])
        for key, values in (("location", places), ("offset", numbers), ("length", numbers)):
            if draw(st.integers(0, 5)):
                tensor.external_data.add(key=key, value=draw(values))
    return tensor


some = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3)


@st.composite
def nodes(draw: st.DrawFn, depth: int = 2) -> onnx.NodeProto:
    """A node of any kind; an If and a loop have graphs inside."""
    op = draw(st.sampled_from(OPERATORS))
    inputs, outputs = (draw(st.lists(st.sampled_from(NAMES), max_size=most)) for most in (5, 2))
    node = helper.make_node(op, inputs, outputs, domain="own" if op in "fgh" else "")
    for key, value in draw(st.dictionaries(keys, attributes, max_size=3)).items():
        if value != []:
            node.attribute.append(helper.make_attribute(key, value))
    if op == "Constant":
        node.attribute.append(helper.make_attribute("value", draw(tensors())))
    if depth and op in INNER:
        for key in INNER[op]:
            inner = [draw(nodes(depth - 1)) for _ in range(draw(st.integers(0, 2)))]
            branch = onnx.GraphProto(name=key, node=inner)
            branch.output.extend(onnx.ValueInfoProto(name=name) for name in draw(some))
            if op != "If":
                branch.input.extend(onnx.ValueInfoProto(name=name) for name in draw(some))
            node.attribute.append(onnx.AttributeProto(name=key, type=onnx.AttributeProto.GRAPH, g=branch))
    return node


@st.composite
def models(draw: st.DrawFn) -> onnx.ModelProto:
    """A model of nodes that may make sense; its functions call one another as they like, some of them doubling."""
    opset = draw(st.sampled_from(OPSETS))
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("own", 1)]
    graph = onnx.GraphProto(name="g")
    rows = draw(st.lists(nodes(), min_size=1, max_size=6))
    times = draw(st.sampled_from([1, 1, 1, 3, 40]))
    for number in range(times):  # a chain: each part reads what the part before gave
        for row in rows:
            node = graph.node.add()
            node.CopyFrom(row)
            for names in (node.input, node.output):
                for place, name in enumerate(names):
                    written = number + (names is node.output)
                    names[place] = f"{name}{written}" if written and name in "abc" and name else name
    graph.input.append(helper.make_tensor_value_info("x", 1, draw(shapes)))
    graph.output.append(helper.make_tensor_value_info(draw(st.sampled_from(NAMES)), 1, draw(shapes)))
    graph.initializer.extend(draw(st.lists(tensors(), max_size=3)))
    functions = [
        helper.make_function("own", name, ["a"], ["b"], draw(st.lists(nodes(1), max_size=3)), imports)
        for name in draw(st.sampled_from(["", "f", "fg", "fgh", "ff"]))
    ]
    return onnx.ModelProto(ir_version=8, opset_import=imports, graph=graph, functions=functions)


@given(model=models())
def test_graphs_functions_and_tensors_of_any_form(model: onnx.ModelProto, tmp_path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    (tmp_path / "model.data").write_bytes(bytes(64))
    read(lambda: ready(path), path.stat().st_size + 10_000, factor=BYTES_OF_A_FILE)


calls = st.lists(st.tuples(st.integers(0, 7), st.sampled_from([1, 2, 3, 9])), max_size=3)


@given(table=st.lists(calls, min_size=8, max_size=8), first=calls)
def test_functions_that_call_functions(table: list[Any], first: list[tuple[int, int]], tmp_path) -> None:
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]

    def chain(rows: list[tuple[int, int]], begin: str, end: str) -> list[onnx.NodeProto]:
        called = [f"f{number}" for number, times in rows for _ in range(times)]
        names = [begin, *(f"v{place}" for place in range(len(called))), end]
        made = [helper.make_node(op, [names[k]], [names[k + 1]], domain="own") for k, op in enumerate(called)]
        return [*made, helper.make_node("Relu", [names[len(called)]], [end])]

    functions = [
        helper.make_function("own", f"f{number}", ["a"], ["b"], chain(rows, "a", "b"), imports)
        for number, rows in enumerate(table)
    ]
    ends = [[helper.make_tensor_value_info(name, 1, [1, 4])] for name in ("x", "y")]
    graph = helper.make_graph(chain(first, "x", "y"), "net", *ends)
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=imports, functions=functions, ir_version=8), path)
    with mock.patch.object(
        import_module("detquant.graph.inline_functions"), "MOST_NODES", 300
    ):  # thousands of nodes take a second each time
        read(lambda: ready(path), path.stat().st_size + 10_000, factor=BYTES_OF_A_FILE)


@pytest.mark.parametrize("depth", [5, 30])
def test_graphs_in_graphs(depth: int, tmp_path) -> None:
    graph = onnx.GraphProto(name="in", node=[helper.make_node("Relu", ["x"], ["y"])])
    for _ in range(depth):
        graph.output.add(name="y")
        node = onnx.NodeProto(op_type="If", input=["c"], output=["y"])
        for key in ("then_branch", "else_branch")[: 1 if depth > 10 else 2]:
            node.attribute.append(onnx.AttributeProto(name=key, type=onnx.AttributeProto.GRAPH, g=graph))
        graph = onnx.GraphProto(name="out", node=[node])
    graph.input.extend([helper.make_tensor_value_info("x", 1, [1, 4]), helper.make_tensor_value_info("c", 9, [])])
    graph.output.append(helper.make_tensor_value_info("y", 1, [1, 4]))
    model = onnx.ModelProto(ir_version=8, opset_import=[helper.make_opsetid("", 17)], graph=graph)
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    read(lambda: ready(path), path.stat().st_size + 10_000, factor=BYTES_OF_A_FILE)
