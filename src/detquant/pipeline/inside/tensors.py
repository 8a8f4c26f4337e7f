"""What rounding costs at each tensor: its grid, the numbers on it, what is cut off, and the error.

1. Of an activation that calibration has kept a histogram of, everything follows from that: the numbers of a bin lie
   evenly in it.
2. Of others a few images tell, as many tensors at a time as memory is meant for.
3. Of a weight, its own numbers do: the float one's and what is left of them on the grid.

Where a function alone reads a tensor and its grid is chosen for what that makes of it (SiLU's input is cut off where
SiLU is flat), the error is that of the function's result.

A histogram and an error are of `MOST` numbers of a tensor at most, evenly taken, of each image as many; the ends and
what is cut off are of all numbers.
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
from detquant.numerics.arrays import Array, Floats
from detquant.numerics.sqnr import CEILING_DB
from detquant.recipes.plan import SCORES
from detquant.report.evidence import TensorLoss

BINS = 64
WITHIN = 8
"""Numbers that stand for those of one bin of calibration's."""
MOST = 1 << 16
AT_ONCE = 1 << 25
"""Numbers of one image's tensors that are looked at in one run: 128 MB."""


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
    values, grids = values_by_name(model.reference.graph), model.activations
    places = {name: place for place, name in enumerate(values)}
    seen = {name: one for name in grids if (one := _from_calibration(model, name, grids[name])) is not None}
    rest = {name: grid for name, grid in grids.items() if name not in seen}
    seen |= _from_images(model, rest, feeds, threads)
    found = list[tuple[int, int, TensorLoss]]()
    for name, one in seen.items():
        producer, error = values[name].producer(), cumulative.get(name)
        operator = producer.name or "" if producer is not None else ""
        error = None if error is None or error >= CEILING_DB else error
        loss = _loss(name, operator, "activation", grids[name], one, error)
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
        cut = _outside(numbers, *(end.reshape(shape) for end in _ends(grid)))
        ends = float(numbers.min()), float(numbers.max())
        seen = _seen(ends, 100 * cut / numbers.size, _evenly(numbers, MOST), _evenly(rounded, MOST))
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


def _from_calibration(model: QuantModel, name: str, grid: QuantParams) -> Seen | None:
    """What the histogram of an activation tells (case 1); None where there is none."""
    counts = model.statistics.histograms.get(name)
    if counts is None or not counts.any():
        return None
    low, high = model.statistics.bounds(name)
    steps = (np.arange(counts.size * WITHIN) + 0.5) / WITHIN - 0.5  # a bin is what is rounded to its number
    numbers = np.clip(low + steps * (high - low) / (counts.size - 1), low, high).astype(np.float32)
    often, ends = np.repeat(counts / WITHIN, WITHIN).astype(np.float64), _ends(grid)
    return Seen(
        low=low,
        high=high,
        clipped=100 * float(often[(numbers < ends[0]) | (numbers > ends[1])].sum() / often.sum()),
        alone_db=_decibels(numbers, fake_quantize(numbers, grid), _read_by(model, name), often),
        counts=tuple(map(int, np.add.reduceat(counts, _parts(counts.size)))),
    )


def _read_by(model: QuantModel, name: str) -> Function:
    """The function whose result shows what rounding a tensor costs: that which alone reads it, else none."""
    kind = model.plan.preactivations.get(name)
    return _sigmoid if kind == SCORES else FUNCTIONS[kind] if kind is not None else np.asarray


