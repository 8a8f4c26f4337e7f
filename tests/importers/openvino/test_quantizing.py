"""FakeQuantize and integer constants, against OpenVINO's own execution."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

pytest.importorskip("openvino", reason="the extra openvino is not installed")
from openvino import opset13 as ops

MAP = (1, 4, 9, 7)
ASYMMETRIC = (-40 * 0.02, 215 * 0.02)  # zero point 40
CHANNELS = np.array([0.01, 0.02, 0.03, 0.05], np.float32).reshape(1, 4, 1, 1)


def kinds(model: ir.Model) -> Counter[str]:
    return Counter(node.op_type for node in model.graph if node.outputs[0].uses() or node.outputs[0].is_graph_output())


def fake(x: Any, low: Any, high: Any, levels: int = 256, out: tuple[Any, Any] | None = None) -> Any:
    bounds = [ops.constant(np.asarray(bound, np.float32)) for bound in (low, high, *(out or (low, high)))]
    return ops.fake_quantize(x, *bounds, levels)


def image() -> np.ndarray:
    return np.random.default_rng(0).standard_normal(MAP).astype(np.float32)


@pytest.mark.parametrize(
    ("low", "high"),
    [(-1.28, 1.27), (0, 1), ASYMMETRIC, (-128 * CHANNELS, 127 * CHANNELS), ([[[[-1.28]]]], [[[[1.27]]]])],
)
def test_a_grid_with_a_whole_zero_point_is_quantize_and_dequantize(low, high, compare) -> None:
    x = ops.parameter(MAP, np.float32)
    model = compare([ops.relu(fake(x, low, high))], [x], [image()])
    assert kinds(model) == {"QuantizeLinear": 1, "DequantizeLinear": 1, "Relu": 1}


@pytest.mark.parametrize(
    ("low", "high", "levels", "out"),
    [
        (-1, 1, 256, None),  # the zero point is 127.5
        (-1, 1, 16, None),
        (-1.27, 1.27, 255, None),
        (-1.28, 1.27, 256, (-2, 3)),
        (0.5, 1.5, 256, None),
        (-100.4 * CHANNELS, 154.6 * CHANNELS, 256, None),
    ],
)
def test_other_grids_are_spelled_out(low, high, levels, out, compare) -> None:
    x = ops.parameter(MAP, np.float32)
    model = compare([ops.relu(fake(x, low, high, levels, out))], [x], [image()])
    assert "QuantizeLinear" not in kinds(model)
    assert kinds(model)["Round"] == 1


def conv(x: Any, weight: Any) -> Any:
    return ops.convolution(x, weight, [1, 1], [0, 0], [0, 0], [1, 1])


def int8_weight(shape: tuple[int, ...], scale: np.ndarray, zero_point: float | None = None, kind: Any = np.int8) -> Any:
    limits = np.iinfo(kind)
    codes = np.random.default_rng(5).integers(max(limits.min, -999), min(limits.max, 999) + 1, shape).astype(kind)
    value = ops.convert(ops.constant(codes), "f32")
    if zero_point is not None:
        value = ops.subtract(value, ops.constant(np.float32(zero_point)))
    return ops.multiply(value, ops.constant(np.asarray(scale, np.float32)))


ROWS = np.linspace(0.01, 0.02, 6, dtype=np.float32).reshape(6, 1, 1, 1)


@pytest.mark.parametrize(
    ("scale", "zero_point", "kind"),
    [(ROWS, None, np.int8), (0.01, None, np.int8), (ROWS, 7, np.int8), (0.01, 128, np.uint8)],
)
def test_weights_of_8_bits_stay_so(scale, zero_point, kind, compare) -> None:
    x = ops.parameter(MAP, np.float32)
    model = compare([conv(x, int8_weight((6, 4, 3, 3), scale, zero_point, kind))], [x], [image()], 1e-4)
    assert kinds(model) == {"DequantizeLinear": 1, "Conv": 1}


def test_weights_of_groups_stay_so(compare) -> None:
    x = ops.parameter(MAP, np.float32)
    weight = int8_weight((2, 3, 2, 3, 3), np.linspace(0.01, 0.02, 6).reshape(2, 3, 1, 1, 1))
    with_groups = ops.group_convolution(x, weight, [1, 1], [0, 0], [0, 0], [1, 1])
    model = compare([with_groups], [x], [image()], 1e-4)
    assert kinds(model) == {"DequantizeLinear": 1, "Conv": 1} or kinds(model) == {"Conv": 1}


@pytest.mark.parametrize(("scale", "zero_point", "kind"), [(0.01, None, np.int32), (0.01, 0.5, np.int8)])
def test_other_integer_constants_become_numbers(scale, zero_point, kind, compare) -> None:
    x = ops.parameter(MAP, np.float32)
    model = compare([ops.add(x, int8_weight((4, 1, 1), scale, zero_point, kind))], [x], [image()])
    assert "DequantizeLinear" not in kinds(model)


@pytest.mark.parametrize(("levels", "low"), [(255, -127), (256, -128), (16, -8)])
def test_float_weights_with_a_grid(levels, low, compare) -> None:
    x = ops.parameter(MAP, np.float32)
    weight = ops.constant(np.random.default_rng(3).standard_normal((6, 4, 3, 3)).astype(np.float32))
    high = low + levels - 1
    model = compare([conv(x, fake(weight, low * ROWS, high * ROWS, levels))], [x], [image()], 1e-4)
    assert kinds(model)["DequantizeLinear"] == (levels > 16)


def test_quantised_inputs_and_outputs_take_and_give_numbers(compare) -> None:
    from detquant.graph.float_interface import float_interface

    x = ops.parameter(MAP, np.int8)
    inside = ops.relu(fake(ops.convert(x, "f32"), -128, 127, out=(-128 * 0.02, 127 * 0.02)))
    codes = ops.convert(fake(inside, -128 * 0.03, 127 * 0.03, out=(-128, 127)), "i8")
    arrays = [np.random.default_rng(0).integers(-128, 128, MAP).astype(np.int8)]
    model = compare([codes], [x], arrays)
    assert kinds(model) == {"DequantizeLinear": 1, "Relu": 1, "QuantizeLinear": 1}
    float_interface(model)
    assert [value.dtype for value in (*model.graph.inputs, *model.graph.outputs)] == [ir.DataType.FLOAT] * 2
    assert kinds(model) == {"DequantizeLinear": 2, "Relu": 1, "QuantizeLinear": 2}
