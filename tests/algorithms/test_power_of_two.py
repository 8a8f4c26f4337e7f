"""Steps that are powers of two stay so, whatever changes grids: `take_steps` looks at them after each step."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
from output_error import drawn, error

from detquant.algorithms import Damage, build_algorithm, take_steps
from detquant.calibration import invariant_violation
from detquant.graph.running import OrtRunner
from detquant.numerics import PerAxis, PerTensor, QType, QuantSpec
from detquant.numerics.powers_of_two import are_powers
from detquant.recipes import Recipe, Rule

TORCH = pytest.mark.skipif(find_spec("torch") is None, reason="the extra torch is not installed")
SCIPY = pytest.mark.skipif(find_spec("scipy") is None, reason="the extra search is not installed")
FEW = {"images": 8, "iterations": 20, "batch": 128}
AXIS, TENSOR = PerAxis(0), PerTensor()
REFIT = {"equalization": {}, "clipping": {"images": 2}, "refit": {}, "bias_correction": {}}
STEPS = [
    pytest.param(TENSOR, REFIT, id="refit, per tensor"),
    pytest.param(AXIS, REFIT, id="refit, per axis"),
    pytest.param(AXIS, {"lapq": {"powers": [2.0, 4.0], "quadratic": False, "evaluations": 16}}, marks=SCIPY, id="lapq"),
    pytest.param(TENSOR, {"blocks": {**FEW, "activation_steps": True, "lr": 0.5}}, marks=TORCH, id="blocks"),
    pytest.param(AXIS, {"refit": {}, "finetune": {"steps": 8, "batch": 4, "step_lr": 0.3}}, marks=TORCH, id="finetune"),
]


class Cells:
    """Each place of the map a cell, with boxes that never move."""

    ranked = False

    def scores(self, outputs):
        return 1 / (1 + np.exp(-next(iter(outputs.values())).reshape(6, -1).T))

    def boxes(self, outputs):
        return np.tile(np.array([0, 0, 8, 8], np.float32), (next(iter(outputs.values())).size // 6, 1))


@pytest.fixture
def powers(residuals, calibrated):
    """powers(granularity, signed): the net of residual blocks on such grids, and its context."""

    def make(granularity, *, signed=True):
        feeds = drawn(12)
        weight = QuantSpec(qtype=QType(4), granularity=granularity, observer="mse", power_of_two=True)
        activation = QuantSpec(qtype=QType(4, signed), symmetric=signed, observer="tails", power_of_two=True)
        recipe = Recipe(name="powers", rules=(Rule(weight=weight, activation=activation),))
        damage = Damage(Cells(), OrtRunner(residuals).run, feeds[:6])
        return calibrated(residuals, feeds, recipe=recipe, target="pytorch", damage=damage)

    return make


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(("granularity", "steps"), STEPS)
def test_every_step_keeps_them(powers, granularity, steps):
    qm, context = powers(granularity, signed=granularity == TENSOR)
    found = take_steps(qm, [build_algorithm(name, options) for name, options in steps.items()], context)
    grids = [*found.params.values(), *found.weights.values()]
    assert all(are_powers(grid.scale).all() for grid in grids)
    assert error(found, drawn(6, seed=5)) < (0.9 if "refit" in steps else 1.05) * error(qm, drawn(6, seed=5))


def test_a_step_that_is_no_power_is_a_fault(powers):
    qm, context = powers(PerAxis(0))
    assert invariant_violation(qm, context.target.capability) is None
    root = next(iter(qm.params))
    wide = replace(qm.params[root], scale=np.float32(0.3))
    found = invariant_violation(replace(qm, params={**qm.params, root: wide}), context.target.capability)
    assert found == f"'{root}' has a grid whose step is {np.float32(0.3)}, and a power of two was planned"
    weights = {name: replace(grid, scale=grid.scale * np.float32(1.5)) for name, grid in qm.weights.items()}
    found = invariant_violation(replace(qm, weights=weights), context.target.capability)
    assert found is not None and "the weight has a grid whose step is" in found
