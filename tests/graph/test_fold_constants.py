from __future__ import annotations

import tracemalloc
from collections import Counter

import numpy as np
import onnx_ir as ir
import pytest

from detquant.graph import fold_constants as module
from detquant.graph.fold_constants import fold_constants

INT = np.int64
LONG = np.ones(10**5, np.float32)


def operators(model: ir.Model) -> Counter[str]:
    return Counter(node.op_type for node in model.graph)


def test_the_reshape_of_an_exported_head_becomes_one_constant(build, greatest_difference):
    # what PyTorch writes for  x.flatten(2).permute(0, 2, 1)  with the shape computed at run time
    before = build(
        [
            ("Relu", ["x"], ["r"], {}),
            ("Shape", ["r"], ["shape"], {}),
            ("Gather", ["shape", "zero"], ["n"], {"axis": 0}),
            ("Gather", ["shape", "one"], ["c"], {"axis": 0}),
            ("Unsqueeze", ["n", "axes"], ["n1"], {}),
            ("Unsqueeze", ["c", "axes"], ["c1"], {}),
            ("Concat", ["n1", "c1", "rest"], ["target"], {"axis": 0}),
            ("Reshape", ["r", "target"], ["flat"], {}),
            ("Transpose", ["flat"], ["y"], {"perm": [0, 2, 1]}),
        ],
        {"x": [1, 3, 4, 5]},
        {"y": None},
        {
            "zero": np.array(0, INT),
            "one": np.array(1, INT),
            "axes": np.array([0], INT),
            "rest": np.array([-1], INT),
        },
    )
    after = fold_constants(before.clone())
    assert operators(after) == {"Relu": 1, "Reshape": 1, "Transpose": 1}
    assert len(after.graph.initializers) == 1
    assert greatest_difference(before, after, (1, 3, 4, 5)) == 0


def test_a_shape_that_becomes_known_by_folding_another_is_folded_too(build, greatest_difference):
    before = build(
        [
            ("Shape", ["x"], ["s"], {"start": 2}),
            ("Mul", ["s", "two"], ["s2"], {}),
            ("ConstantOfShape", ["s2"], ["zeros"], {}),
            ("Shape", ["zeros"], ["again"], {}),
            ("Concat", ["head", "again"], ["sizes"], {"axis": 0}),
            ("Resize", ["x", "", "", "sizes"], ["y"], {"mode": "nearest"}),
        ],
        {"x": [1, 2, 3, 4]},
        {"y": None},
        {"two": np.array(2, INT), "head": np.array([1, 2], INT)},
    )
    after = fold_constants(before.clone())
    assert operators(after) == {"Resize": 1}
    assert greatest_difference(before, after, (1, 2, 3, 4)) == 0


def test_identities_and_dropout_vanish_and_outputs_keep_their_names(build, greatest_difference):
    before = build(
        [
            ("Identity", ["x"], ["a"], {}),
            ("Dropout", ["a"], ["b"], {}),
            ("Relu", ["b"], ["c"], {}),
            ("Dropout", ["c"], ["y"], {}),
        ],
        {"x": [1, 4]},
        {"y": [1, 4]},
    )
    after = fold_constants(before.clone())
    assert operators(after) == {"Relu": 1}
    assert [value.name for value in after.graph.outputs] == ["y"]
    assert greatest_difference(before, after, (1, 4)) == 0


def test_dropout_in_training_mode_stays(build):
    model = build(
        [("Dropout", ["x", "ratio", "train"], ["y"], {})],
        {"x": [1, 4]},
        {"y": [1, 4]},
        {"ratio": np.array(0.5, np.float32), "train": np.array(True)},
    )
    assert operators(fold_constants(model)) == {"Dropout": 1}


def test_constant_nodes_become_initializers_and_unused_ones_vanish(build):
    three, seven = np.array(3, np.float32), np.array(7, np.float32)
    model = build(
        [
            ("Constant", [], ["k"], {"value_float": 2.0}),
            ("Constant", [], ["dead"], {"value_float": 5.0}),
            ("Mul", ["k", "three"], ["six"], {}),
            ("Neg", ["seven"], ["unread"], {}),
            ("Add", ["x", "six"], ["y"], {}),
        ],
        {"x": [1]},
        {"y": [1]},
        {"three": three, "seven": seven},
    )
    after = fold_constants(model)
    assert operators(after) == {"Add": 1}
    (constant,) = after.graph.initializers.values()
    assert constant.const_value is not None and constant.const_value.numpy() == 6


