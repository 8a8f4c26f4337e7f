"""How far one must go back from narrow widths for a loss that is named, by measuring as few models as possible.

1. **The ladder.** All ways up are put in one order: weights and activations to the next of `UP`, then, when nothing can
   become wider, layers to float. Within each part the way that saves most of the summed loss for what it takes comes
   first; it takes its share of the weights, or, of activations, of the multiplications that read them.
2. **Up.** The drop is measured with none of the ladder. Where that is too much, the place at which the summed loss has
   fallen in the same ratio as the drop must fall is measured next; from there the place is doubled until the drop is
   small enough, and then halved between what was enough and what was not, until little is left between the two.
3. **Back.** What was put in float is tried in its integers again, all at once and then by halves, and so is what was
   widened, the largest weights first. A model stands only if its measured drop is small enough.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from detquant.search._base import Sensitivity
from detquant.search.measures import ADDS_AS

UP = (6, 8)
MOST, BACK = 14, 6
"""Measured models on the way up, and on the way back."""
CLOSE = 0.01
"""Share of all weights below which it is not worth to look between what was enough and what was not."""

Thing = tuple[str, str]
"""A "weight" or a "tensor", by its name."""
Chosen = Mapping[Thing, int | None]
"""Width of each thing in bits; None for float."""


@dataclass(frozen=True, slots=True)
class Rung:
    """A step of the ladder.

    Attributes:
        thing: what goes up.
        bits: to which width; None for float.
        gain: what it saves of the summed loss.
        takes: share of the weights, or of the multiplications, that it is about.
    """

    thing: Thing
    bits: int | None
    gain: float
    takes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """Where the search has ended.

    Attributes:
        chosen: the widths that stand: those of the last model that was good enough, else of the best one.
        drop: the measured drop there.
        enough: whether it is what was asked for.
        measured: how many models were measured.
    """

    chosen: Chosen
    drop: float
    enough: bool
    measured: int


def ladder(table: Sensitivity, base: Chosen, *, floats: bool = True) -> list[Rung]:
    """All ways up, in the order in which they are gone.

    Args:
        table: losses of layers and tensors, at their base widths and at `UP`.
        base: the widths to begin from.
        floats: whether layers may be put in float.
    """
    add = ADDS_AS[table.measure]
    weights = max(sum(one.weights for one in table.layers), 1)
    macs = max(sum(one.macs for one in table.layers), 1)
    things = [(("weight", one.name), one.loss, one.weights / weights) for one in table.layers]
    for one in table.tensors:
        read = sum(layer.macs for layer in table.layers if layer.reads == one.name)
        if one.writers:
            things.append((("tensor", one.name), one.loss, read / macs))
    wider = [
        Rung(thing, after, add(loss[before]) - add(loss[after]), takes)
        for thing, loss, takes in things
        for before, after in _steps(base.get(thing), loss)
    ]
    rungs = _in_order(wider)
    if not floats:
        return rungs
    outputs = {name: add(min(one.loss.values())) for one in table.tensors for name in one.writers if one.loss}
    in_float = [
        Rung(thing, None, add(min(loss.values())) + outputs.get(thing[1], 0.0), takes)
        for thing, loss, takes in things
        if thing[0] == "weight" and loss and thing in base
    ]
    return rungs + sorted(in_float, key=_worth, reverse=True)


def _steps(before: int | None, loss: Mapping[int, float]) -> list[tuple[int, int]]:
    """The widths that something goes through on its way up."""
    if before is None or before not in loss:
        return []
    ways = [before, *(bits for bits in UP if bits > before and bits in loss)]
    return list(pairwise(ways))


def _worth(rung: Rung) -> float:
    return rung.gain / max(rung.takes, 1e-6)


def _in_order(rungs: Sequence[Rung]) -> list[Rung]:
    """The rungs by worth; a thing's second comes no sooner than its first, whatever it is worth."""
    left: dict[Thing, list[Rung]] = {}
    for rung in rungs:
        left.setdefault(rung.thing, []).append(rung)
    ordered = []
    while left:
        best = max(left, key=lambda thing: _worth(left[thing][0]))
        ordered.append(left[best].pop(0))
        if not left[best]:
            del left[best]
    return ordered


