"""What rounding costs at each tensor: its grid, the numbers on it, what is cut off, and the error.

1. Of an activation that calibration has kept a histogram of, everything follows from that: the numbers of a bin lie
   evenly in it.
2. Of others a few images tell, as many tensors at a time as memory is meant for.
3. Of a weight, its own numbers do: the float one's and what is left of them on the grid.

Where a function alone reads a tensor and its grid is chosen for what that makes of it (SiLU's input is cut off where
SiLU is flat), the error is that of the function's result.

A histogram and an error are of `MOST` numbers of a tensor at most, evenly taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from detquant.calibration import Feed, QuantModel
from detquant.calibration.preactivation import FUNCTIONS, LOGIT, Function
from detquant.graph.running import OrtRunner
from detquant.graph.taps import with_taps_only
from detquant.graph.traits import weight_of
from detquant.graph.values import constant, static_shape, values_by_name
from detquant.numerics import QuantParams, fake_quantize, ratio_db
from detquant.numerics.arrays import Floats
from detquant.numerics.sqnr import CEILING_DB
from detquant.recipes.plan import SCORES
from detquant.report.evidence import TensorLoss

BINS = 64
WITHIN = 8
"""Numbers that stand for those of one bin of calibration's."""
MOST = 1 << 18
AT_ONCE = 1 << 24
"""Numbers of one image's tensors that are looked at in one run: 64 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The numbers of a tensor, as far as they were looked at.

    Attributes:
        low: the smallest.
        high: the largest.
        clipped: share that lies outside of the grid, per cent.
        alone_db: SQNR when they alone are rounded, of what reads them; None where that is exact.
        counts: histogram in `BINS` equal bins from the smallest to the largest.
    """

    low: float
    high: float
    clipped: float
    alone_db: float | None
    counts: tuple[int, ...]


def tensor_losses(
    model: QuantModel, cumulative: Mapping[str, float | None], feeds: Sequence[Feed], threads: int
) -> tuple[TensorLoss, ...]:
    """The losses at all activations and weights on grids, in the order of the graph; a weight before what it makes.

    Args:
        model: the quantised model.
        cumulative: SQNR of tensors in the quantised model, dB.
        feeds: a few images; where there are none, only weights and what calibration has kept are told of.
        threads: number of threads that the images run on.
    """
    values = values_by_name(model.reference.graph)
    places = {name: place for place, name in enumerate(values)}
    seen = {name: one for name in model.activations if (one := _from_calibration(model, name)) is not None}
    seen |= dict(_from_images(model, [name for name in model.activations if name not in seen], feeds, threads))
    found = list[tuple[int, int, TensorLoss]]()
    for name, one in seen.items():
        producer, error = values[name].producer(), cumulative.get(name)
        operator = producer.name or "" if producer is not None else ""
        error = None if error is None or error >= CEILING_DB else error
        loss = _loss(name, operator, "activation", model.activations[name], one, error)
        found.append((places[name], 1, loss))
    found += [(places[node.outputs[0].name or ""], 0, loss) for node, loss in _weights(model)]
    return tuple(loss for *_, loss in sorted(found, key=lambda one: one[:2]))


def _weights(model: QuantModel) -> Iterator[tuple[ir.Node, TensorLoss]]:
    reference = {node.name or "": node for node in model.reference.graph}
    for node in model.model.graph:
        grid, value, before = model.weights.get(node.name or ""), weight_of(node), reference.get(node.name or "")
        weight, known = constant(value), constant(weight_of(before)) if before is not None else None
        if grid is None or value is None or weight is None or known is None or known.shape != weight.shape:
            continue
        rounded = fake_quantize(np.asarray(weight, np.float32), grid)
        numbers, shape = np.asarray(known, np.float32), grid.spread(weight.ndim)[0].shape
        outside = _outside(numbers, *(end.reshape(shape) for end in _ends(grid)))
        seen = _seen(numbers, _evenly(numbers), _evenly(rounded), outside)
        yield node, _loss(value.name or "", node.name or "", "weight", grid, seen, None)


def _loss(name: str, operator: str, kind: str, grid: QuantParams, seen: Seen, cumulative: float | None) -> TensorLoss:
    return TensorLoss(
        name=name,
        operator=operator,
        kind=kind,
        bits=grid.qtype.bits,
        scale=float(np.median(grid.scale)),
        steps=int(grid.scale.size),
        zero_point=int(grid.zero_point.reshape(-1)[0]),
        low=float(grid.low.min()),
        high=float(grid.high.max()),
        seen_low=seen.low,
        seen_high=seen.high,
        clipped=seen.clipped,
        alone_db=seen.alone_db,
        cumulative_db=cumulative,
        counts=seen.counts,
    )


