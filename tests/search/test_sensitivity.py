"""What layers cost alone, on the embedded classifier."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from detquant.algorithms.bias_correction import mean_error, shift_bias
from detquant.algorithms.damage import with_flags
from detquant.calibration import weight_grid
from detquant.graph import OrtRunner
from detquant.graph.switches import with_switches
from detquant.graph.traits import weight_of
from detquant.graph.values import constant
from detquant.graph.weights import replace_weight
from detquant.search.measures import HeadDamage
from detquant.search.processes import Processes
from detquant.search.sensitivity import sensitivity
from detquant.search.trials import layer_widths, tensor_widths, weight_trials
from detquant.targets import load_target


@pytest.fixture(scope="module")
def measure(begun):
    return HeadDamage(begun.context.damage.limited(1))


@pytest.fixture(scope="module")
def table(job, begun, measure):
    return sensitivity(begun.model, job.target.capability, measure, widths=(3, 8), activations=(8,))


def test_each_layer_and_each_grid_has_its_losses(table, begun):
    assert [one.name for one in table.layers] == list(begun.model.plan.weights)
    assert {tuple(one.loss) for one in table.layers} == {(3, 8)}
    assert [one.name for one in table.tensors] == list(
        dict.fromkeys(map(begun.model.plan.root, begun.model.activations))
    )
    assert sum(one.weights for one in table.layers) > 250_000 and all(one.macs for one in table.layers)
    narrow, wide = (sum(one.loss[bits] for one in table.layers) for bits in (3, 8))
    assert narrow > 10 * wide > 0
    assert all(one.reads in begun.model.plan.points for one in table.layers)


def test_a_loss_is_that_of_a_model_with_one_weight_rounded(table, begun, measure):
    layer = max(table.layers, key=lambda one: one.loss[3])
    [trial] = weight_trials(begun.model, load_target("ort").capability, {layer.name: (3,)})
    model = begun.model.reference.clone()
    node = next(one for one in model.graph if one.name == layer.name)
    before = np.array(constant(weight_of(node)))
    grid = weight_grid(node, trial.specs[0], x=trial.x, peaks=trial.peaks)
    replace_weight(node, grid.values)
    assert np.unique(grid.values[0]).size <= 8 < np.unique(before[0]).size
    uncorrected = measure(OrtRunner(model).run)
    shift_bias(node, mean_error(node, before, grid.values, trial.mean))
    assert measure(OrtRunner(model).run) == pytest.approx(layer.loss[3], rel=1e-3)
    assert abs(uncorrected - layer.loss[3]) > 0.01 * layer.loss[3]  # the bias took the mean error


def test_a_loss_of_activations_is_that_of_one_grid_alone(table, begun, measure):
    tensor = max(table.tensors, key=lambda one: one.loss[8])
    names = [name for name in begun.model.activations if begun.model.plan.root(name) == tensor.name]
    grids = {name: begun.model.activations[name] for name in names}
    runner = OrtRunner(with_switches(begun.model.reference, grids, dict.fromkeys(names, "on")))
    loss = measure(partial(with_flags, runner.run, {"on": np.array(True)}))
    assert loss == pytest.approx(tensor.loss[8], rel=1e-3)


@pytest.mark.slow
def test_processes_find_the_same_to_the_last_bit(table, job, begun, measure):
    with Processes(2) as executor:
        again = sensitivity(
            begun.model, job.target.capability, measure, widths=(3, 8), activations=(8,), executor=executor
        )
    assert again == table


def test_what_is_known_is_not_measured_again(table, job, begun, measure):
    found, steps = [], []
    known = {("weight", one.name, 3): one.loss[3] for one in table.layers[1:]}
    again = sensitivity(
        begun.model,
        job.target.capability,
        measure,
        widths=(3,),
        activations=(),
        known=known,
        found=found.append,
        progress=lambda *step: steps.append(step),
    )
    assert [list(one) for one in found] == [[("weight", table.layers[0].name, 3)]]
    assert [one.loss[3] for one in again.layers] == [one.loss[3] for one in table.layers] and again.tensors == ()
    assert steps == [("sensitivity", len(table.layers), len(table.layers))]


def test_widths_are_those_that_the_target_takes(begun):
    ort, torch = load_target("ort").capability, load_target("pytorch").capability
    assert set(layer_widths(begun.model, ort, None).values()) == {tuple(range(2, 9))}
    assert set(layer_widths(begun.model, ort, (4, 12)).values()) == {(4,)}
    assert set(tensor_widths(begun.model, ort, None).values()) == {(4, 6, 8)}  # 16 would run in float there
    assert set(tensor_widths(begun.model, torch, None).values()) == {(4, 6, 8, 16)}
    assert set(tensor_widths(begun.model, torch, (5, 3)).values()) == {(3, 5)}
