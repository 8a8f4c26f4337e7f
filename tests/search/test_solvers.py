"""The exact solver against all assignments there are, and the greedy one beside it."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from detquant.errors import MissingExtra
from detquant.search import solvers
from detquant.search.problem import Decision, Option, Pair, Problem
from detquant.search.solvers import exact, greedy

pytest.importorskip("scipy", reason="needs SciPy: pip install 'detquant[search]'")

WIDTHS = (2, 3, 4, 6, 8)


def problem_of(seed: int, share: float, pairs: bool = False) -> Problem:
    """A few layers whose loss falls by about four a bit, with a budget between the smallest and the largest."""
    rng = np.random.default_rng(seed)
    decisions = []
    for place in range(5):
        weights, base = int(rng.integers(10, 2000)), float(rng.random())
        losses = [base * 4.0 ** (2 - bits) * rng.uniform(0.5, 1.5) for bits in WIDTHS]
        options = [
            Option(bits, loss, 0.0 if pairs else weights * bits) for bits, loss in zip(WIDTHS, losses, strict=True)
        ]
        decisions.append(Decision(name=f"{place}", is_weight=place < 3, options=tuple(options)))
    several = tuple(Pair(first, second, float(rng.integers(1, 99))) for first, second in ((0, 3), (1, 3), (2, 4)))
    open_ended = Problem(decisions=tuple(decisions), pairs=several if pairs else (), constant=7.0, budget=np.inf)
    least, most = open_ended.amount(open_ended.smallest()), open_ended.amount((8,) * 5)
    return Problem(
        decisions=open_ended.decisions,
        pairs=open_ended.pairs,
        constant=7.0,
        budget=float(np.floor(least + share * (most - least))),
    )


def best_of_all(problem: Problem) -> float:
    every = product(*([option.bits for option in one.options] for one in problem.decisions))
    return min(problem.cost(widths) for widths in every if problem.fits(widths))


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.4, 0.8, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_exact_is_the_best_of_all(seed, share, pairs):
    problem = problem_of(seed, share, pairs)
    widths = exact(problem)
    assert problem.fits(widths)
    assert problem.cost(widths) == pytest.approx(best_of_all(problem), rel=1e-6)


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.4, 0.8, 1.0])
def test_greedy_is_near(share, pairs):
    ratios = []
    for seed in range(8):
        problem = problem_of(seed, share, pairs)
        widths = greedy(problem)
        assert problem.fits(widths)
        ratios.append(problem.cost(widths) / best_of_all(problem))
    assert min(ratios) >= 1 - 1e-9 and np.median(ratios) < 1.5


def test_of_widths_that_take_as_much_the_smallest_are_those_that_cost_least():
    options = (Option(2, 9.0, 4.0), Option(4, 1.0, 4.0), Option(8, 0.1, 8.0))
    problem = Problem(decisions=(Decision(name="a", is_weight=True, options=options),), budget=4.0)
    assert problem.smallest() == exact(problem) == greedy(problem) == (4,)


def test_the_budget_holds_to_the_last_byte():
    options = tuple(Option(bits, 1 / bits, 1_000_003.0 * bits) for bits in WIDTHS)
    decisions = tuple(Decision(name=str(k), is_weight=True, options=options) for k in range(30))
    for short in (0, 1, 2):
        problem = Problem(decisions=decisions, budget=30 * 4 * 1_000_003.0 - short)
        assert problem.amount(exact(problem)) <= problem.budget


def test_without_scipy_its_extra_is_named(monkeypatch):
    monkeypatch.setattr(solvers, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"detquant\[search\]"):
        exact(problem_of(0, 0.5))
    assert greedy(problem_of(0, 0.5))
