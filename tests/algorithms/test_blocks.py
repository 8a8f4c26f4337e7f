"""Block reconstruction: layers of a block move together; activations are dropped, and may have their steps learnt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from output_error import drawn, error

from detquant.algorithms import build_algorithm, take_steps
from detquant.calibration import invariant_violation
from detquant.data import iter_images, open_dataset
from detquant.errors import CalibrationError, MissingExtra, RecipeError
from detquant.graph.traits import weight_of
from detquant.graph.values import constant
from detquant.numerics import quantize
from detquant.pipeline.detector import load
from detquant.recipes import Own

pytest.importorskip("torch", reason="the extra torch is not installed")

from detquant.algorithms.blocks import Blocks
from detquant.algorithms.reconstruction import walk

pytestmark = pytest.mark.usefixtures("one_thread")
FEW = {"images": 12, "iterations": 100, "batch": 512}


def numbers_of(qm):
    """Codes, biases and steps of a model, as bytes."""
    constants = [value.const_value.numpy().tobytes() for value in qm.model.graph.initializers.values()]
    return constants, {name: float(grid.scale) for name, grid in qm.params.items()}


def codes_of(qm):
    nodes = {node.name: node for node in qm.model.graph}
    return {name: quantize(constant(weight_of(nodes[name])), grid) for name, grid in qm.weights.items()}


@pytest.mark.parametrize(
    ("target", "weight", "activation", "left"),
    [("pytorch", 4, 8, 0.8), ("pytorch", 3, 8, 0.8), ("pytorch", 4, 4, 0.9), ("ort", 4, 8, 0.8), ("tflite", 4, 8, 0.8)],
)
def test_the_error_is_less_than_that_of_rounding_to_the_nearest(residuals, narrow, target, weight, activation, left):
    qm, context = narrow(residuals, drawn(24), weight, activation, target)
    found = take_steps(qm, [Blocks(**FEW)], context)
    [note] = found.notes
    assert "of 6 layers rounded anew" in note.sentence and "of 4 units" in note.sentence
    fresh = drawn(20, seed=5)
    assert error(found, fresh) < left * error(qm, fresh)
    assert found.params == qm.params


def test_the_layers_of_a_block_are_judged_together(residuals, narrow, monkeypatch):
    """What is worse goes with all its layers; what is better stays with all of them."""
    qm, context = narrow(residuals, drawn(12))
    learn = walk.learn

    def worse(learner, *rest):
        if "two1" not in learner.unit.layers:
            return learn(learner, *rest)
        codes = {name: -codes for name, codes in learner.start.codes.items()}
        return replace(learner.start, codes=codes)

    monkeypatch.setattr(walk, "learn", worse)
    found = take_steps(qm, [Blocks(**FEW)], context)
    before, after = codes_of(qm), codes_of(found)
    assert [name for name in before if np.array_equal(before[name], after[name])] == ["one1", "two1"]
    assert found.notes[0].operators == ("stem", "one0", "two0", "head")


@pytest.mark.parametrize("target", ["pytorch", "ort"])
def test_steps_of_activations_are_learnt_where_they_are_nobody_elses(residuals, narrow, target):
    width = 4 if target == "pytorch" else 8
    qm, context = narrow(residuals, drawn(24), 4, width, target)
    found = take_steps(qm, [Blocks(**FEW, activation_steps=True)], context)  # which looks at limits and grids
    moved = {name for name, grid in found.params.items() if grid.scale != qm.params[name].scale}
    assert len(moved) >= 4
    assert all(isinstance(qm.plan.points[name], Own) for name in moved)
    assert all(np.array_equal(grid.zero_point, qm.params[name].zero_point) for name, grid in found.params.items())
    if width == 4:
        fresh, plain = drawn(20, seed=5), Blocks(**FEW)(qm, context)
        assert error(found, fresh) < error(plain, fresh)


def test_weights_keep_the_limits_when_steps_of_activations_move(residuals, narrow):
    """Smaller steps are larger codes, which pairs of weights must have room for."""
    bright = [{"x": 0.9 + 0.1 * feed["x"]} for feed in drawn(12)]
    qm, context = narrow(residuals, bright, 8, 8, "ort")
    found = Blocks(**FEW, activation_steps=True)(qm, context)
    assert any(grid.scale != qm.params[name].scale for name, grid in found.params.items())
    assert invariant_violation(found, context.target.capability) is None


def test_grids_that_are_shared_or_fixed_stay(small_net, narrow):
    feeds = drawn(12, shape=(1, 3, 16, 16))
    qm, context = narrow(small_net, feeds, 4, 4)
    found = take_steps(qm, [Blocks(**FEW, activation_steps=True)], context)
    assert found.params["gate"].scale == qm.params["gate"].scale  # the range of a sigmoid is known
    assert found.activations["relu"].scale == found.activations["pool"].scale == found.activations["joined"].scale


def test_the_same_seed_gives_the_same_numbers_and_another_one_others(residuals, narrow):
    qm, context = narrow(residuals, drawn(12))
    few = {**FEW, "iterations": 30, "activation_steps": True}
    first, again, other = Blocks(**few)(qm, context), Blocks(**few)(qm, context), Blocks(**few, seed=1)(qm, context)
    assert numbers_of(first) == numbers_of(again) and first.notes == again.notes
    assert numbers_of(first) != numbers_of(other)


def test_an_interrupted_run_goes_on_and_gives_the_same(residuals, narrow, monkeypatch, tmp_path):
    few = {**FEW, "iterations": 30, "activation_steps": True}
    qm, context = narrow(residuals, drawn(12), store=tmp_path / "run")
    whole = Blocks(**few)(qm, replace(context, store=None))
    learn, learnt, most = walk.learn, [], [2]
    monkeypatch.setattr("detquant.algorithms.checkpoint.EVERY_S", -1.0)

    def broken_off(learner, *rest):
        if len(learnt) == most[0]:
            raise KeyboardInterrupt
        learnt.append(learner.unit.layers)
        return learn(learner, *rest)

    monkeypatch.setattr(walk, "learn", broken_off)
    with pytest.raises(KeyboardInterrupt):
        Blocks(**few)(qm, context)
    learnt.clear()
    most.clear()
    most.append(10)
    found = Blocks(**few)(qm, context)
    assert learnt == [("one1", "two1"), ("head",)]
    assert numbers_of(found) == numbers_of(whole) and found.notes[0].sentence == whole.notes[0].sentence
    learnt.clear()
    assert numbers_of(Blocks(**few)(qm, context)) == numbers_of(whole) and not learnt  # all is known
    Blocks(**few, lr=0.04)(qm, context)
    assert learnt  # and of other options nothing is


def test_after_another_step_it_goes_on_from_there(residuals, narrow):
    qm, context = narrow(residuals, drawn(24), 3)
    first = build_algorithm("adaround", FEW)
    found = take_steps(qm, [first, Blocks(**FEW)], context)
    fresh, alone = drawn(20, seed=5), take_steps(qm, [first], context)
    steps = [np.abs(codes - codes_of(alone)[name]).max() for name, codes in codes_of(found).items()]
    assert max(steps) == 1
    assert error(found, fresh) < error(alone, fresh)
    assert [note.step for note in found.notes] == ["adaround", "blocks"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"drop": 1.1}, r"drop = 1\.1, expected a number of at least 0 and of at most 1"),
        ({"layers": 0}, r"layers = 0, expected a whole number of at least 1"),
        ({"activation_steps": "yes"}, r"activation_steps = 'yes', expected true or false"),
        ({"images": 2.5}, r"images = 2\.5, expected a whole number of at least 1"),
        ({"layer": 1}, r"did you mean 'layers'"),
    ],
)
def test_options_are_checked(options, said):
    with pytest.raises(RecipeError, match=rf"Step 'blocks': .*{said}"):
        build_algorithm("blocks", options)


def test_too_few_images_are_refused(residuals, narrow):
    qm, context = narrow(residuals, drawn(7))
    with pytest.raises(CalibrationError, match=r"'blocks' was given 7 calibration images, and needs 8 at least"):
        Blocks()(qm, context)


def test_without_torch_it_is_refused_before_anything_is_done(monkeypatch):
    monkeypatch.setattr("detquant.algorithms.reconstruction.settings.find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"pip install 'detquant\[torch\]'"):
        build_algorithm("blocks", {})


@pytest.mark.slow
def test_the_embedded_classifier_gives_what_it_gave_in_float_more_nearly(narrow):
    detector = load("resnet-pico")
    name = detector.family.input_name
    paths = open_dataset("crops", 0).calibration[:24]
    feeds = [{name: detector.family.preprocess(image)[0]} for _, image in iter_images(paths, [])]
    qm, context = narrow(detector.model, feeds[:16], 3)
    found = take_steps(qm, [Blocks(images=16, iterations=60, batch=512)], context)
    assert error(found, feeds[16:]) < 0.8 * error(qm, feeds[16:])


@pytest.mark.slow
def test_the_embedded_detector_gives_what_it_gave_in_float_more_nearly(narrow):
    detector = load("yolov8-pico")
    name = detector.family.input_name
    paths = open_dataset("scenes", 0).calibration[:24]
    feeds = [{name: detector.family.preprocess(image)[0]} for _, image in iter_images(paths, [])]
    qm, context = narrow(detector.model, feeds[:16], 3)
    found = take_steps(qm, [Blocks(images=16, iterations=100)], context)
    assert error(found, feeds[16:]) < 0.8 * error(qm, feeds[16:])
