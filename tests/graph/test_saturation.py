from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from detquant.graph import OrtRunner, prepare
from detquant.graph.qdq import insert_qdq
from detquant.graph.saturation import is_narrow, with_saturated_codes, with_saturation
from detquant.graph.switches import with_switches
from detquant.numerics import QuantSpec, fake_quantize, grid_from_range
from detquant.numerics.qtype import QType

WIDE = np.linspace(-9, 9, 721, dtype=np.float32).reshape(1, 1, 1, -1)


@pytest.fixture
def net(build):
    rows = [("Relu", ["x"], ["a"], {"name": "a"}), ("Relu", ["a"], ["y"], {"name": "b"})]
    return prepare(build(rows, {"x": [*WIDE.shape]}, {"y": None}))


def grid(bits: int, signed: bool = False):
    return grid_from_range(-1.0, 3.0, QuantSpec(qtype=QType(bits, signed), symmetric=False))


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", range(2, 9))
def test_codes_end_where_the_grid_does(net, bits, signed):
    qdq = insert_qdq(net, activations={"x": grid(bits, signed)}, weights={}, nodes=["a"])
    saturated = with_saturation(qdq)
    onnx.checker.check_model(ir.to_proto(saturated), full_check=True)
    found = OrtRunner(saturated).run({"x": WIDE})
    np.testing.assert_array_equal(found["y"], np.maximum(fake_quantize(WIDE, grid(bits, signed)), 0))


@pytest.mark.parametrize("bits", [3, 4, 8])
def test_a_switched_tensor_saturates_too(net, bits):
    switched = OrtRunner(with_switches(net, {"a": grid(bits)}, {"a": "on"}))
    found = switched.run({"x": WIDE, "on": np.array(True)})
    np.testing.assert_array_equal(found["y"], fake_quantize(np.maximum(WIDE, 0), grid(bits)))


def test_what_is_as_wide_as_its_type_stays_the_same(net):
    qdq = insert_qdq(net, activations={"x": grid(8)}, weights={}, nodes=["a"])
    assert with_saturation(qdq) is qdq
    assert is_narrow(QType(5)) and not is_narrow(QType(16, False))


def test_codes_that_end_there_already_are_left(net):
    qdq = insert_qdq(net, activations={"x": grid(4)}, weights={}, nodes=["a"])
    once = with_saturated_codes(qdq)
    again = with_saturated_codes(ir.from_proto(ir.to_proto(once)))
    assert [node.op_type for node in again.graph] == [node.op_type for node in once.graph]
    found = OrtRunner(again).run({"x": WIDE})
    np.testing.assert_array_equal(found["y"], np.maximum(fake_quantize(WIDE, grid(4)), 0))
