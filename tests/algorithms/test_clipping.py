from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detquant.algorithms import Damage, build_algorithm, take_steps
from detquant.algorithms import clipping as module
from detquant.algorithms.clipping import NEXT, OWN, Clipping
from detquant.algorithms.open_activations import OpenActivations
from detquant.algorithms.ranges import damage_of
from detquant.calibration import invariant_violation
from detquant.errors import RecipeError
from detquant.graph.running import OrtRunner
from detquant.numerics import PerAxis, QType, QuantSpec
from detquant.recipes import Fixed, Recipe, Rule


class Heads:
    """Scores as the net gives them; boxes that never move."""

    ranked = False

    def scores(self, outputs):
        return outputs["scores"].reshape(-1, 1)

    def boxes(self, outputs):
        return np.tile(np.array([0, 0, 8, 8], np.float32), (outputs["scores"].size, 1))


def wish(bits, signed=False, observer="minmax"):
    activation = QuantSpec(qtype=QType(bits, signed), symmetric=signed, observer=observer)
    weight = QuantSpec(qtype=QType(8), granularity=PerAxis(0), observer="mse")
    return Recipe(name=f"w8a{bits}", rules=(Rule(weight=weight, activation=activation),))


@pytest.fixture
def setting(small_net, images, calibrated):
    """setting(bits=4, signed=False, target="pytorch"): a narrow model on images with a few bright pixels."""

    def make(bits=4, signed=False, target="pytorch", recipe=None, observer="minmax"):
        feeds = tuple(images(4))
        for feed in feeds:
            feed["x"][:, :, 3, 5] = 12.0
        damage = Damage(Heads(), OrtRunner(small_net).run, feeds)
        recipe = recipe or wish(bits, signed, observer)
        return calibrated(small_net, feeds, recipe=recipe, target=target, damage=damage)

    return make


def said(qm):
    return " ".join(note.sentence for note in qm.notes)


def with_alarms(qm, context):
    return damage_of(qm, replace(context, damage=context.damage.with_alarms()))


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("signed", [False, True], ids=["asymmetric", "symmetric"])
def test_the_heads_lose_less_and_never_more(setting, bits, signed):
    qm, context = setting(bits, signed)
    found = take_steps(qm, [Clipping()], context)
    before, after = with_alarms(qm, context), with_alarms(found, context)
    assert after <= before
    if bits == 4:
        assert after < 0.7 * before
    assert invariant_violation(found, context.target.capability) is None
    for root, point in found.plan.points.items():
        if isinstance(point, Fixed):
            assert found.params[root] is qm.params[root]
    assert all(not signed or grid.zero_point == 0 for grid in found.params.values())


def test_bright_pixels_are_clipped_where_bits_are_few(setting):
    qm, context = setting(4)
    found = Clipping()(qm, context)
    assert "damage" in said(found) and OWN in said(found)
    assert sum(float(found.params[r].high) < 0.6 * float(qm.params[r].high) for r in qm.plan.owned) >= 2


def test_each_grid_has_the_least_loss_of_its_next_layers(setting, monkeypatch):
    qm, context = setting(4)
    found = Clipping(refined=0)(qm, replace(context, damage=None))
    assert "no heads are known" in said(found)
    [(layers, values)] = module.with_values(
        qm.reference, [module.NextLayers(qm, "sum")], context.images.informative, module.IN_MEMORY
    )
    loss = module.NextLayerLoss(layers, values, found.params)
    assert loss(found.params["sum"]) < 0.8 * loss(qm.params["sum"])


def test_the_recipes_own_stay_where_they_do_least(setting, monkeypatch):
    qm, context = setting(4)
    costs = iter([0.1, 0.2, 0.3, 0.1])
    monkeypatch.setattr(OpenActivations, "cost", lambda self, params, damage: next(costs))
    kept = Clipping(refined=0)(qm, context)
    assert kept.params == qm.params and kept.model is qm.model
    assert f"{OWN} taken, by damage: {OWN} 0.100" in said(kept) and f"{NEXT} 0." in said(kept)


def test_what_few_images_wish_is_held_to_all(setting, monkeypatch):
    qm, context = setting(4)
    own = OpenActivations.cost

    def worse_on_all(self, params, damage):
        refined = sum(params[r] is not qm.params[r] for r in qm.plan.owned) == 1
        return own(self, params, damage) + (1.0 if refined and len(damage.feeds) == 4 else 0.0)

    monkeypatch.setattr(module, "FEW", 2)
    monkeypatch.setattr(OpenActivations, "cost", worse_on_all)
    monkeypatch.setattr(Clipping, "_by_next_layers", lambda self, qm, roots, context: dict(qm.params))
    assert Clipping(observers=(), refined=1)(qm, context).params == qm.params
    monkeypatch.setattr(OpenActivations, "cost", own)
    refined = Clipping(observers=(), refined=1)(qm, context)
    assert sum(refined.params[r] is not qm.params[r] for r in qm.plan.owned) == 1
    assert "1 that the heads decided" in said(refined)


def test_equal_runs_give_equal_grids(setting):
    qm, context = setting(4)
    first, second = Clipping()(qm, context), Clipping()(qm, context)
    assert said(first) == said(second)
    for root, grid in first.params.items():
        assert (grid.scale, grid.zero_point) == (second.params[root].scale, second.params[root].zero_point)


def test_weights_keep_the_limits_of_finer_steps(setting):
    qm, context = setting(target="ort", recipe=wish(8))
    found = take_steps(qm, [Clipping(observers=())], context)
    changed = [r for r in qm.plan.owned if found.params[r] is not qm.params[r]]
    assert changed and found.weights.keys() == qm.weights.keys()


@pytest.mark.parametrize("target", ["tflite", "edgetpu"])
def test_targets_of_integers_alone_have_it_too(setting, target):
    recipe = Recipe(name="int8", rules=wish(8, signed=True).rules)
    qm, context = setting(target=target, recipe=recipe)
    found = take_steps(qm, [Clipping()], context)
    assert with_alarms(found, context) <= with_alarms(qm, context)


def test_wider_grids_than_asked_for_stay(setting):
    qm, context = setting(8)
    assert Clipping(bits=7)(qm, context) is qm


def test_progress_is_told(setting):
    qm, context = setting(4)
    told = []
    Clipping(refined=2)(qm, replace(context, progress=lambda *one: told.append(one)))
    grids = len(qm.plan.owned) - 1  # that of the scores stays
    assert [one for one in told if "next" in one[0]] == [
        ("ranges by the next layers", k, grids) for k in range(1, grids + 1)
    ]
    assert [one[1:] for one in told if "heads" in one[0]] in ([(1, 4), (2, 4)], [(k, 4) for k in range(1, 5)])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bits": 1}, "bits = 1, expected a whole number of at least 2 and of at most 16"),
        ({"images": 0}, "images = 0, expected a whole number of at least 1"),
        ({"refined": -1}, "refined = -1"),
        ({"gain": 2.0}, "gain = 2.0"),
        ({"observers": ["meen"]}, "Unknown observer 'meen': did you mean 'mean'"),
        ({"refine": 1}, "Unknown option 'refine': did you mean 'refined'"),
    ],
)
def test_options_are_bounded(options, message):
    with pytest.raises(RecipeError, match=message):
        build_algorithm("clipping", options)