def _from_calibration(model: QuantModel, name: str) -> Seen | None:
    """What the histogram of an activation tells (case 1); None where there is none."""
    counts, grid = model.statistics.histograms.get(name), model.activations[name]
    if counts is None or not counts.any():
        return None
    low, high = model.statistics.bounds(name)
    steps = (np.arange(counts.size * WITHIN) + 0.5) / WITHIN - 0.5  # a bin is what is rounded to its number
    numbers = np.clip(low + steps * (high - low) / (counts.size - 1), low, high).astype(np.float32)
    often = np.repeat(counts / WITHIN, WITHIN).astype(np.float64)
    return Seen(
        low=low,
        high=high,
        clipped=100 * float(often[_outside(numbers, *_ends(grid))].sum() / often.sum()),
        alone_db=_decibels(numbers, fake_quantize(numbers, grid), _read_by(model, name), often),
        counts=tuple(int(part.sum()) for part in np.array_split(counts, BINS)),
    )


def _read_by(model: QuantModel, name: str) -> Function:
    """The function whose result shows what rounding a tensor costs: that which alone reads it, else none."""
    kind = model.plan.preactivations.get(name)
    return _sigmoid if kind == SCORES else FUNCTIONS[kind] if kind is not None else np.asarray


def _sigmoid(x: Floats) -> Floats:
    """The sigmoid; all scores that nobody is shown are the same, so that rounding these costs nothing."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(x, LOGIT, None))), np.float32)


def _from_images(
    model: QuantModel, names: Sequence[str], feeds: Sequence[Feed], threads: int
) -> Iterator[tuple[str, Seen]]:
    """What a few images tell of activations (case 2)."""
    if not feeds:
        return
    inputs = {value.name or "" for value in model.reference.graph.inputs}
    for some in _portions(model.reference.graph, [name for name in names if name not in inputs]):
        runner = OrtRunner(with_taps_only(model.reference, some), threads)
        kept: dict[str, list[Floats]] = {name: [] for name in some}
        for feed in feeds:
            for name, array in runner.run(feed).items():
                kept[name].append(np.asarray(array, np.float32).reshape(-1))
        for name, arrays in kept.items():
            yield name, _of_numbers(model, name, np.concatenate(arrays))
    for name in inputs.intersection(names):
        arrays = [np.asarray(feed[name], np.float32).reshape(-1) for feed in feeds]
        yield name, _of_numbers(model, name, np.concatenate(arrays))


def _portions(graph: ir.Graph, names: Sequence[str]) -> Iterator[list[str]]:
    """Tensors in the order of the graph, as many at a time as `AT_ONCE` numbers are in; at least one."""
    values, some, size = values_by_name(graph), list[str](), 0
    for name in names:
        count = int(np.prod(static_shape(values[name]) or (1,)))
        if some and size + count > AT_ONCE:
            yield some
            some, size = [], 0
        some.append(name)
        size += count
    if some:
        yield some


def _of_numbers(model: QuantModel, name: str, numbers: Floats) -> Seen:
    some, grid = _evenly(numbers), model.activations[name]
    return _seen(numbers, some, fake_quantize(some, grid), _outside(numbers, *_ends(grid)), _read_by(model, name))


def _seen(
    numbers: Floats, some: Floats, rounded: Floats, outside: npt.NDArray[np.bool_], function: Function = np.asarray
) -> Seen:
    low, high = float(numbers.min()), float(numbers.max())
    counts = np.histogram(some, BINS, (low, high))[0] if high > low else np.eye(1, BINS, dtype=np.int64)[0] * some.size
    return Seen(
        low=low,
        high=high,
        clipped=100 * float(outside.mean()),
        alone_db=_decibels(some, rounded, function),
        counts=tuple(map(int, counts)),
    )


def _evenly(numbers: Floats) -> Floats:
    """So many numbers as are looked at, evenly taken."""
    flat = numbers.reshape(-1)
    return flat[:: -(-flat.size // MOST) or 1]


def _ends(grid: QuantParams) -> tuple[Floats, Floats]:
    """The numbers between which rounding is off by half a step at most."""
    half = grid.scale / 2
    return np.asarray(grid.low - half, np.float32), np.asarray(grid.high + half, np.float32)


def _outside(numbers: Floats, low: Floats, high: Floats) -> npt.NDArray[np.bool_]:
    return np.asarray((numbers < low) | (numbers > high))


def _decibels(
    numbers: Floats, rounded: Floats, function: Function, often: npt.NDArray[np.float64] | None = None
) -> float | None:
    """SQNR of what a function makes of numbers, each of which there are so many; None where that is exact."""
    clean, weights = np.asarray(function(numbers), np.float64), 1.0 if often is None else often
    noise = np.asarray(function(rounded), np.float64) - clean
    ratio = ratio_db(float((weights * clean * clean).sum()), float((weights * noise * noise).sum()))
    return ratio if ratio < CEILING_DB else None