def test_what_would_make_the_file_grow_is_not_folded(build, monkeypatch):
    monkeypatch.setattr(module, "LIMIT", 1000)
    model = build(
        [("Expand", ["one", "shape"], ["large"], {}), ("Add", ["x", "large"], ["y"], {})],
        {"x": [100, 100]},
        {"y": None},
        {"one": np.ones((1, 1), np.float32), "shape": np.array([100, 100], INT)},
    )
    assert operators(fold_constants(model)) == {"Expand": 1, "Add": 1}


def test_quantised_weights_and_random_numbers_stay(build):
    model = build(
        [
            ("DequantizeLinear", ["codes", "scale"], ["w"], {}),
            ("RandomNormalLike", ["codes"], ["noise"], {"dtype": 1}),
            ("Add", ["w", "noise"], ["sum"], {}),
            ("Add", ["x", "sum"], ["y"], {}),
        ],
        {"x": [4]},
        {"y": [4]},
        {"codes": np.arange(4, dtype=np.int8), "scale": np.array(0.5, np.float32)},
    )
    assert operators(fold_constants(model)) == {"DequantizeLinear": 1, "RandomNormalLike": 1, "Add": 2}


def test_a_constant_graph_output_stays_computed(build, greatest_difference):
    before = build(
        [("Shape", ["x"], ["s"], {}), ("Cast", ["s"], ["y"], {"to": 1}), ("Relu", ["x"], ["z"], {})],
        {"x": [2, 3]},
        {"y": None, "z": None},
    )
    after = fold_constants(before.clone())
    assert [value.name for value in after.graph.outputs] == ["y", "z"]
    assert greatest_difference(before, after, (2, 3)) == 0


def test_folding_gives_the_same_graph_each_time(build):
    rows = [(op, ["k"], [op], {}) for op in ("Neg", "Abs", "Exp", "Sqrt", "Floor", "Ceil")]
    adds = [("Add", ["x", row[0]], [f"y{row[0]}"], {}) for row in rows]
    outputs = {add[2][0]: None for add in adds}
    model = build(rows + adds, {"x": [2]}, outputs, {"k": np.ones(2, np.float32)})
    names = [list(fold_constants(model.clone()).graph.initializers) for _ in range(3)]
    assert names[0] == names[1] == names[2] == [f"{row[0]}_folded" for row in rows]


def chain_of(op: str, length: int, attributes: dict[str, object]) -> list[tuple[str, list[str], list[str], dict]]:
    rows = [(op, [f"v{place}"] * 2, [f"v{place + 1}"], attributes) for place in range(length)]
    return [*rows, ("ReduceMax", [f"v{length}"], ["top"], {"keepdims": 0}), ("Add", ["x", "top"], ["y"], {})]


@pytest.mark.parametrize("known", [True, False], ids=["of known size", "of a size that is found"])
def test_values_that_double_are_not_folded_without_end(build, known):
    """Forty Concats of a value with itself are 2^40 numbers, asked for in a few hundred bytes."""
    rows = chain_of("Concat", 40, {"axis": -1})
    if not known:
        rows = [("NonZero", ["a"], ["found"], {}), ("Cast", ["found"], ["v0"], {"to": 1}), *rows]
    model = build(rows, {"x": [1, 2]}, {"y": [1, 2]}, {"v0" if known else "a": np.ones((1, 1000), np.float32)})
    tracemalloc.start()
    folded = fold_constants(model)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200 << 20
    held = sum(value.const_value.nbytes for value in folded.graph.initializers.values())
    assert held <= 8 << 20 and 20 < len(folded.graph) < 42


@pytest.mark.parametrize(
    ("row", "constants"),
    [
        (("ConstantOfShape", ["a"], ["c"], {}), {"a": np.array([2**20, 2**20])}),
        (("Expand", ["a", "b"], ["c"], {}), {"a": np.ones(1, np.float32), "b": np.array([2**21, 2**20])}),
        (("Tile", ["a", "b"], ["c"], {}), {"a": np.ones(2, np.float32), "b": np.array([2**40])}),
        (
            ("MatMul", ["a", "b"], ["c"], {}),
            {"a": LONG.reshape(-1, 1), "b": LONG.reshape(1, -1)},
        ),
        (("Add", ["a", "b"], ["c"], {}), {"a": LONG.reshape(-1, 1), "b": LONG.reshape(1, -1)}),
        (("Pad", ["a", "b"], ["c"], {}), {"a": np.ones((1, 1), np.float32), "b": np.array([0, 0, 2**20, 2**20])}),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_what_is_far_larger_than_its_file_is_not_made(build, row, constants):
    rows = [row, ("ReduceMax", ["c"], ["top"], {"keepdims": 0}), ("Add", ["x", "top"], ["y"], {})]
    folded = fold_constants(build(rows, {"x": [1, 2]}, {"y": [1, 2]}, constants))
    assert [node.op_type for node in folded.graph] == [row[0], "ReduceMax", "Add"]
