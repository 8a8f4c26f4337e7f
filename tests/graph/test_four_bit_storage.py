"""Four bits in the file, eight in the kernel: the same numbers come out."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from detquant.graph import prepare
from detquant.graph.four_bit_storage import with_four_bit_storage
from detquant.graph.qdq import insert_qdq
from detquant.graph.running import OrtRunner, as_bytes, optimised
from detquant.graph.weight_codes import LEAST
from detquant.numerics import QuantSpec, grid_from_range
from detquant.numerics.qtype import PerAxis, QType

IMAGE = QuantSpec(qtype=QType(8, False), symmetric=False)


@pytest.fixture
def stored(build):
    """stored(bits): a QDQ graph of two convolutions that share one weight, on a grid of that width."""

    def make(bits, channels=64):
        rng = np.random.default_rng(bits)
        weight = rng.normal(0, 0.2, (channels, channels, 1, 1)).astype(np.float32)
        rows = [
            ("Conv", ["x", "w"], ["a"], {"name": "one"}),
            ("Conv", ["a", "w"], ["y"], {"name": "two"}),
        ]
        net = prepare(build(rows, {"x": [1, channels, 4, 4]}, {"y": None}, {"w": weight}))
        high = np.abs(weight).max(axis=(1, 2, 3))
        grid = grid_from_range(-high, high, QuantSpec(qtype=QType(bits), granularity=PerAxis(0)), axis=0)
        grids = {name: grid_from_range(-4, 4, IMAGE) for name in ("x", "a", "y")}
        return insert_qdq(net, activations=grids, weights={"one": grid, "two": grid}, nodes=["one", "two"])

    return make


def kinds(model: ir.Model) -> set[ir.DataType]:
    return {v.dtype for v in model.graph.initializers.values() if v.dtype and np.prod(v.shape.numpy()) >= LEAST}


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_narrow_grids_take_half_the_bytes_and_give_the_same(stored, bits):
    qdq = stored(bits)
    packed = with_four_bit_storage(qdq)
    onnx.checker.check_model(ir.to_proto(packed), full_check=True)
    assert kinds(packed) == {ir.DataType.INT4} and kinds(qdq) == {ir.DataType.INT8}
    assert len(as_bytes(packed)) < len(as_bytes(qdq)) - 0.45 * 2 * 64 * 64
    feed = {"x": np.random.default_rng(1).normal(size=(1, 64, 4, 4)).astype(np.float32)}
    np.testing.assert_array_equal(OrtRunner(packed).run(feed)["y"], OrtRunner(qdq).run(feed)["y"])


def executed(model: ir.Model) -> list[str]:
    return [node.op_type for node in onnx.load_from_string(optimised(model)).graph.node]


def test_the_runtime_has_the_same_operators_as_without(stored):
    assert executed(with_four_bit_storage(stored(4))) == executed(stored(4))
    assert "QLinearConv" in executed(stored(4))


@pytest.mark.parametrize("bits", [5, 8])
def test_wide_grids_stay(stored, bits):
    assert as_bytes(with_four_bit_storage(stored(bits))) == as_bytes(stored(bits))


def test_small_constants_stay(stored):
    assert as_bytes(with_four_bit_storage(stored(4, channels=4))) == as_bytes(stored(4, channels=4))


def test_what_is_not_read_as_codes_stays(stored):
    qdq = stored(4)
    codes = next(v for v in qdq.graph.initializers.values() if v.dtype == ir.DataType.INT8 and len(v.shape) == 4)
    out = ir.node("Identity", [codes])
    out.outputs[0].name, out.outputs[0].type, out.outputs[0].shape = "again", codes.type, codes.shape
    qdq.graph.append(out)
    qdq.graph.outputs.append(out.outputs[0])
    packed = with_four_bit_storage(qdq)
    assert packed.graph.initializers[codes.name].dtype == ir.DataType.INT8
