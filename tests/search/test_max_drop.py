"""The way up and back, on drops that are made up."""

from __future__ import annotations

import math

import pytest

from detquant.search import Layer, Sensitivity, Tensor
from detquant.search.max_drop import BACK, MOST, Rung, ladder, reach
from detquant.search.measures import squared

COUNT = 40
BASE = {("weight", f"l{k}"): 4 for k in range(COUNT)}
PART = {4: 1.0, 6: 0.06, 8: 0.004, None: 0.0}
"""Share of a layer's drop at each width."""


def losses(k):
    return {bits: 0.1 / (1 + k) ** 0.5 * PART[bits] ** 0.5 for bits in (4, 6, 8)}


def table_of(tensors=()):
    layers = [
        Layer(name=f"l{k}", operator="Conv", weights=100, macs=10, reads="t", loss=losses(k)) for k in range(COUNT)
    ]
    return Sensitivity(measure="damage", images=1, layers=tuple(layers), tensors=tuple(tensors))


class Model:
    """Loses what its layers lose, which is what their losses say; so many points in all at the base."""

    def __init__(self, points=3.0, floor=0.0):
        self.points, self.floor, self.titles = points, floor, []
        self.whole = sum(1 / (1 + k) for k in range(COUNT))

    def __call__(self, chosen, title):
        self.titles.append(title)
        lost = sum(PART[chosen["weight", f"l{k}"]] / (1 + k) for k in range(COUNT))
        return self.floor + self.points * lost / self.whole


def summed():
    return sum(squared(losses(k)[4]) for k in range(COUNT))


def test_the_ladder_goes_up_by_what_is_saved_for_what_it_takes_and_to_float_last():
    rungs = ladder(table_of(), BASE)
    assert len(rungs) == 3 * COUNT
    assert rungs[0] == Rung(
        ("weight", "l0"), 6, squared(losses(0)[4]) - squared(losses(0)[6]), pytest.approx(1 / COUNT)
    )
    assert [one.bits for one in rungs[-COUNT:]] == [None] * COUNT and rungs[-COUNT].thing == ("weight", "l0")
    seen = {}
    for rung in rungs:
        assert seen.get(rung.thing, 4) < (rung.bits or 32)
        seen[rung.thing] = rung.bits or 32
    assert all(one.bits for one in ladder(table_of(), BASE, floats=False))


def test_activations_go_up_too_where_they_can():
    tensors = [
        Tensor(name="t", writers=("l0",), loss={4: 0.5, 6: 0.1, 8: 0.01}),
        Tensor(name="image", writers=(), loss={8: 0.5}),
        Tensor(name="wide", writers=("l1",), loss={8: 0.5}),
    ]
    base = {**BASE, ("tensor", "t"): 4, ("tensor", "image"): 8, ("tensor", "wide"): 8}
    up = [(one.thing, one.bits) for one in ladder(table_of(tensors), base) if one.thing[0] == "tensor"]
    assert up == [(("tensor", "t"), 6), (("tensor", "t"), 8)]


@pytest.mark.parametrize("limit", [2.0, 1.0, 0.5, 0.1])
def test_the_limit_is_kept_with_few_models_and_near_the_fewest_steps(limit):
    model, rungs = Model(), ladder(table_of(), BASE)
    found = reach(model, BASE, rungs, limit, summed=summed())
    assert found.enough and found.drop <= limit and found.measured == len(model.titles) <= MOST + BACK
    fewest = next(
        k for k in range(len(rungs)) if Model()({**BASE, **{r.thing: r.bits for r in rungs[:k]}}, "") <= limit
    )
    changed = sum(found.chosen[thing] != 4 for thing in BASE)
    ideal = len({rung.thing for rung in rungs[:fewest]})
    assert changed <= ideal + 2


def test_nothing_is_done_where_nothing_is_lost():
    model = Model(points=0.2)
    found = reach(model, BASE, ladder(table_of(), BASE), 0.5, summed=summed())
    assert found.enough and found.chosen == BASE and model.titles == ["as the recipe says"]


def test_float_is_taken_away_again_where_it_was_not_needed():
    """The sums say that all must be in float; in truth one layer does it all."""

    class One(Model):
        def __call__(self, chosen, title):
            self.titles.append(title)
            return 0.0 if chosen["weight", "l7"] is None else 2.0

    model = One()
    found = reach(model, BASE, ladder(table_of(), BASE), 0.5, summed=summed())
    in_float = [thing for thing, bits in found.chosen.items() if bits is None]
    assert found.enough and ("weight", "l7") in in_float
    assert len(in_float) < 8 and any("back" in title for title in model.titles)


def test_what_cannot_be_reached_gives_the_best():
    model = Model(floor=1.0)
    found = reach(model, BASE, ladder(table_of(), BASE), 0.5, summed=summed())
    assert not found.enough and found.drop == pytest.approx(1.0) and set(found.chosen.values()) == {None}


def test_models_that_cannot_be_do_not_count_as_good():
    class Some(Model):
        def __call__(self, chosen, title):
            if None in chosen.values():
                return math.inf
            return super().__call__(chosen, title)

    found = reach(Some(floor=1.0), BASE, ladder(table_of(), BASE), 0.5, summed=summed())
    assert not found.enough and None not in found.chosen.values() and math.isfinite(found.drop)
