"""Grids of weights: minimum and maximum, or the range with the smallest squared error, per output channel.

MSE search (Choukroun et al. 2019; Nagel et al. 2021, section 3.1): of the ranges ``c max|w|``, ``c`` in a
fixed ladder, the one with the smallest ``sum (w - Q(w))^2``.

The limits of the target hold whatever the search says (`detquant.calibration.limits`). The search counts what they
cost, so a channel gets finer steps and a few clipped weights, or coarser steps and none, whichever is nearer to the
float weights. The fewer the bits, the more clipping pays: below 8 the ladder goes further down.

Where steps are powers of two the ladder is one of octaves, down from the first that leaves nothing more than a step
outside.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from detquant.calibration.limits import WeightLimits
from detquant.errors import RecipeError, unknown_name
from detquant.graph.traits import weight_channel_axis, weight_of
from detquant.graph.values import constant
from detquant.numerics import PerAxis, QuantParams, QuantSpec
from detquant.numerics.arrays import Floats
from detquant.numerics.grid import SMALLEST_SCALE
from detquant.numerics.powers_of_two import SMALLEST_POWER, nearest_power, power_above

LADDERS = {
    "minmax": (1.0,),
    "mse": (1.0, 0.98, 0.95, 0.92, 0.88, 0.84, 0.8, 0.75, 0.7, 0.65, 0.6),
}
OCTAVES = {"minmax": (1.0,), "mse": (1.0, 0.5, 0.25)}
DEEPER = (0.55, 0.5, 0.45, 0.4, 0.35, 0.3, 0.25, 0.2)
COARSER = (1.06, 1.12, 1.2, 1.28, 1.38, 1.5, 1.7, 2.0)
DEEPER_OCTAVE, COARSER_OCTAVE = (0.125,), (2.0,)


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightGrid:
    """A weight on its grid.

    Attributes:
        params: the grid.
        values: the weight on the grid, float32, in its own shape: quantising it again gives the same codes.
    """

    params: QuantParams
    values: Floats


def weight_grid(
    node: ir.Node,
    spec: QuantSpec,
    *,
    x: QuantParams | None = None,
    peaks: Floats | None = None,
    power: float = 2.0,
) -> WeightGrid:
    """The grid of a weighted operator's weight, and the weight on it.

    Args:
        node: operator with a constant weight.
        spec: the wish; observer "minmax" or "mse".
        x: grid of the input, for limit 2.
        peaks: largest real value of each input channel, or of all; given where limit 1 must hold.
        power: power of the errors whose sum is the least, for the observer "mse".

    Raises:
        RecipeError: weights have no such observer.
    """
    if spec.observer not in LADDERS:
        raise RecipeError(unknown_name("weight observer", spec.observer, LADDERS))
    limits = WeightLimits.of(node, spec.qtype, x=x, peaks=peaks, power_of_two=spec.power_of_two)
    rows = np.asarray(limits.rows(_weight(node)), np.float32)
    return _on_grid(node, spec, limits, _search(rows, spec, limits, power))


def weight_on_grid(
    node: ir.Node,
    spec: QuantSpec,
    scale: Floats,
    *,
    x: QuantParams | None = None,
    peaks: Floats | None = None,
) -> WeightGrid:
    """A weight on the grid with these steps, or with larger ones where its bias needs them.

    Where steps are powers of two it has those nearest to these.

    Args:
        node: operator with a constant weight.
        spec: the wish.
        scale: steps, ``[channels]`` or ``()`` as the wish's granularity has it.
        x: grid of the input, for limit 2.
        peaks: largest real value of each input channel, or of all; given where limit 1 must hold.
    """
    limits = WeightLimits.of(node, spec.qtype, x=x, peaks=peaks, power_of_two=spec.power_of_two)
    floor = limits.smallest_scale
    smallest = np.maximum(floor if scale.ndim else floor.max(), _smallest(spec))
    enough = np.maximum(nearest_power(scale) if spec.power_of_two else scale, smallest).astype(np.float32)
    return _on_grid(node, spec, limits, np.broadcast_to(enough, floor.shape))


def _weight(node: ir.Node) -> Floats:
    weight = constant(weight_of(node))
    assert weight is not None
    return np.asarray(weight, np.float32)


def _on_grid(node: ir.Node, spec: QuantSpec, limits: WeightLimits, scale: Floats) -> WeightGrid:
    """The weight rounded to steps ``[channels]``, all of them the same where the wish has one."""
    weight, per_axis = _weight(node), isinstance(spec.granularity, PerAxis)
    rows = np.asarray(limits.rows(weight), np.float32)
    values = (_codes(rows, scale, limits) * scale[:, None]).astype(np.float32)
    stored = scale if per_axis else np.asarray(scale[0])
    params = QuantParams(
        spec.qtype, stored, np.zeros(stored.shape, np.int64), weight_channel_axis(node) if per_axis else None
    )
    return WeightGrid(params=params, values=np.asarray(limits.unrolled(values, weight.shape), np.float32))


def _search(rows: Floats, spec: QuantSpec, limits: WeightLimits, power: float) -> Floats:
    """Scales ``[channels]`` with the smallest sum of errors to a power over the ladder."""
    per_axis = isinstance(spec.granularity, PerAxis)
    limit, floor = np.abs(rows).max(axis=1), limits.smallest_scale
    if not per_axis:
        limit, floor = np.full_like(limit, limit.max()), np.full_like(floor, floor.max())
    best, least = np.zeros(len(rows), np.float32), np.full(len(rows), np.inf)
    for wished in _tried(limit, spec, limits):
        scale = np.maximum(np.maximum(wished, floor), _smallest(spec)).astype(np.float32)
        off = _codes(rows, scale, limits) * scale[:, None] - rows
        error = (np.square(off) if power == 2 else np.abs(off) ** power).sum(axis=1, dtype=np.float64)
        error = error if per_axis else np.full(len(rows), error.sum())
        better = error < least
        best[better], least[better] = scale[better], error[better]
    return best


def _tried(limit: Floats, spec: QuantSpec, limits: WeightLimits) -> Iterator[Floats]:
    """The steps that are tried for rows whose largest magnitudes these are."""
    coarser, deeper = limits.seen is not None, spec.observer == "mse" and spec.qtype.bits < 8
    if spec.power_of_two:
        first = power_above(limit / (spec.qtype.qmax + 1))
        octaves = OCTAVES[spec.observer] + COARSER_OCTAVE * coarser + DEEPER_OCTAVE * deeper
        return (first * np.float32(octave) for octave in octaves)
    ladder = LADDERS[spec.observer] + COARSER * coarser + DEEPER * deeper
    return (np.asarray(limit * ratio / spec.qtype.qmax, np.float32) for ratio in ladder)


def _smallest(spec: QuantSpec) -> np.float32:
    return SMALLEST_POWER if spec.power_of_two else SMALLEST_SCALE


def _codes(rows: Floats, scale: Floats, limits: WeightLimits) -> Floats:
    codes: Floats = np.clip(np.rint(rows / scale[:, None]), limits.qtype.qmin, limits.qtype.qmax)
    return limits.without_overflow(codes)
