from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from detquant.graph.feeding import FittingRunner
from detquant.graph.original_ends import End, Ends, element_of, ends_of, takes_codes, with_original_ends
from detquant.graph.prepare import prepare
from detquant.graph.qdq import insert_qdq
from detquant.graph.running import OrtRunner
from detquant.numerics import UINT8, QuantParams

PIXELS = np.random.default_rng(0).integers(0, 256, (1, 3, 16, 16)).astype(np.float32)
LAST = (1, 16, 16, 3)


def ends(dtype: ir.DataType, shape=(1, 3, 16, 16), gives: ir.DataType = ir.DataType.FLOAT) -> Ends:
    image = End(dtype=dtype, channels_last=shape == LAST, shape=shape)
    return Ends(inputs={"x": image}, outputs={"scores": End(dtype=gives)})


@pytest.mark.parametrize("shape", [(1, 3, 16, 16), LAST])
@pytest.mark.parametrize("dtype", [ir.DataType.UINT8, ir.DataType.INT32, ir.DataType.FLOAT16, ir.DataType.FLOAT])
def test_inputs_are_those_of_the_file_and_the_function_is_the_same(small_net, dtype, shape):
    after = with_original_ends(small_net, ends(dtype, shape))
    onnx.checker.check_model(ir.to_proto(after), full_check=True)
    [image] = after.graph.inputs
    assert image.dtype == dtype and tuple(image.shape) == shape
    assert ends_of(after.graph).inputs["x"] == End(dtype=dtype, channels_last=shape == LAST, shape=shape)
    expected, found = OrtRunner(small_net).run({"x": PIXELS}), FittingRunner(after).run({"x": PIXELS})
    np.testing.assert_allclose(found["scores"], expected["scores"], atol=1e-5)


@pytest.mark.parametrize("dtype", [ir.DataType.FLOAT16, ir.DataType.DOUBLE])
def test_outputs_are_those_of_the_file(small_net, dtype):
    after = with_original_ends(small_net, ends(ir.DataType.FLOAT, gives=dtype))
    onnx.checker.check_model(ir.to_proto(after), full_check=True)
    assert [(value.name, value.dtype) for value in after.graph.outputs] == [("scores", dtype)]
    expected = OrtRunner(small_net).run({"x": PIXELS / 255})["scores"]
    np.testing.assert_allclose(FittingRunner(after).run({"x": PIXELS / 255})["scores"], expected, atol=1e-3)


def test_float32_ends_are_left_alone(small_net):
    assert with_original_ends(small_net, ends(ir.DataType.FLOAT)) is small_net


def quantised(net: ir.Model, scale: float, zero: int = 0) -> ir.Model:
    grid = QuantParams(UINT8, np.float32(scale), np.int64(zero))
    return insert_qdq(net, activations={"x": grid}, weights={}, nodes={"first"})


@pytest.mark.parametrize(("scale", "zero", "kept"), [(1.0, 0, False), (0.5, 0, True), (1.0, 3, True)])
def test_bytes_are_the_codes_of_a_grid_of_pixels(small_net, scale, zero, kept):
    before = quantised(small_net, scale, zero)
    after = with_original_ends(before, ends(ir.DataType.UINT8, LAST))
    onnx.checker.check_model(ir.to_proto(after), full_check=True)
    kinds = [node.op_type for node in after.graph]
    assert ("Cast" in kinds) is kept and ("QuantizeLinear" in kinds) is kept
    expected = OrtRunner(before).run({"x": PIXELS})["scores"]
    np.testing.assert_allclose(FittingRunner(after).run({"x": PIXELS})["scores"], expected, atol=1e-5)


def test_codes_of_real_numbers_are_told_from_pixels(build):
    rows = [("DequantizeLinear", ["x", "s", "z"], ["a"], {}), ("Neg", ["a"], ["y"], {})]
    model = build(rows, {"x": [1, 3, 16, 16]}, {"y": None}, {"s": np.float32(0.02), "z": np.uint8(3)})
    model.graph.inputs[0].type = ir.TensorType(ir.DataType.UINT8)
    known = ends_of(model.graph)
    assert (
        takes_codes(prepare(model, own_ends=False), known)
        and element_of(prepare(model, own_ends=False), known) == "float32"
    )
    rows = [("Cast", ["x"], ["a"], {"to": 1}), ("Neg", ["a"], ["y"], {})]
    model = build(rows, {"x": [1, 3, 16, 16]}, {"y": None})
    model.graph.inputs[0].type = ir.TensorType(ir.DataType.UINT8)
    assert (
        not takes_codes(prepare(model, own_ends=False), known)
        and element_of(prepare(model, own_ends=False), known) == "uint8"
    )


def test_an_end_is_said_in_words():
    assert End(dtype=ir.DataType.UINT8, channels_last=True, shape=LAST).described == "uint8 1 × 16 × 16 × 3 (NHWC)"
    free = End(dtype=ir.DataType.FLOAT, shape=("batch", 3, None, 16))
    assert free.described == "float32 batch × 3 × ? × 16 (NCHW)"
    assert End(dtype=ir.DataType.FLOAT16, shape=(1, 84, 8400)).described == "float16 1 × 84 × 8400"
    formula = "(floor(floor(height/2 - 1/2)/2) + 1)*(floor(floor(width/2 - 1/2)/2) + 1)"
    assert End(dtype=ir.DataType.FLOAT, shape=("batch", 22, formula)).described == "float32 batch × 22 × ?"
