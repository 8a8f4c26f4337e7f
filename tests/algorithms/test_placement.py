"""Placement with latencies that are made up: what a clock would say is not what is tested."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from detquant.algorithms import placement
from detquant.algorithms.placement import Placement, fault, first_shared
from detquant.algorithms.placement_candidates import candidates
from detquant.algorithms.replan import keep_more_float
from detquant.errors import ModelError, RecipeError, TargetError
from detquant.graph import prepare
from detquant.recipes import Choice

SHAPE = (1, 3, 16, 16)


@pytest.fixture
def net(build):
    """A convolution of the image, a depthwise one, a Resize, and one on each of the sides 16, 8 and 4."""
    rng = np.random.default_rng(9)
    sizes = {"image": (8, 3), "deep": (8, 1), "half": (8, 8), "quarter": (8, 8), "last": (4, 8)}
    weights = {f"{name}_w": rng.normal(0, 0.3, (*s, 1, 1)).astype(np.float32) for name, s in sizes.items()}
    weights["twice"] = np.array([1, 1, 2, 2], np.float32)
    halve = {"strides": [2, 2]}
    nearest = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    rows = [
        ("Conv", ["x", "image_w"], ["a"], {"name": "image"}),
        ("Conv", ["a", "deep_w"], ["b"], {"name": "deep", "group": 8}),
        ("Conv", ["b", "half_w"], ["c"], {"name": "half", **halve}),
        ("Conv", ["c", "quarter_w"], ["d"], {"name": "quarter", **halve}),
        ("Resize", ["d", "", "twice"], ["e"], {"name": "up", **nearest}),
        ("Conv", ["e", "last_w"], ["y"], {"name": "last"}),
    ]
    return prepare(build(rows, {"x": [*SHAPE]}, {"y": None}, weights))


@pytest.fixture
def placed(net, calibrated, images):
    """placed(): the model before any step, and its context."""

    def make(**more):
        return calibrated(net, images(2, SHAPE), **more)

    return make


@pytest.fixture
def clock(monkeypatch):
    """clock(best, faster): the model takes ``best`` of float's time; ``faster`` are the trials' shares of its own.

    Gives a list that fills with the turns of each look, the model's beside float first.
    """

    def start(best, faster=(), noise=0.0, seed=0):
        answers, asked, known, rng = iter([1 / best, *faster]), [], {}, np.random.default_rng(seed)

        def alternate(sides, feed, turns):
            assert list(sides) == ["reference", "candidate"]
            one = sides["candidate"]
            known.setdefault(one, None)
            if known[one] is None:
                known[one] = next(answers)
                asked.append([])
            asked[list(known).index(one)].append(turns)
            together = np.exp(rng.normal(0, 5 * noise, turns))  # what slows the machine slows both
            apart = np.exp(rng.normal(0, noise, turns))
            return {"reference": list(together), "candidate": list(known[one] * together * apart)}

        monkeypatch.setattr(placement, "alternate", alternate)
        return asked

    return start


def kept(context):
    return context.measurements.recall("placement")["kept_float"]


def test_well_ahead_only_the_convolution_of_the_image_is_tried(placed, clock):
    qm, context = placed()
    asked = clock(0.69, [0.989])
    assert Placement()(qm, context) is qm
    assert len(asked) == 2 and asked[0] == [5] and sum(asked[1]) == 60 and kept(context) == {}


def test_a_candidate_with_nothing_to_win_is_looked_at_once(placed, clock):
    qm, context = placed()
    asked = clock(0.69, [1.0])
    assert Placement()(qm, context) is qm
    assert asked[1] == [5] and kept(context) == {}


def test_near_the_bar_it_looks_longer_and_what_is_within_noise_counts_as_ahead(placed, clock):
    qm, context = placed()
    asked = clock(0.801, [1.0])
    assert Placement()(qm, context) is qm
    assert sum(asked[0]) == 60 and len(asked) == 2


def test_well_ahead_the_convolution_of_the_image_may_go_to_float(placed, clock):
    qm, context = placed()
    clock(0.79, [0.9])
    after = Placement()(qm, context)
    assert set(after.choices) == {"image"}
    [note] = after.notes
    assert (note.step, note.operators, note.cost) == ("placement", ("image",), pytest.approx(0.1))
    assert note.sentence == after.plan.kept_float["image"]


def test_the_front_of_the_net_ends_at_the_first_codes_that_both_ways_share(placed):
    qm, context = placed()
    trial = keep_more_float(qm, {"image": "trial"}, context)
    assert first_shared(qm, trial, ["image"]) == "a"
    assert first_shared(qm, keep_more_float(qm, {"image": "t", "deep": "t"}, context), ["image"]) == "b"
    assert first_shared(qm, trial, ["not there"]) is None


def test_the_front_of_the_net_runs_and_gives_the_same_codes(placed):
    qm, context = placed()
    (codes,) = placement._open(qm, context, "a").run(context.images.informative[0]).values()
    assert codes.dtype == np.uint8 and codes.shape == (1, 8, 16, 16)
    trial = keep_more_float(qm, {"image": "trial"}, context)
    (other,) = placement._open(trial, context, "a").run(context.images.informative[0]).values()
    assert np.abs(codes.astype(int) - other).max() <= 8 and (codes != other).any()


def test_candidates_by_title(placed):
    qm, _ = placed()
    found = dict(candidates(qm))
    assert found == {
        "convolution of the image": ["image"],
        "resizing": ["up"],
        "depthwise convolutions": ["deep"],
        "stage of 16x16": ["image", "deep"],
        "stage of 8x8": ["half", "up", "last"],
        "stage of 4x4": ["quarter"],
    }


def test_the_stage_with_the_most_work_comes_first(build, calibrated, images):
    rng = np.random.default_rng(9)
    weights = {"a_w": rng.normal(0, 0.3, (2, 3, 1, 1)), "b_w": rng.normal(0, 0.3, (32, 2, 1, 1))}
    rows = [
        ("Conv", ["x", "a_w"], ["a"], {"name": "a"}),
        ("Conv", ["a", "b_w"], ["y"], {"name": "b", "strides": [2, 2]}),
    ]
    net = build(rows, {"x": [*SHAPE]}, {"y": None}, {name: w.astype(np.float32) for name, w in weights.items()})
    qm, _ = calibrated(prepare(net), images(2, SHAPE))
    assert [title for title, _ in candidates(qm)][-2:] == ["stage of 8x8", "stage of 16x16"]


def test_only_what_reaches_the_gain_is_kept(placed, clock):
    qm, context = placed()
    titles = [title for title, _ in candidates(qm)]
    figures = dict.fromkeys(titles, 0.99) | {"depthwise convolutions": 0.94, "stage of 4x4": 0.9}
    asked = clock(1.2, figures.values())
    after = Placement()(qm, context)
    assert set(after.choices) == {"deep", "quarter"} and len(asked) == 1 + len(titles)
    assert after.choices["deep"].why == "placement: depthwise convolutions, faster in float"
    assert not {"deep", "quarter"} & set(after.plan.integer) and "half" in after.plan.integer
    assert kept(context) == {name: choice.why for name, choice in after.choices.items()}


def test_what_was_measured_is_written_down(placed, clock):
    qm, context = placed()
    clock(1.2, [0.99, 0.99, 0.9, *[0.99] * 10])
    Placement()(qm, context)
    whole, *tried = context.measurements.recall("placement")["measured"]
    assert whole["what"] == "the whole net" and whole["ratio"] == 0.8333
    assert whole["low"] < whole["ratio"] < whole["high"] < whole["bar"] == 1.25
    assert [one["what"] for one in tried] == [title for title, _ in candidates(qm)]
    assert [one["high"] < one["bar"] for one in tried] == [False, False, True, False, False, False]
    assert json.loads(json.dumps(context.measurements.all())) == context.measurements.all()


def test_noise_changes_nothing(placed, clock):
    qm, context = placed()
    clock(1.2, [0.99, *[0.948] * 10])
    assert Placement()(qm, context) is qm and kept(context) == {}


@pytest.mark.parametrize(("trial", "expected"), [(0.97, set()), (0.85, {"deep"})])
def test_on_a_busy_machine_equal_runs_decide_alike(placed, clock, trial, expected):
    for seed in range(4):
        qm, context = placed()
        clock(1.2, [1.0, 1.0, trial, *[1.0] * 10], noise=0.05, seed=seed)
        assert set(Placement()(qm, context).choices) == expected


def test_the_bar_is_an_option(placed, clock):
    qm, context = placed()
    clock(1.2, [0.985, *[1.0] * 10])
    assert set(Placement(image_gain=0.995)(qm, context).choices) == {"image"}


def test_not_all_of_the_net_goes_to_float(placed, clock):
    qm, context = placed()
    clock(1.2, [0.5] * 10)
    assert any(name in qm.plan.weights for name in Placement()(qm, context).plan.integer)


@pytest.mark.parametrize("error", [ModelError, TargetError, RecipeError])
def test_a_mixture_that_the_place_refuses_is_passed_over(placed, clock, monkeypatch, error):
    qm, context = placed()
    clock(1.2, [0.5] * 10)
    as_it_is = placement._open

    def refusing(qm, context, until=None):
        if "up" in qm.choices:
            raise error("The place does not take this mixture.")
        return as_it_is(qm, context, until)

    monkeypatch.setattr(placement, "_open", refusing)
    assert "deep" in (found := Placement()(qm, context).choices) and "up" not in found


def test_a_decision_is_used_again_without_measuring(placed, clock):
    qm, context = placed()
    clock(1.2, [1.0, 1.0, 0.5, *[1.0] * 10])
    first = Placement()(qm, context)
    asked = clock(9.9)
    again = Placement()(qm, context)
    assert not asked and first.choices == again.choices and set(first.choices) == {"deep"}
    assert again.qdq().graph.num_nodes() == first.qdq().graph.num_nodes()
    context.measurements.remember("placement", {"kept_float": {}, "measured": []})
    assert Placement()(qm, context) is qm and not asked


def test_what_the_guard_kept_stays_kept(placed, clock):
    qm, context = placed()
    qm = replace(qm, choices={"last": Choice(weight=None, activation=None, why="guard: harmful")})
    clock(1.2, [0.5, *[1.0] * 10])
    assert set(Placement()(qm, context).choices) == {"image", "last"}
    assert set(kept(context)) == {"image"}


def test_it_tells_how_far_it_is(placed, clock):
    ticks = []
    qm, context = placed(progress=lambda *tick: ticks.append(tick))
    clock(1.2, [1.0] * 10)
    Placement()(qm, context)
    assert ticks == [("placing by latency", done, 6) for done in range(1, 7)]


def test_where_all_is_integer_nothing_is_timed(placed, clock):
    qm, context = placed()
    target = SimpleNamespace(untimed="", capability=replace(context.target.capability, integer_only=True))
    asked = clock(2.0)
    assert Placement()(qm, replace(context, target=target)) is qm and not asked and not context.measurements.all()


def test_long_runs_are_not_repeated_for_minutes():
    place = Placement(runs=20)
    assert [place.affordable(ms) for ms in (10.0, 40.0, 100.0, 1000.0, 10_000.0)] == [60, 50, 20, 8, 5]


def test_a_decision_from_a_file():
    timing = {"what": "x", "ratio": 1.0, "low": 0.9, "high": 1.1, "bar": 0.95, "turns": 5}
    good = {"kept_float": {"conv": "why"}, "measured": [timing]}
    assert fault(good, {"conv"}) == ""
    assert "'conv', which the model does not have" in fault(good, {"other"})


@pytest.mark.parametrize(
    "decision",
    [
        None,
        [],
        {},
        {"kept_float": {}},
        {"kept_float": [], "measured": []},
        {"kept_float": {"conv": 1}, "measured": []},
        {"kept_float": {}, "measured": {}},
        {"kept_float": {}, "measured": [1]},
        {"kept_float": {}, "measured": [{"what": "x"}]},
        {"kept_float": {}, "measured": [{"what": 1, "ratio": 1, "low": 1, "high": 1, "bar": 1, "turns": 1}]},
        {"kept_float": {}, "measured": [{"what": "x", "ratio": "1", "low": 1, "high": 1, "bar": 1, "turns": 1}]},
        {"kept_float": {}, "measured": [], "more": 1},
    ],
)
def test_a_decision_that_is_none(decision):
    assert fault(decision, {"conv"})