def reach(
    drop_of: Callable[[Chosen, str], float],
    base: Chosen,
    rungs: Sequence[Rung],
    limit: float,
    *,
    summed: float,
) -> Reached:
    """The widths nearest to the base whose measured drop is at most ``limit``.

    Args:
        drop_of: measures a model with these widths, told with what it is called; infinite where there is none such.
        base: the widths to begin from.
        rungs: see `ladder`.
        limit: the largest drop.
        summed: the summed loss of the base.
    """
    climb = _Climb(drop_of, base, rungs, limit)
    first = climb.at(0)
    if first <= limit:
        return climb.end(0)
    place = climb.foreseen(summed, first)
    low, high = 0, len(rungs) + 1
    while low < len(rungs) and climb.measured < MOST:
        if climb.at(place) <= limit:
            high = place
            break
        low, place = place, min(2 * place, len(rungs))
    if high > len(rungs):
        return climb.best()
    while high - low > 1 and climb.share(low, high) > CLOSE and climb.measured < MOST:
        middle = (low + high) // 2
        low, high = (low, middle) if climb.at(middle) <= limit else (middle, high)
    return climb.back(high)


class _Climb:
    """The models that were measured, and their drops."""

    def __init__(
        self, drop_of: Callable[[Chosen, str], float], base: Chosen, rungs: Sequence[Rung], limit: float
    ) -> None:
        self._drop_of, self._base, self._rungs, self._limit = drop_of, base, rungs, limit
        self._drops: dict[frozenset[tuple[Thing, int | None]], float] = {}
        self._least: tuple[float, Chosen] = math.inf, base

    @property
    def measured(self) -> int:
        """How many models were measured."""
        return len(self._drops)

    def drop(self, chosen: Chosen, title: str) -> float:
        """The drop of a model, measured once."""
        key = frozenset(chosen.items())
        if key not in self._drops:
            self._drops[key] = self._drop_of(chosen, title)
            if self._drops[key] < self._least[0]:
                self._least = self._drops[key], chosen
        return self._drops[key]

    def with_rungs(self, rungs: Sequence[Rung]) -> dict[Thing, int | None]:
        """The widths of the base with some rungs gone."""
        return {**self._base, **{rung.thing: rung.bits for rung in rungs}}

    def at(self, place: int) -> float:
        """The drop with the first so many rungs gone."""
        title = f"{place} of {len(self._rungs)} steps up" if place else "as the recipe says"
        return self.drop(self.with_rungs(self._rungs[:place]), title)

    def foreseen(self, summed: float, first: float) -> int:
        """The place at which the summed loss has fallen as the drop must."""
        aim, left = summed * self._limit / first, summed
        for place, rung in enumerate(self._rungs, 1):
            left -= rung.gain
            if left <= aim:
                return place
        return max(len(self._rungs), 1)

    def share(self, low: int, high: int) -> float:
        """Share of the weights between two places."""
        return sum(rung.takes for rung in self._rungs[low:high] if rung.thing[0] == "weight")

    def back(self, place: int) -> Reached:
        """Takes rungs away again, as far as the drop stays small enough; those to float first."""
        kept, bound = list(self._rungs[:place]), self.measured + BACK
        in_float = [rung for rung in kept if rung.bits is None]
        wider = sorted((rung for rung in kept if rung.bits is not None), key=lambda rung: rung.takes, reverse=True)
        groups = [group for group in (in_float, *_halves(wider)) if group]
        while groups and self.measured < bound:
            group = groups.pop(0)
            without = [rung for rung in kept if rung not in group]
            title = f"{len(group)} steps back" if len(group) > 1 else f"{group[0].thing[1]} back"
            if self.drop(self.with_rungs(without), title) <= self._limit:
                kept = without
            elif len(group) > 1:
                groups = [*_halves(group), *groups]
        return self._reached(self.with_rungs(kept))

    def end(self, place: int) -> Reached:
        """What stands where nothing is to be taken away."""
        return self._reached(self.with_rungs(self._rungs[:place]))

    def best(self) -> Reached:
        """The model with the smallest drop, where none is good enough."""
        return self._reached(self._least[1])

    def _reached(self, chosen: Chosen) -> Reached:
        drop = self._drops[frozenset(chosen.items())]
        return Reached(chosen=chosen, drop=drop, enough=drop <= self._limit, measured=self.measured)


def _halves(group: Sequence[Rung]) -> list[list[Rung]]:
    middle = (len(group) + 1) // 2
    return [list(half) for half in (group[:middle], group[middle:]) if half]
