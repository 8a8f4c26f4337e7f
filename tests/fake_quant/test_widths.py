"""Widths are the grids' own: any of 2 to 8 and 16 bits rounds and clips as the arithmetic of the house does."""

from __future__ import annotations

import numpy as np
import pytest

from detquant.errors import UnsupportedOperator
from detquant.graph.grids import QTYPE
from detquant.graph.qdq import insert_qdq
from detquant.graph.values import is_op
from detquant.numerics import QType, QuantParams, QuantSpec, fake_quantize, grid_from_range

pytest.importorskip("torch", reason="the extra torch is not installed")
import torch

from detquant.fake_quant.module import as_module
from detquant.fake_quant.modules import FakeQuantize

pytestmark = pytest.mark.usefixtures("one_thread")
WIDTHS = [QType(bits, signed) for bits in (2, 3, 4, 5, 6, 7, 8, 16) for signed in (True, False)]
RNG = np.random.default_rng(5)


def of_powers(qtype, axis=None):
    """A grid whose scales are powers of two, on which torch's product with 1 / scale is a division."""
    middle = 0 if qtype.signed else qtype.qmax // 2
    if axis is None:
        return QuantParams(qtype, np.float32(0.25), np.int64(middle))
    return QuantParams(qtype, np.float32(2.0) ** -np.arange(4, dtype=np.float32), np.full(4, middle), axis)


@pytest.mark.parametrize("qtype", WIDTHS, ids=str)
@pytest.mark.parametrize("axis", [None, 1])
def test_values_are_those_of_the_grid(qtype, axis):
    grid = of_powers(qtype, axis)
    reach = float(np.max(grid.scale)) * (1 << qtype.bits)
    data = np.concatenate([RNG.uniform(-reach, reach, 4 * 500), np.arange(-1000, 1000) / 16]).reshape(10, 4, -1)
    found = FakeQuantize(grid)(torch.from_numpy(data.astype(np.float32)))
    assert np.array_equal(found.numpy(), fake_quantize(data.astype(np.float32), grid))


@pytest.mark.parametrize("qtype", WIDTHS, ids=str)
def test_gradients_pass_within_the_range_and_nowhere_else(qtype):
    grid = of_powers(qtype)
    low, high, step = float(grid.low), float(grid.high), float(grid.scale)
    data = torch.tensor([low - step, low - 0.4 * step, low, 0.1, high, high + 0.4 * step, high + step])
    data.requires_grad_()
    FakeQuantize(grid)(data).sum().backward()
    assert data.grad is not None and data.grad.tolist() == [0, 1, 1, 1, 1, 1, 0]


def test_thirty_two_bits_are_refused():
    with pytest.raises(UnsupportedOperator, match=r"A grid of 32 bits .* 16 at most"):
        FakeQuantize(of_powers(QType(32)))


@pytest.mark.parametrize(("weight", "activation"), [(2, 4), (3, 5), (4, 8), (5, 6), (8, 16)])
def test_a_graphs_own_widths_reach_the_module(build, images, weight, activation):
    w = RNG.standard_normal((4, 3, 3, 3)).astype(np.float32)
    model = build(
        [("Conv", ["x", "w"], ["y"], {"name": "conv"})], {"x": [1, 3, 16, 16]}, {"y": [1, 4, 14, 14]}, {"w": w}
    )
    seen = grid_from_range(0.1, 0.8, QuantSpec(qtype=QType(activation, False), symmetric=False))
    given = grid_from_range(-2.0, 1.0, QuantSpec(qtype=QType(activation, False), symmetric=False))
    most = np.abs(w).max((1, 2, 3)) * 0.7  # the largest weights are clipped
    taps = grid_from_range(-most, most, QuantSpec(qtype=QType(weight)), axis=0)
    qdq = insert_qdq(model, activations={"x": seen, "y": given}, weights={"conv": taps}, nodes={"conv"})
    pairs = [n for n in qdq.graph if is_op(n, "QuantizeLinear", "DequantizeLinear")]
    told = {n.metadata_props.get(QTYPE) for n in pairs}
    names = {f"int{weight}", f"uint{activation}"}
    assert told == {None if name in ("int8", "uint16", "uint8") else name for name in names}
    module = as_module(qdq)
    x = images(1)[0]["x"]
    found = module(torch.from_numpy(x))[0]
    rounded = torch.from_numpy(fake_quantize(x, seen)), torch.from_numpy(fake_quantize(w, taps))
    plain = torch.nn.functional.conv2d(*rounded).numpy()
    steps = np.abs(found.detach().numpy() - fake_quantize(plain, given)) / given.scale
    assert steps.max() < 1.01 and (steps > 0.01).mean() < 2e-3
    assert len(np.unique(found.detach().numpy())) <= 1 << activation
    found.square().sum().backward()
    assert all(bool(torch.isfinite(one.grad).all()) and bool(one.grad.any()) for one in module.parameters())
