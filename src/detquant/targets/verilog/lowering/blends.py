"""Resize by linear interpolation: sums over windows of a map whose pixels are repeated, and whose border goes on.

Between two pixels, linear interpolation takes of each as much as a window of one pixel's width covers of it. So with
every pixel repeated ``W`` times down and right, which is addresses only, each result is a sum over ``W x W`` places.
What of a window lies outside of the map is the nearest place inside (``clamped``). The sum is whole: there is one
rounding, at its end, and no weight. On an axis that is made ``r`` times as long, windows lie ``W / r`` apart and begin

1. at ``W (1 / r - 1) / 2`` where coordinates are `half_pixel`: for ``r = 2``, with ``W = 4``, one place outside;
2. at 0 where they are `asymmetric`.

``W`` is the least power of two with which all of these are whole. Whether an operator does this is seen from its
weights: all else (corners aligned, cubic, three times as large) is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from detquant.graph.window import Window
from detquant.integer.operators import Blend, IntegerOperator, Table
from detquant.integer.operators import CodeArray as Weights
from detquant.numerics.multipliers import Multiplier
from detquant.targets.verilog.lowering.addresses import MOST_SHIFT
from detquant.targets.verilog.lowering.draft import Draft, refused
from detquant.targets.verilog.lowering.elementwise import each, scaling_of
from detquant.targets.verilog.lowering.reading import enlarged, view_of
from detquant.targets.verilog.maps import CODE_BITS
from detquant.targets.verilog.program import Kind


@dataclass(frozen=True, slots=True)
class Along:
    """Windows along an axis, in pixels of what is read: how far apart, and where the first one begins."""

    stride: Fraction
    start: Fraction


def blend(operator: IntegerOperator, table: Table | None, draft: Draft) -> None:
    """Lowers a Resize by linear interpolation.

    Raises:
        UnsupportedOperator: it mixes pixels in another way.
    """
    assert isinstance(operator, Blend)
    read = view_of(draft, operator, operator.inputs[0])
    size = operator.rows.shape[0], operator.columns.shape[0]
    axes = _along(operator.rows), _along(operator.columns)
    shift = next((one for one in range(MOST_SHIFT) if None not in axes and _is_whole(axes, one)), None)
    if shift is None:
        raise refused(
            operator,
            f"it mixes pixels of {read.height}x{read.width} to {size[0]}x{size[1]}, and the engine does by 'linear' to "
            f"sides 2, 4, ... times as long or half as long, with coordinates 'half_pixel' or 'asymmetric': export "
            f"the model with such a Resize, or by 'nearest'",
        )
    down, right = (one for one in axes if one is not None)
    width = 1 << shift
    # Weights have finer steps than places of a window, by so many bits, which the shift takes out again.
    finer = sum(int(one[0].sum()).bit_length() - 1 - shift for one in (operator.rows, operator.columns))
    if int(operator.multiplier.shift) < finer:
        raise refused(operator, "a step of what it reads is too many steps of what it gives")
    pads = tuple((-int(one.start * width),) * 2 for one in (down, right))
    strides = int(down.stride * width), int(right.stride * width)
    window = Window((width, width), strides, (1, 1), (pads[0], pads[1]))
    zero = draft.zero(operator.inputs[0])
    factor = Multiplier(operator.multiplier.multiplier, operator.multiplier.shift - finer)
    scaling = scaling_of(factor, (-zero * width * width, 0), width * width << CODE_BITS)
    facts = {"kind": Kind.ADD, "scaling": scaling, "zero": operator.zero_out - draft.offset(operator.output)}
    each(operator, table, draft, enlarged(read, shift), size, window, clamped=True, **facts)


def _is_whole(axes: tuple[Along | None, Along | None], shift: int) -> bool:
    """Whether windows begin at places, with pixels repeated ``2^shift`` times."""
    numbers = [number for one in axes if one is not None for number in (one.stride, one.start)]
    return all((number * (1 << shift)).denominator == 1 for number in numbers)


def _along(weights: Weights) -> Along | None:
    """The windows whose weights these are ``[out, in]``; None where they are no windows of one pixel's width."""
    out, size = weights.shape
    unit = int(weights[0].sum())
    for along in _known(Fraction(size, out)):
        starts = [along.start + along.stride * place for place in range(out)]
        found = np.zeros((out, size), np.int64)
        for place, start in enumerate(starts):
            first, part = start.numerator // start.denominator, start % 1
            if (part * unit).denominator != 1:
                break
            for pixel, share in ((first, 1 - part), (first + 1, part)):
                found[place, min(max(pixel, 0), size - 1)] += int(share * unit)
        if unit and unit & (unit - 1) == 0 and np.array_equal(found, weights):
            return along
    return None


def _known(step: Fraction) -> Iterator[Along]:
    """Cases 1 and 2, of pixels that lie so far apart."""
    yield Along(step, (step - 1) / 2)
    yield Along(step, Fraction(0))
