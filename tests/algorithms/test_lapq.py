"""The step as a whole; its stages are tested in tests/algorithms/lapq/."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

from detquant.algorithms import Damage, build_algorithm, take_steps
from detquant.algorithms.cross_entropy import CrossEntropy
from detquant.algorithms.lapq import Lapq, joint, step
from detquant.calibration import Images
from detquant.errors import CalibrationError, MissingExtra, RecipeError
from detquant.graph.running import OrtRunner
from detquant.graph.saturation import with_saturation
from detquant.graph.traits import weight_of
from detquant.numerics import PerAxis, PerTensor, QType, QuantSpec
from detquant.recipes import Recipe, Rule

needs_scipy = pytest.mark.skipif(find_spec("scipy") is None, reason="the extra search is not installed")


class Cells:
    """A detector of boxes that never move."""

    ranked = False

    def scores(self, outputs):
        return outputs["scores"].reshape(-1, 1)

    def boxes(self, outputs):
        return np.tile(np.array([0, 0, 8, 8], np.float32), (outputs["scores"].size, 1))


class Classes:
    """A classifier: one row of probabilities."""

    ranked = False

    def scores(self, outputs):
        means = outputs["scores"].mean(axis=(2, 3)).reshape(1, -1)
        return np.asarray(np.exp(20 * means) / np.exp(20 * means).sum(), np.float32)

    def boxes(self, outputs):
        return np.array([[0, 0, 16, 16]], np.float32)


def wish(granularity):
    activation = QuantSpec(qtype=QType(4, False), symmetric=False, observer="minmax")
    weight = QuantSpec(qtype=QType(3), granularity=granularity, observer="minmax")
    return Recipe(name="w3a4", rules=(Rule(weight=weight, activation=activation),))


@pytest.fixture
def setting(small_net, images, calibrated):
    """setting(heads=Cells(), granularity=PerAxis(0)): a narrow model on images with a bright pixel each."""

    def make(heads=None, granularity=None):
        feeds = tuple(images(8))
        for feed in feeds:
            feed["x"][:, :, 3, 5] = 6.0
        damage = Damage(heads or Cells(), OrtRunner(small_net).run, feeds)
        return calibrated(small_net, feeds, recipe=wish(granularity or PerAxis(0)), target="pytorch", damage=damage)

    return make


def said(qm):
    return qm.notes[-1].sentence


def loss(qm, context):
    return context.damage.with_alarms()(OrtRunner(with_saturation(qm.qdq())).run)


FIRST = {"quadratic": False, "joint": False}


@needs_scipy
@pytest.mark.parametrize("granularity", [PerAxis(0), PerTensor()], ids=str)
def test_each_stage_loses_less(setting, granularity):
    qm, context = setting(granularity=granularity)
    losses = [loss(qm, context)]
    for options in (FIRST, {"joint": False}, {"evaluations": 150}):
        found = take_steps(qm, [Lapq(**options)], context)
        losses.append(loss(found, context))
    assert losses == sorted(losses, reverse=True)
    assert losses[1] < 0.8 * losses[0] and losses[3] < losses[1]
    assert "layer by layer at p =" in said(found) and "joint search" in said(found)


@needs_scipy
def test_the_loss_that_is_told_is_that_of_the_model_that_comes_out(setting):
    qm, context = setting()
    found = Lapq(evaluations=60)(qm, context)
    assert found.notes[-1].cost == pytest.approx(loss(found, context), rel=0.25)  # biases are in codes there


def test_weights_are_rounded_anew_from_the_float_ones(setting):
    qm, context = setting()
    found = take_steps(qm, [Lapq(**FIRST)], context)
    for before, after in zip(qm.model.graph, found.model.graph, strict=True):
        if before.name in qm.plan.weights:
            assert not np.array_equal(weight_of(before).const_value.numpy(), weight_of(after).const_value.numpy())
    assert found.reference is qm.reference and found.weights.keys() == qm.weights.keys()


@needs_scipy
def test_equal_runs_give_equal_steps(setting):
    qm, context = setting()
    first, second = (Lapq(evaluations=40)(qm, context) for _ in range(2))
    assert said(first) == said(second)
    assert all(np.array_equal(first.weights[n].scale, second.weights[n].scale) for n in first.weights)
    assert all(first.params[n].scale == second.params[n].scale for n in first.params)


@needs_scipy
def test_the_joint_search_makes_no_more_evaluations_than_it_may(setting):
    qm, context = setting()
    told = []
    Lapq(layerwise=False, quadratic=False, evaluations=23)(qm, replace(context, progress=lambda *a: told.append(a)))
    assert told == [("lapq: joint search", k, 23) for k in range(1, 24)]


def test_steps_that_lose_more_are_not_taken(setting, monkeypatch):
    qm, context = setting()
    from detquant.algorithms.lapq.stages import Stages

    costs = iter([0.1, 0.2, 0.2])
    monkeypatch.setattr(Stages, "cost", lambda self, steps: next(costs))
    kept = Lapq(powers=(2.0,), **FIRST)(qm, context)
    assert kept.model is qm.model and kept.params == qm.params and "not taken" in said(kept)


@pytest.mark.parametrize("labelled", [True, False])
def test_classifiers_are_judged_by_cross_entropy(setting, labelled):
    qm, context = setting(heads=Classes())
    feeds = context.images.informative
    scores = [Classes().scores(OrtRunner(qm.reference).run(feed))[0] for feed in feeds]
    labels = [int(one.argmax()) if labelled else None for one in scores]
    images = Images(lambda places: (feeds[k] for k in places), range(len(feeds)), range(4), labels)
    found = Lapq(images=6, **FIRST)(qm, replace(context, images=images))
    assert "cross-entropy on 6 images" in said(found)
    measure = CrossEntropy(Classes(), OrtRunner(qm.reference).run, feeds[:6], labels[:6])
    assert found.notes[-1].cost == pytest.approx(measure(OrtRunner(with_saturation(found.qdq())).run), rel=0.25)


def test_a_detector_is_judged_by_as_many_images_as_one_says(setting, monkeypatch):
    qm, context = setting()
    few = replace(context, damage=context.damage.limited(4))
    assert "damage on 4 images" in said(Lapq(**FIRST)(qm, few))
    assert "damage on 7 images" in said(Lapq(images=7, **FIRST)(qm, few))
    assert "damage on 8 images" in said(Lapq(images=100, **FIRST)(qm, few))
    monkeypatch.setattr(step, "IN_MEMORY", 5 * 4 * 3 * 16 * 16)
    assert "damage on 5 images" in said(Lapq(images=100, **FIRST)(qm, few))


def test_what_cannot_be_measured_is_said(setting):
    qm, context = setting()
    with pytest.raises(CalibrationError, match="heads are known: leave it out"):
        Lapq(**FIRST)(qm, replace(context, damage=None))
    with pytest.raises(CalibrationError, match="has 3 images to judge steps by, and 4 are the fewest"):
        Lapq(**FIRST)(qm, replace(context, damage=context.damage.limited(3)))


def test_without_scipy_there_is_no_joint_search(setting, monkeypatch):
    qm, context = setting()
    monkeypatch.setattr(joint, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"SciPy is not installed: run  pip install 'detquant\[search\]'"):
        Lapq()(qm, context)
    assert Lapq(joint=False)(qm, context) is not qm


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layerwise": False}, "quadratic = true interpolates between what layerwise = false leaves out"),
        ({"layerwise": False, "quadratic": False, "joint": False}, "leave nothing to do"),
        ({"powers": []}, "powers is empty"),
        ({"powers": [0.5]}, "each item a number of at least 1 and of at most 10"),
        ({"evaluations": 0}, "evaluations = 0"),
        ({"joints": True}, "Unknown option 'joints': did you mean 'joint'"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(RecipeError, match=message):
        build_algorithm("lapq", options)
