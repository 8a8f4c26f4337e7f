"""Two ways to solve a `Problem`: an integer program, which is exact, and a greedy search, which needs nothing.

**exact**: one binary variable an option, one of each decision is 1, and the budget is one row. For a pair (a, b) there
are variables y[i, j] in [0, 1] with  sum_j y[i, j] = x_a[i],  sum_i y[i, j] = x_b[j],  so y = x_a x_b where these are
binary (Glover 1975), and the product of widths is linear in y. SciPy's HiGHS solves it to the optimum.

**greedy**: all begin at the widest; the option that saves most of the budget for what it costs comes next, until the
budget holds; then what can be widened again within it is, the largest gain first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from importlib.util import find_spec

import numpy as np

from detquant.errors import MissingExtra
from detquant.numerics.arrays import Floats
from detquant.search.problem import Pair, Problem, Widths

SLACK = 1e-6
"""Share of the budget by which a solution may be beyond it, since the solver's numbers are real ones; see `exact`."""


def exact(problem: Problem) -> Widths:
    """The widths of least cost within the budget, by SciPy's HiGHS.

    Args:
        problem: one whose smallest widths are within the budget.

    Raises:
        MissingExtra: SciPy is not installed.
    """
    if find_spec("scipy") is None:
        raise MissingExtra("SciPy", "search")
    widths = _solved(problem)
    if widths is None or not problem.fits(widths):  # beyond by less than the tolerance of the solver
        narrower = _solved(replace(problem, budget=problem.budget * (1 - SLACK)))
        widths = narrower if narrower is not None and problem.fits(narrower) else problem.smallest()
    return widths


def _solved(problem: Problem) -> Widths | None:
    """The best widths within the budget, as near as real numbers tell; None where none are."""
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import coo_array

    columns = _Columns(problem)
    places, sides = columns.rows()
    row, column, value = (np.array(part) for part in zip(*places, strict=True))
    equal = coo_array((value, (row, column)), shape=(len(sides), columns.count)).tocsr()
    taken, costs = columns.taken(), columns.costs()
    scale = max(float(taken.max(initial=0.0)), 1e-30)
    found = milp(
        costs / max(float(costs.max(initial=0.0)), 1e-30),
        constraints=[
            LinearConstraint(equal, sides, sides),
            LinearConstraint(taken[None] / scale, -np.inf, (problem.budget - problem.constant) / scale),
        ],
        integrality=columns.integrality(),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 0.0},
    )
    if found.x is None:
        return None
    chosen = [int(np.argmax(found.x[start:end])) for start, end in columns.spans]
    return tuple(one.options[k].bits for one, k in zip(problem.decisions, chosen, strict=True))


class _Columns:
    """The variables of the integer program: an option each, then the products of each pair."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        ends = np.cumsum([len(one.options) for one in problem.decisions]).tolist()
        self.spans = list(zip([0, *ends[:-1]], ends, strict=True))
        self.options = [option for one in problem.decisions for option in one.options]
        self.products = [(pair, i, j) for pair in problem.pairs for i, j in np.ndindex(self._shape(pair))]
        self.count = len(self.options) + len(self.products)

    def _shape(self, pair: Pair) -> tuple[int, int]:
        decisions = self.problem.decisions
        return len(decisions[pair.first].options), len(decisions[pair.second].options)

    def costs(self) -> Floats:
        """What each variable costs, ``[count]``."""
        return np.array([option.cost for option in self.options] + [0.0] * len(self.products))

    def taken(self) -> Floats:
        """What each variable takes of the budget, ``[count]``."""
        decisions = self.problem.decisions
        own = [option.amount for option in self.options]
        return np.array(
            own
            + [
                pair.factor * decisions[pair.first].options[i].bits * decisions[pair.second].options[j].bits
                for pair, i, j in self.products
            ]
        )

    def integrality(self) -> Floats:
        """1 for each variable that is 0 or 1, ``[count]``; the products follow."""
        return np.array([1] * len(self.options) + [0] * len(self.products))

    def rows(self) -> tuple[list[tuple[int, int, float]], list[float]]:
        """The equations, as (row, column, factor), and their right sides."""
        rows = [(dict.fromkeys(range(*span), 1.0), 1.0) for span in self.spans]
        start = len(self.options)
        for pair in self.problem.pairs:
            shape = self._shape(pair)
            columns = start + np.arange(shape[0] * shape[1]).reshape(shape)
            start += columns.size
            for place, table in ((pair.first, columns), (pair.second, columns.T)):
                begin = self.spans[place][0]
                rows += [(dict.fromkeys(map(int, line), 1.0) | {begin + k: -1.0}, 0.0) for k, line in enumerate(table)]
        places = [(r, column, factor) for r, (row, _) in enumerate(rows) for column, factor in row.items()]
        return places, [side for _, side in rows]


def greedy(problem: Problem) -> Widths:
    """Widths within the budget, near the least cost.

    Args:
        problem: one whose smallest widths are within the budget.
    """
    widths = [one.options[-1].bits for one in problem.decisions]
    while not problem.fits(widths):
        moves = [(saved, cost, k, bits) for saved, cost, k, bits in _moves(problem, widths) if saved > 0]
        if not moves:
            return problem.smallest()
        _, _, place, bits = min(moves, key=lambda move: (max(move[1], 0.0) / move[0], -move[0], move[2], move[3]))
        widths[place] = bits
    while better := [move for move in _moves(problem, widths) if move[1] < 0 and _still_fits(problem, widths, move)]:
        _, _, place, bits = min(better, key=lambda move: (move[1], move[2], move[3]))
        widths[place] = bits
    return tuple(widths)


Move = tuple[float, float, int, int]
"""What another width would save of the budget, what it would cost more, the place of the decision, and the width."""


def _moves(problem: Problem, widths: list[int]) -> Iterator[Move]:
    for place, one in enumerate(problem.decisions):
        now = one.option(widths[place])
        beside = sum(
            pair.factor * widths[pair.second if pair.first == place else pair.first]
            for pair in problem.pairs
            if place in (pair.first, pair.second)
        )
        for option in one.options:
            if option.bits != now.bits:
                saved = now.amount - option.amount + beside * (now.bits - option.bits)
                yield saved, option.cost - now.cost, place, option.bits


def _still_fits(problem: Problem, widths: list[int], move: Move) -> bool:
    _, _, place, bits = move
    return problem.fits([*widths[:place], bits, *widths[place + 1 :]])


SOLVERS: Mapping[str, Callable[[Problem], Widths]] = {"exact": exact, "greedy": greedy}
"""Ways to solve a problem, by name."""