def _sigmoid(x: Floats) -> Floats:
    """The sigmoid; all scores that nobody is shown are the same, so that rounding these costs nothing."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(x, LOGIT, None))), np.float32)


def _parts(size: int) -> npt.NDArray[np.int64]:
    """Where each of `BINS` parts of a histogram begins; where it does not go up, the first are larger by one."""
    return np.arange(BINS) * (size // BINS) + np.minimum(np.arange(BINS), size % BINS)


def _from_images(
    model: QuantModel, grids: Mapping[str, QuantParams], feeds: Sequence[Feed], threads: int
) -> dict[str, Seen]:
    """What a few images tell of activations (case 2)."""
    inputs = {value.name or "" for value in model.reference.graph.inputs}
    looked = {name: Looked(grid, MOST // max(len(feeds), 1)) for name, grid in grids.items()}
    for feed in feeds:
        for name in inputs.intersection(grids):
            looked[name].at(feed[name])
    for some in _portions(model.reference.graph, [name for name in grids if name not in inputs]) if feeds else ():
        runner = OrtRunner(with_taps_only(model.reference, some), threads)
        for feed in feeds:
            for name, array in runner.run(feed).items():
                looked[name].at(array)
    return {name: one.seen(_read_by(model, name)) for name, one in looked.items() if one.size}


class Looked:
    """A tensor as it is looked at image by image; of its numbers so many are kept as its histogram is of.

    Args:
        grid: the grid of the tensor.
        most: how many numbers of an image are kept.
    """

    def __init__(self, grid: QuantParams, most: int) -> None:
        self._grid, self._most, self._within = grid, most, _ends(grid)
        self._low, self._high, self._cut = np.inf, -np.inf, 0
        self._kept: list[Floats] = []
        self.size = 0

    def at(self, array: Array) -> None:
        """Looks at the tensor on one more image."""
        numbers = np.asarray(array, np.float32)
        self._low, self._high = min(self._low, float(numbers.min())), max(self._high, float(numbers.max()))
        if self._low < self._within[0].min() or self._high > self._within[1].max():
            self._cut += _outside(numbers, *self._within)
        self._kept.append(_evenly(numbers, self._most))
        self.size += numbers.size

    def seen(self, function: Function) -> Seen:
        """What was seen.

        Args:
            function: what reads the tensor, where the error of its result is meant.
        """
        some = np.concatenate(self._kept)
        rounded = fake_quantize(some, self._grid)
        return _seen((self._low, self._high), 100 * self._cut / self.size, some, rounded, function)


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


def _seen(
    ends: tuple[float, float], clipped: float, some: Floats, rounded: Floats, function: Function = np.asarray
) -> Seen:
    return Seen(
        low=ends[0],
        high=ends[1],
        clipped=clipped,
        alone_db=_decibels(some, rounded, function),
        counts=tuple(map(int, _counts(some, *ends))),
    )


def _counts(numbers: Floats, low: float, high: float) -> npt.NDArray[np.int64]:
    """How many numbers are in each of `BINS` equal bins."""
    if not 0 < high - low < np.inf:
        return np.asarray(np.eye(1, BINS, dtype=np.int64)[0] * numbers.size, np.int64)
    places = ((numbers - np.float64(low)) * (BINS / (high - low))).astype(np.int64)
    return np.asarray(np.bincount(np.minimum(places, BINS - 1), minlength=BINS), np.int64)


def _evenly(numbers: Floats, most: int) -> Floats:
    """So many numbers at most, evenly taken; a copy, lest all the others stay in memory."""
    flat = numbers.reshape(-1)
    return flat[:: -(-flat.size // max(most, 1)) or 1].copy()


def _ends(grid: QuantParams) -> tuple[Floats, Floats]:
    """The numbers between which rounding is off by half a step at most."""
    half = grid.scale / 2
    return np.asarray(grid.low - half, np.float32), np.asarray(grid.high + half, np.float32)


def _outside(numbers: Floats, low: Floats, high: Floats) -> int:
    """How many numbers are not between these."""
    return int(np.count_nonzero(numbers < low) + np.count_nonzero(numbers > high))


def _decibels(
    numbers: Floats, rounded: Floats, function: Function, often: npt.NDArray[np.float64] | None = None
) -> float | None:
    """SQNR of what a function makes of numbers, each of which there are so many; None where that is exact."""
    clean, weights = np.asarray(function(numbers), np.float64), 1.0 if often is None else often
    noise = np.asarray(function(rounded), np.float64) - clean
    ratio = ratio_db(float((weights * clean * clean).sum()), float((weights * noise * noise).sum()))
    return ratio if ratio < CEILING_DB else None
