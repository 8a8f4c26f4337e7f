from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import onnx_ir as ir
import pytest

from detquant.algorithms import Context, Damage
from detquant.algorithms import guard as module
from detquant.algorithms.guard import Guard, _Switches, _with_all_switches, search
from detquant.errors import CalibrationError
from detquant.graph import prepare
from detquant.graph.running import OrtRunner
from detquant.graph.traits import weight_of
from detquant.graph.values import constant

SHAPE = (1, 3, 12, 12)
CHANNELS, CLASSES = 8, 5


class Heads:
    """Scores as the net gives them; boxes that never move."""

    ranked = False

    def scores(self, outputs):
        return outputs["scores"].reshape(CLASSES, -1).T

    def boxes(self, outputs):
        return np.tile(np.array([0, 0, 8, 8], np.float32), (outputs["scores"].size // CLASSES, 1))


@pytest.fixture
def detector(build):
    """detector(outlier, activation): four convolutions and float scores; channel 0 of the second is ``outlier`` times
    as large as the rest, and the third does not look at it.
    """

    def make(outlier=1.0, activation="LeakyRelu"):
        rng = np.random.default_rng(5)

        def conv(gives, takes):
            return rng.normal(0, 1 / np.sqrt(takes), (gives, takes, 1, 1)).astype(np.float32)

        weights = {"w0": conv(CHANNELS, 3)} | {f"w{k}": conv(CHANNELS, CHANNELS) for k in (1, 2, 3)}
        weights["w1"][0], weights["w2"][:, 0] = outlier * np.abs(weights["w1"][0]), 0
        weights["head"] = 30 * conv(CLASSES, CHANNELS)
        rows, last = [], "x"
        for k in range(4):
            rows.append(("Conv", [last, f"w{k}"], [f"c{k}"], {"name": f"conv{k}"}))
            rows.append((activation, [f"c{k}"], [f"r{k}"], {"name": f"act{k}"}))
            last = f"r{k}"
        rows.append(("Conv", [last, "head"], ["logits"], {"name": "head"}))
        rows.append(("Sigmoid", ["logits"], ["scores"], {"name": "tail"}))
        return prepare(build(rows, {"x": [*SHAPE]}, {"scores": None}, weights))

    return make


@pytest.fixture
def guarded(detector, calibrated, images):
    """guarded(outlier, activation): the model before any step, and a context that can measure damage."""

    def make(*arguments, **more) -> tuple:
        model, feeds = detector(*arguments), images(3, SHAPE)
        return calibrated(model, feeds, "float", damage=Damage(Heads(), OrtRunner(model).run, feeds), **more)

    return make


def damage_of(qm, context):
    return context.damage(OrtRunner(qm.qdq(), optimisation="none").run)


def test_only_what_is_around_the_outlier_stays_float(guarded):
    qm, context = guarded(3000.0)
    after = Guard()(qm, context)
    assert set(after.choices) == {"conv1", "act1", "conv2"}
    assert set(after.plan.integer) == {"conv0", "act0", "conv3", "act3"}
    assert after.plan.kept_float["act2"] == "its producers run in float"
    assert not set(after.choices) & set(after.plan.integer)
    before, now = damage_of(qm, context), damage_of(after, context)
    assert before > 0.3 and now < 0.08
    reason = after.choices["conv2"].why
    assert "'c1'" in reason or "'r1'" in reason
    assert "rounded alone costs" in reason and after.plan.kept_float["conv2"] == reason
    [note] = [one for one in after.notes if one.sentence == reason]
    assert "conv2" in note.operators and set(note.operators) <= set(after.choices) and 0.1 < note.cost < 1


def test_where_all_is_integer_the_guilty_are_named_and_stay(guarded):
    qm, context = guarded(3000.0)
    target = SimpleNamespace(name="chip", capability=replace(context.target.capability, integer_only=True))
    after = Guard()(qm, replace(context, target=target))
    assert after.plan is qm.plan and not after.choices and damage_of(after, context) > 0.3
    said = [note.sentence for note in after.notes]
    assert any("'c1'" in one or "'r1'" in one for one in said)
    assert all(one.startswith("guard: ") and one.endswith("and chip has no float for it") for one in said)
    assert all(note.operators and note.cost > 0 for note in after.notes)


def test_behind_a_relu_that_is_folded_away(guarded):
    """The tensor between Conv and Relu has no grid and no statistics; both go to float together."""
    qm, context = guarded(3000.0, "Relu")
    after = Guard()(qm, context)
    assert {"act1", "conv2"} <= set(after.choices)
    assert damage_of(after, context) < 0.08 < damage_of(qm, context)


def test_where_the_damage_is_small_nothing_is_looked_for(guarded):
    ticks = []
    qm, context = guarded(progress=lambda *tick: ticks.append(tick))
    assert Guard()(qm, context) is qm and not ticks


def test_where_no_tensor_alone_is_sensitive_nothing_is_done(guarded):
    qm, context = guarded(3000.0)
    after = Guard(tensor_tolerance=3.0, tensor_share=3.0)(qm, context)
    assert after.plan is qm.plan and after.params is qm.params and not after.choices
    assert [note.step for note in after.notes] == ["guard"]


def test_a_tensor_that_does_a_good_part_of_a_small_damage_is_sensitive(guarded):
    """A threshold in absolute terms (here: out of reach) misses what does little damage, and most of it."""
    qm, context = guarded(3000.0)
    by_share = Guard(tensor_tolerance=3.0, weight_share=1.0)(qm, context)
    assert by_share.choices == Guard()(qm, context).choices != {}


def test_a_small_damage_is_not_worth_a_large_part_of_the_weights(guarded):
    qm, context = guarded(3000.0)
    after = Guard(tensor_tolerance=3.0, weight_share=0.01)(qm, context)
    assert after.choices == {} and "hold too much of the weights to stay float" in after.notes[-1].sentence
    found = {root: 2.0 for root in ("c1", "r1")}
    assert Guard(tensor_tolerance=1.0, weight_share=0.0).affordable(qm, found, ()) == found
    assert Guard(tensor_tolerance=3.0, weight_share=1.0).affordable(qm, found, ()) == found


def test_the_most_sensitive_come_first_where_not_all_may_stay_float(guarded):
    qm, _ = guarded(3000.0)
    found = {"c0": 0.1, "c3": 0.2}
    weights = {"conv0": 3 * CHANNELS, "conv3": CHANNELS**2}
    whole = sum(w.size for n in qm.reference.graph if (w := constant(weight_of(n))) is not None)
    for root, other, name in (("c3", "c0", "conv3"), ("c0", "c3", "conv0")):
        costs = {root: 0.2, other: 0.1}
        chosen = Guard(tensor_tolerance=3.0, weight_share=weights[name] / whole).affordable(qm, costs, ())
        assert root in chosen and set(chosen) <= {root, other} and found.keys() == costs.keys()
    assert "c3" not in Guard(tensor_tolerance=3.0, weight_share=weights["conv0"] / whole).affordable(qm, found, ())


def test_where_all_tensors_do_harm_a_few_stay_float_and_not_the_network(guarded, monkeypatch):
    qm, _ = guarded(3000.0)
    roots = sorted({qm.plan.root(t) for t in qm.activations})
    found = {root: 1.0 - 0.01 * place for place, root in enumerate(roots)}
    assert Guard(most_weights=1.0).affordable(qm, found, ()) == found
    monkeypatch.setattr(module, "FEW", 1)
    chosen = Guard().affordable(qm, found, ())
    assert roots[0] in chosen and len(chosen) < len(found)
    weights = {n.name: w.size for n in qm.reference.graph if (w := constant(weight_of(n))) is not None}
    names = {name for root in chosen if root != roots[0] for name in module.around(qm, root)}
    assert sum(weights.get(name, 0) for name in names) <= 0.25 * sum(weights.values())


def test_a_small_damage_within_the_tolerance_is_not_looked_into(guarded):
    qm, context = guarded(3000.0)
    assert Guard(tolerance=3.0)(qm, context) is qm


def test_where_every_tensor_is_sensitive_the_model_stays_as_it_was(guarded):
    """A plan without one integer convolution is refused; a step must not end the run with that."""
    qm, context = guarded(3000.0)
    after = Guard(tolerance=0.0, tensor_tolerance=0.0)(qm, context)
    assert any(name.startswith("conv") for name in after.plan.integer)


def test_the_model_given_is_not_changed(guarded):
    qm, context = guarded(3000.0)
    before = [ir.to_proto(model).SerializeToString(deterministic=True) for model in (qm.model, qm.reference)]
    Guard()(qm, context)
    after = [ir.to_proto(model).SerializeToString(deterministic=True) for model in (qm.model, qm.reference)]
    assert before == after and not qm.choices


def test_without_heads_it_says_so(guarded, calibrated, detector, images):
    qm, context = calibrated(detector(), images(2, SHAPE), "float")
    with pytest.raises(CalibrationError, match="leave the step 'guard' out"):
        Guard()(qm, context)


# ---------------------------------------------------------------- the search


class Costs:
    """A group costs what its worst member costs, and every member a little."""

    def __init__(self, planted):
        self.planted, self.calls = planted, 0

    def screen(self, groups):
        return [self(group) for group in groups]

    def __call__(self, group):
        self.calls += 1
        return max((self.planted.get(name, 0.0) for name in group), default=0.0) + 1e-4 * len(group)


NAMES = [f"t{k}" for k in range(200)]
SILENT = SimpleNamespace(tick=lambda *_: None)


@pytest.mark.parametrize("planted", [{}, {"t7": 0.3}, {"t0": 0.2, "t199": 0.06}, {"t90": 0.5, "t91": 0.4, "t3": 0.1}])
def test_search_finds_what_costs_and_nothing_else(planted):
    costs = Costs(planted)
    found = search(NAMES, costs.screen, costs, 0.05, SILENT)
    assert found == pytest.approx({name: cost + 1e-4 for name, cost in planted.items()})
    assert costs.calls < len(NAMES) / 2


def test_search_tells_how_far_it_is(guarded):
    ticks = []
    context = SimpleNamespace(tick=lambda *tick: ticks.append(tick))
    costs = Costs({"t7": 0.3})
    search(NAMES, costs.screen, costs, 0.05, context)
    assert [done for _, done, _ in ticks] == sorted({done for _, done, _ in ticks})
    assert ticks[-1][1] == ticks[-1][2]


def test_search_of_one():
    costs = Costs({"a": 1.0})
    assert search(["a"], costs.screen, costs, 0.05, SILENT) == {"a": pytest.approx(1.0001)}


def test_contexts_without_a_listener_tick_silently(calibrated, detector, images):
    _, context = calibrated(detector(), images(1, SHAPE), "float")
    assert isinstance(context, Context)
    context.tick("anything", 1, 2)


def test_groups_are_screened_on_the_image_that_is_damaged_most(guarded):
    qm, context = guarded(3000.0)
    roots = sorted({qm.plan.root(name) for name in qm.activations})
    switched = _Switches(OrtRunner(_with_all_switches(qm)), roots, context.damage)
    each = context.damage.each(switched._with(roots))
    assert switched.total == pytest.approx(np.mean(each)) and len(set(each)) == len(each) == 3
    # Everything at once costs on that image, scaled, what it costs on all of them.
    assert switched.screen([roots, []]) == pytest.approx([switched.total, 0.0])
    found = switched._one.feeds[0]["x"]
    assert np.array_equal(found, context.damage.feeds[int(np.argmax(each))]["x"])
