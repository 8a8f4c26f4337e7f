"""LSQ: values on the grid, and gradients beside the closed form and beside differences."""

from __future__ import annotations

import numpy as np
import pytest

from detquant.numerics import QType, QuantParams, fake_quantize

pytest.importorskip("torch", reason="the extra torch is not installed")
import torch

from detquant.algorithms.finetune.dropped import Dropped
from detquant.algorithms.finetune.learnt_grids import GridVariable, WeightVariable, rounded, slowed
from detquant.algorithms.finetune.straight_through import on_grid

pytestmark = pytest.mark.usefixtures("one_thread")
UNSIGNED = QuantParams(QType(4, False), np.asarray(0.1, np.float32), np.asarray(3, np.int64))


def test_numbers_are_rounded_as_the_grid_rounds():
    data = np.random.default_rng(0).normal(0.3, 0.8, (2, 3, 7, 5)).astype(np.float32)
    found = GridVariable(UNSIGNED, offset=True)(torch.from_numpy(data)).detach().numpy()
    assert np.allclose(found, fake_quantize(data, UNSIGNED), atol=1e-6)


@pytest.mark.parametrize("number", [-1.0, -0.27, 0.0, 0.123, 0.56, 1.15, 1.19, 3.0])
def test_gradients_are_those_of_the_papers(number):
    """Esser et al., equation 3; Bhalgat et al., equation 5."""
    x, s, z = (torch.tensor(one, dtype=torch.float64, requires_grad=True) for one in (number, 0.1, 3.0))
    rounded(x, s, z, 0, 15).backward()
    code = np.rint(number / 0.1) + 3
    if number / 0.1 + 3 > 15 or number / 0.1 + 3 < 0:
        code = float(np.clip(code, 0, 15))
        assert (x.grad, s.grad, z.grad) == (0.0, code - 3, pytest.approx(-0.1))
    else:
        assert x.grad == 1.0 and float(z.grad) == pytest.approx(0.0, abs=1e-9)
        assert float(s.grad) == pytest.approx(code - 3 - number / 0.1)


@pytest.mark.parametrize("share", [None, 0.7])
def test_the_fast_function_gives_what_the_plain_one_gives(share):
    """Within half a code of the ends the fast one does not call a number clipped, so none is there."""
    random = torch.Generator().manual_seed(0)
    whole = torch.randint(-6, 22, (2, 3, 5, 7), generator=random)
    whole[(whole == -3) | (whole == 12)] = 0  # codes at either end
    data = 0.1 * whole + 0.02 * torch.randn(whole.shape, generator=random)
    kept = None if share is None else (torch.rand(data.shape, generator=random) < share).float()
    gradients = []
    for fast in (True, False):
        x, s, z = (
            data.clone().requires_grad_(),
            torch.tensor(0.1, requires_grad=True),
            torch.tensor(3.0, requires_grad=True),
        )
        plain = rounded(x, s, z, 0, 15)
        out = on_grid(x, s, z, 0, 15, kept) if fast else plain if kept is None else kept * plain + (1 - kept) * x
        (out * torch.linspace(-1, 2, out.numel()).view(out.shape)).sum().backward()
        gradients.append((out.detach(), x.grad, s.grad, z.grad))
    for one, other in zip(*gradients, strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-4)


def test_a_share_of_the_numbers_is_dropped_whatever_their_layout():
    dropped = Dropped(0.25, torch.Generator().manual_seed(0))
    for data in (torch.zeros(2, 8, 16, 16), torch.zeros(2, 8, 32, 16).to(memory_format=torch.channels_last)):
        kept = dropped.kept(data)
        assert kept.shape == data.shape and set(kept.unique().tolist()) == {0.0, 1.0}
        assert float(kept.mean()) == pytest.approx(0.75, abs=0.03)


def test_the_gradient_of_a_step_is_that_of_differences_where_nothing_crosses_a_code():
    """Where all codes stay, y = (q - z) s is straight in s: with rounding passed through only clipped numbers agree."""
    data = torch.tensor([2.0, 5.0, -3.0], dtype=torch.float64)
    s, z = torch.tensor(0.1, dtype=torch.float64, requires_grad=True), torch.tensor(3.0, dtype=torch.float64)
    rounded(data, s, z, 0, 15).sum().backward()
    with torch.no_grad():
        more, less = (rounded(data, s + h, z, 0, 15).sum() for h in (1e-6, -1e-6))
    assert float(s.grad) == pytest.approx(float((more - less) / 2e-6), rel=1e-6)


def test_a_gradient_is_slowed_and_the_number_is_not():
    step = torch.tensor(0.3, requires_grad=True)
    out = slowed(step, 0.25)
    out.backward()
    assert float(out.detach()) == pytest.approx(0.3) and float(step.grad) == 0.25


def test_a_weight_starts_where_it_stands_and_its_step_has_the_share_of_the_paper():
    grid = QuantParams(QType(4), np.array([0.1, 0.2], np.float32), np.zeros(2, np.int64), 0)
    codes = np.random.default_rng(1).integers(-8, 8, (2, 3, 3, 3))
    weight = (codes * grid.spread(4)[0]).astype(np.float32)
    variable = WeightVariable(weight, grid)
    assert np.allclose(variable().detach().numpy(), weight)
    assert variable.slow == pytest.approx(1 / np.sqrt(27 * 7))
    real, found = variable.found()
    assert np.allclose(real, weight) and np.array_equal(found.scale, grid.scale)


def test_an_offset_stays_a_code_and_on_the_grid():
    variable = GridVariable(UNSIGNED, offset=True)
    for shift, code in ((0.4, 3), (0.6, 4), (100.0, 15), (-100.0, 0)):
        variable.shifted.data.fill_(shift)
        assert int(variable.found().zero_point) == code
    assert GridVariable(UNSIGNED, offset=False).shifted is None
