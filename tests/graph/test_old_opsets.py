"""Opsets 7 to 10: each operator whose form or meaning changed since, before and after it is raised."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

from detquant.errors import UnsupportedOperator
from detquant.graph import prepare
from detquant.graph.raise_opset import OPSET, raise_opset
from detquant.importers import load_model

RFB = Path(__file__).resolve().parents[3] / "shared/assets/weights/more/version-RFB-320_simplified.onnx"
SHAPE = (1, 4, 6, 6)
RNG = np.random.default_rng(0)
FOUR = {name: RNG.uniform(0.5, 2, 4).astype(np.float32) for name in "gbmv"}
PIXELS = {name: RNG.uniform(0.5, 2, (4, 6, 6)).astype(np.float32) for name in "gbmv"}
NORMAL = ["x", "g", "b", "m", "v"]


def scales(*factors: float) -> dict[str, np.ndarray]:
    return {"s": np.array([1, 1, *factors], np.float32)}


# operator, inputs, attributes, constants, opsets
SAME = {
    "upsample, nearest": ("Upsample", ["x"], {"scales": [1.0, 1.0, 2.0, 2.0], "mode": "nearest"}, {}, (7, 8)),
    "upsample, linear": ("Upsample", ["x"], {"scales": [1.0, 1.0, 2.0, 2.0], "mode": "linear"}, {}, (7, 8)),
    "upsample, a fraction": ("Upsample", ["x"], {"scales": [1.0, 1.0, 1.5, 2.5]}, {}, (7, 8)),
    "upsample of 9, nearest": ("Upsample", ["x", "s"], {"mode": "nearest"}, scales(2, 3), (9,)),
    "upsample of 9, linear": ("Upsample", ["x", "s"], {"mode": "linear"}, scales(2, 3), (9,)),
    "upsample of 9, a fraction": ("Upsample", ["x", "s"], {"mode": "nearest"}, scales(1.7, 2.3), (9,)),
    "resize, nearest": ("Resize", ["x", "s"], {"mode": "nearest"}, scales(2, 2), (10,)),
    "resize, nearest, a fraction": ("Resize", ["x", "s"], {"mode": "nearest"}, scales(1.7, 1), (10,)),
    "resize, nearest, smaller": ("Resize", ["x", "s"], {"mode": "nearest"}, scales(0.6, 0.4), (10,)),
    "resize, linear": ("Resize", ["x", "s"], {"mode": "linear"}, scales(2, 0.5), (10,)),
    "slice": ("Slice", ["x"], {"starts": [1, 1], "ends": [3, 100], "axes": [1, 2]}, {}, (7, 8, 9)),
    "slice, axes left out": ("Slice", ["x"], {"starts": [0, 1], "ends": [1, -1]}, {}, (7, 9)),
    "pad": ("Pad", ["x"], {"pads": [0, 0, 1, 1, 0, 0, 2, 2], "value": 0.5}, {}, (7, 9, 10)),
    "pad, reflect": ("Pad", ["x"], {"pads": [0, 0, 1, 1, 0, 0, 2, 2], "mode": "reflect"}, {}, (7, 10)),
    "clip": ("Clip", ["x"], {"min": -0.5, "max": 0.5}, {}, (7, 9, 10)),
    "clip, one bound": ("Clip", ["x"], {"max": 0.3}, {}, (7, 10)),
    "clip, no bound": ("Clip", ["x"], {}, {}, (7, 10)),
    "dropout": ("Dropout", ["x"], {"ratio": 0.5}, {}, (7, 9, 10)),
    "batch normalization": ("BatchNormalization", NORMAL, {"epsilon": 1e-3, "spatial": 1}, FOUR, (7, 8)),
    "batch normalization of 9": ("BatchNormalization", NORMAL, {"epsilon": 1e-3}, FOUR, (9, 10)),
    "softmax": ("Softmax", ["x"], {"axis": 1}, {}, (7, 10)),
    "softmax, axis left out": ("Softmax", ["x"], {}, {}, (7, 10)),
    "hardmax of the last axis": ("Hardmax", ["x"], {"axis": 3}, {}, (7, 10)),
    "squeeze": ("Squeeze", ["x"], {"axes": [0]}, {}, (7, 10)),
    "unsqueeze": ("Unsqueeze", ["x"], {"axes": [0]}, {}, (7, 10)),
    "sum of an axis": ("ReduceSum", ["x"], {"axes": [-1], "keepdims": 0}, {}, (7, 10)),
    "mean of axes": ("ReduceMean", ["x"], {"axes": [2, 3]}, {}, (7, 10)),
    "largest": ("TopK", ["x"], {"axis": 1, "k": 2}, {}, (7, 8, 9)),
    "reshape": ("Reshape", ["x", "shape"], {}, {"shape": np.array([1, -1, 4])}, (7, 10)),
    "average": ("AveragePool", ["x"], {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}, {}, (7, 10)),
}
CASES = [(name, opset) for name, (*_, opsets) in SAME.items() for opset in opsets]


def of(build, name: str, opset: int) -> ir.Model:
    op, inputs, attributes, constants, _ = SAME[name]
    model = build(
        [(op, inputs, ["y", *(["places"] if op == "TopK" else [])], attributes)],
        {"x": list(SHAPE)},
        {"y": None},
        constants,
        opset=opset,
    )
    model.ir_version = 3 if opset == 7 else 5
    for value in model.graph.initializers.values():  # before IR version 4 each had to be an input as well
        if opset == 7:
            model.graph.inputs.append(value)
    return model


@pytest.mark.parametrize(("name", "opset"), CASES)
def test_each_operator_stays_the_same_function(build, greatest_difference, name, opset):
    before = of(build, name, opset)
    after = raise_opset(before.clone())
    assert after.graph.opset_imports[""] == OPSET
    assert greatest_difference(after, before, SHAPE) < 1e-6


@pytest.mark.parametrize(
    ("row", "opset", "words"),
    [
        (("Resize", ["x", "s"], ["y"], {"mode": "nearest"}), 10, "it shrinks one axis and enlarges another"),
        (("Resize", ["x", "free"], ["y"], {"mode": "nearest"}), 10, "its factors are computed"),
        (("Hardmax", ["x"], ["y"], {"axis": 1}), 10, "opset 10's is over all axes from its own on"),
        (("Hardmax", ["x"], ["y"], {"axis": 1}), 11, "opset 11's is over all axes from its own on"),
        (("BatchNormalization", NORMAL, ["y"], {"spatial": 0}), 8, "it has a mean for each pixel"),
    ],
)
def test_what_would_become_another_function_is_refused(build, row, opset, words):
    model = build([row], {"x": list(SHAPE), "free": [4]}, {"y": None}, PIXELS | scales(2, 0.5), opset=opset)
    with pytest.raises(UnsupportedOperator, match=words):
        raise_opset(model)


@pytest.mark.skipif(not RFB.is_file(), reason="the trained detector is not beside the checkout")
def test_a_real_detector_of_opset_9(greatest_difference):
    before = load_model(RFB).model
    assert before.graph.opset_imports[""] == 9
    after = prepare(before)
    assert after.graph.opset_imports[""] == OPSET
    assert greatest_difference(before, after, (1, 3, 240, 320)) < 1e-5
