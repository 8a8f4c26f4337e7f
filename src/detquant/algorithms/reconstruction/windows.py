"""Samples that a unit is trained on: whole images, or windows of them where these are large.

Whether a unit may be given several samples at once, and whether it computes a window as it computes the whole but for a
margin, is tried out on random numbers rather than told from its operators: a baked-in shape, a pooling over the whole
image or a stride that does not fit shows itself.

1. The grid of places is that of the unit's smallest map; other maps have a whole number of rows and columns to each.
2. A window's margin, where its border is not that of the image, is not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx

from detquant.algorithms.reconstruction.twin import Functions, Values, compute
from detquant.algorithms.reconstruction.units import Unit

SIDE = 12
"""Rows and columns of places that a window shows, without its margins."""
MARGINS = (0, 1, 2, 3, 4, 6, 8)
TOLERANCE = 1e-4

Shape = tuple[int, ...]
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Windows:
    """How samples of a unit are taken.

    Attributes:
        stacked: several samples go through the unit at once.
        size: rows and columns of the grid of places; None where samples are whole images.
        margin: rows and columns of places around a window.
    """

    stacked: bool
    size: tuple[int, int] | None = None
    margin: int = 0

    @property
    def sides(self) -> tuple[int, int]:
        """Rows and columns of places that a window has, with its margins."""
        assert self.size is not None
        rows, columns = (min(SIDE + 2 * self.margin, side) for side in self.size)
        return rows, columns

    def draw(self, random: torch.Generator) -> Place:
        """The first row and column of a window anywhere."""
        if self.size is None:
            return 0, 0
        row, column = (
            int(torch.randint(0, side - part + 1, (), generator=random))
            for side, part in zip(self.size, self.sides, strict=True)
        )
        return row, column

    def part(self, shape: Shape, place: Place) -> tuple[Any, ...]:
        """The window of a whole tensor of this shape."""
        if self.size is None:
            return (slice(None),)
        up, along = shape[-2] // self.size[0], shape[-1] // self.size[1]
        (row, column), (rows, columns) = place, self.sides
        return (..., slice(row * up, (row + rows) * up), slice(column * along, (column + columns) * along))

    def seen(self, data: torch.Tensor, place: Place) -> torch.Tensor:
        """1 where a window's numbers are those of the whole, 0 in its margin: of the shape of its rows and columns."""
        shown = torch.ones(data.shape[-2:] if data.dim() == 4 else data.shape[-1:])
        if self.size is None or not self.margin:
            return shown
        for axis, (side, part) in enumerate(zip(self.size, self.sides, strict=True)):
            hidden = self.margin * data.shape[axis - 2] // part
            if place[axis] > 0:
                shown.narrow(axis, 0, hidden).zero_()
            if place[axis] + part < side:
                shown.narrow(axis, data.shape[axis - 2] - hidden, hidden).zero_()
        return shown


def windows_of(
    unit: Unit, ends: Sequence[fx.Node], shapes: Mapping[fx.Node, Shape], exact: Functions, random: torch.Generator
) -> Windows:
    """The best way to take samples of a unit.

    Args:
        unit: the unit.
        ends: the nodes whose results count.
        shapes: the shape of each input of the unit, of one image.
        exact: the functions of the float net.
        random: gives the numbers for trial.
    """
    trial = {node: torch.randn(shapes[node], generator=random) for node in unit.inputs}
    whole = compute(unit.nodes, dict[fx.Node, torch.Tensor](trial), exact)
    if not _stacks(unit, ends, trial, whole, exact, random):
        return Windows(stacked=False)
    size = _places([trial[node] for node in unit.inputs] + [whole[node] for node in ends])
    for margin in MARGINS if size else ():
        found = Windows(stacked=True, size=size, margin=margin)
        if size is None or found.sides[0] * found.sides[1] * 2 > size[0] * size[1]:
            break
        if _computes_windows(unit, ends, trial, whole, exact, found):
            return found
    return Windows(stacked=True)


def _stacks(
    unit: Unit,
    ends: Sequence[fx.Node],
    trial: Mapping[fx.Node, torch.Tensor],
    whole: Values,
    exact: Functions,
    random: torch.Generator,
) -> bool:
    """Whether the unit computes two samples at once as it computes each."""
    both: Values = {node: torch.cat([data, torch.randn(data.shape, generator=random)]) for node, data in trial.items()}
    try:
        compute(unit.nodes, both, exact)
    except (RuntimeError, IndexError):
        return False
    return all(_alike(both[node][: len(whole[node])], whole[node], len(both[node]) == 2) for node in ends)


def _places(tensors: Sequence[torch.Tensor]) -> tuple[int, int] | None:
    """The size of the grid of places of maps; None where they have no common one."""
    if any(data.dim() != 4 for data in tensors):
        return None
    rows, columns = min(data.shape[2] for data in tensors), min(data.shape[3] for data in tensors)
    fits = all(data.shape[2] % rows == 0 and data.shape[3] % columns == 0 for data in tensors)
    return (rows, columns) if fits else None


def _computes_windows(
    unit: Unit,
    ends: Sequence[fx.Node],
    trial: Mapping[fx.Node, torch.Tensor],
    whole: Values,
    exact: Functions,
    windows: Windows,
) -> bool:
    """Whether windows in the corners and in between are computed as the whole is, margins aside."""
    assert windows.size is not None
    last = tuple(side - part for side, part in zip(windows.size, windows.sides, strict=True))
    for place in ((0, 0), (last[0] // 2, last[1] // 2), (last[0], 0), (last[0], last[1])):
        values: Values = {node: data[windows.part(data.shape, place)] for node, data in trial.items()}
        try:
            compute(unit.nodes, values, exact)
        except (RuntimeError, IndexError):
            return False
        for node in ends:
            expected = whole[node][windows.part(whole[node].shape, place)]
            if values[node].shape != expected.shape:
                return False
            shown = windows.seen(expected, place)
            if not _alike(values[node] * shown, expected * shown):
                return False
    return True


def _alike(one: torch.Tensor, other: torch.Tensor, more: bool = True) -> bool:
    if not more or one.shape != other.shape:
        return False
    return bool((one - other).abs().max() <= TOLERANCE * other.abs().max().clamp(min=1e-12))
