"""Learnt steps that are powers of two: the nearest ones, exactly, and gradients reach what is rounded to them."""

from __future__ import annotations

import numpy as np
import pytest

from detquant.numerics import INT8, PerAxis, QuantSpec, grid_from_range
from detquant.numerics.powers_of_two import are_powers, nearest_power

pytest.importorskip("torch", reason="the extra torch is not installed")
import torch

from detquant.algorithms.finetune.learnt_grids import GridVariable, WeightVariable
from detquant.algorithms.reconstruction.learnt_powers import snapped


def test_the_nearest_power_and_the_gradient_of_its_logarithm():
    step = torch.exp(torch.linspace(-20, 3, 200)).requires_grad_()
    found = snapped(step)
    np.testing.assert_array_equal(found.detach().numpy(), nearest_power(step.detach().numpy()))
    found.sum().backward()
    np.testing.assert_allclose(step.grad.numpy(), (found / step).detach().numpy(), rtol=1e-6)


def test_grids_that_are_learnt_end_on_powers():
    spec = QuantSpec(qtype=INT8, granularity=PerAxis(0), power_of_two=True)
    weight = np.random.default_rng(0).standard_normal((4, 9)).astype(np.float32)
    most = np.abs(weight).max(axis=1)
    of_weight = WeightVariable(weight, grid_from_range(-most, most, spec, axis=0), power_of_two=True)
    of_data = GridVariable(grid_from_range(-1, 1, spec), offset=False, power_of_two=True)
    with torch.no_grad():
        of_weight.stretched += 0.8
        of_data.stretched -= 1.0
    (_, learnt), grid = of_weight.found(), of_data.found()
    assert are_powers(learnt.scale).all() and (learnt.scale == 2 * of_weight.grid.scale).all()
    assert grid.scale == of_data.grid.scale / 2
    of_data(torch.linspace(-2, 2, 100)).square().sum().backward()
    assert float(of_data.stretched.grad) != 0
