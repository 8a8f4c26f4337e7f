"""Cross-layer equalisation: the channels of a tensor between two convolutions are brought to like ranges.

Nagel et al. 2019, Data-Free Quantization Through Weight Equalization and Bias Correction, section 4.1. For
``f`` with ``f(x / s) = f(x) / s`` on each channel, s > 0,

    W2 f(W1 x + b1) + b2  =  (W2 S) f(S^-1 W1 x + S^-1 b1) + b2,     S = diag(s)
    s_i = sqrt(r1_i r2_i) / r2_i        (eq. 11)

with r1_i the largest magnitude in output channel i of W1 and r2_i that in input channel i of W2. Both are then
sqrt(r1_i r2_i). A convolution in two pairs (a depthwise one between two others) loses its balance on one side
when it finds it on the other, so the pairs take turns until no scale moves any more.

A pair is Conv -> any number of operators with the trait `scales_through` (Relu, LeakyRelu, MaxPool) -> Conv, both
convolutions integer. Left alone is

1. what has anything else in between: SiLU, Clip (Relu6), HardSwish are not positively homogeneous;
2. a tensor with a second reader, and one that the graph gives out: they would see it scaled;
3. groups other than 1 or, with as many inputs as outputs, depthwise;
4. a weight or bias that is computed, not constant;
5. a channel that is all zero on either side: its scale is 1.

Biases are scaled like the weights before them; the paper's absorption of large ones is not done here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

import numpy as np
import onnx_ir as ir

from detquant.algorithms._base import Context
from detquant.algorithms.options import Count
from detquant.calibration import Collector, QuantModel, Statistics, calibrate
from detquant.graph.channel_scales import along, input_axis, is_scalable
from detquant.graph.traits import OPS, bias_of, weight_of
from detquant.graph.values import constant, is_op, is_used_once
from detquant.graph.weights import replace_bias, replace_weight
from detquant.numerics.arrays import Doubles
from detquant.recipes import Stage

T = TypeVar("T")

TOLERANCE = 1e-4
"""Scales this near to 1 have converged."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two convolutions that can be scaled against each other.

    Attributes:
        first: the one that writes.
        second: the one that reads.
        between: names of the tensors from one to the other; each is divided by the scales.
    """

    first: ir.Node
    second: ir.Node
    between: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Equalization:
    """Equalises the channels between convolutions.

    The float graph is rewritten (same function), so this is the first of the steps: grids start again from it, and
    what earlier steps did to weights and biases is lost. The tensors in between get new figures in the model's
    statistics: channel means and peaks are divided by the scales; extremes and histograms are collected again from the
    informative images, for those of a whole tensor do not tell which channel they came from.

    Attributes:
        rounds: how often the pairs take turns at most.
    """

    name: ClassVar[str] = "equalization"
    stage: ClassVar[Stage] = Stage.GRAPH

    rounds: Count = 20

    def __call__(self, qm: QuantModel, context: Context) -> QuantModel:
        """The model with equalised channels; the same where no two convolutions can be paired."""
        reference = qm.reference.clone()
        pairs = list(find_pairs(reference.graph, qm.plan.integer))
        if not pairs:
            return qm.noted(self, "equalization: no two convolutions with only Relu, LeakyRelu or MaxPool in between")
        scales = equalize(pairs, self.rounds)
        divided = {name: s for pair, s in zip(pairs, scales, strict=True) for name in pair.between}
        statistics = _refreshed(qm.statistics, _collected(reference, qm, context), divided)
        fresh = calibrate(reference, qm.plan, statistics, context.target.capability)
        original = qm.original and qm.original.divided_by(divided)
        done = replace(fresh, original=original, choices=qm.choices, notes=qm.notes_until(Stage.CHOICES))
        paired = dict.fromkeys(node.name or "" for pair in pairs for node in (pair.first, pair.second))
        return done.noted(self, f"equalization: {len(pairs)} pairs of convolutions", operators=paired)


def find_pairs(graph: ir.Graph, names: Sequence[str]) -> Iterator[Pair]:
    """The pairs among the operators with these names, in graph order."""
    chosen = set(names)
    for first in graph:
        if first.name not in chosen or not is_scalable(first):
            continue
        value, between = first.outputs[0], list[str]()
        while is_used_once(value):
            between.append(value.name or "")
            [(reader, position)] = value.uses()
            if position == 0 and reader.name in chosen and is_scalable(reader):
                yield Pair(first, reader, tuple(between))
            traits = OPS.get(reader.op_type)
            if traits is None or not traits.scales_through or not is_op(reader, reader.op_type):
                break
            value = reader.outputs[0]


def equalize(pairs: Sequence[Pair], rounds: int) -> list[Doubles]:
    """Rewrites the weights and biases of the pairs in place.

    Args:
        pairs: see `find_pairs`.
        rounds: how often they take turns at most.

    Returns:
        For each pair what its channels were divided by, ``[channels]``.
    """
    nodes = {n.name: n for pair in pairs for n in (pair.first, pair.second)}
    weights = {name: np.asarray(constant(weight_of(n)), np.float64) for name, n in nodes.items()}
    inputs = {name: input_axis(n) for name, n in nodes.items()}
    scales = [np.ones(len(weights[pair.first.name])) for pair in pairs]
    for _ in range(rounds):
        moved = 0.0
        for k, pair in enumerate(pairs):
            first, second = pair.first.name, pair.second.name
            s = _scale(weights[first], weights[second], inputs[second])
            weights[first] = weights[first] / along(s, 0, weights[first].ndim)
            weights[second] = weights[second] * along(s, inputs[second], weights[second].ndim)
            scales[k] = scales[k] * s
            moved = max(moved, float(np.abs(np.log(s)).max()))
        if moved < TOLERANCE:
            break
    for name, node in nodes.items():
        replace_weight(node, weights[name].astype(np.float32))
    for pair, total in zip(pairs, scales, strict=True):
        bias = constant(bias_of(pair.first))
        if bias is not None:
            replace_bias(pair.first, (np.asarray(bias, np.float64) / total).astype(np.float32))
    return scales


def _scale(first: Doubles, second: Doubles, axis: int) -> Doubles:
    """Scale of each channel between two convolutions, ``[channels]`` (equation 11; dead channels as in case 5)."""
    r1, r2 = _largest(first, 0), _largest(second, axis)
    alive = (r1 > 0.0) & (r2 > 0.0)
    return np.sqrt(np.divide(r1, r2, out=np.ones_like(r1), where=alive))


def _largest(weight: Doubles, axis: int) -> Doubles:
    others = tuple(a for a in range(weight.ndim) if a != axis)
    return np.asarray(np.abs(weight).max(axis=others), np.float64)


def _collected(reference: ir.Model, qm: QuantModel, context: Context) -> Statistics:
    """Extremes and histograms of the rewritten graph, collected anew."""
    feeds = context.images.informative
    collector = Collector(model=reference, plan=qm.plan, threads=context.threads, executor=context.executor)
    return collector.collect(lambda which: (feeds[k] for k in which), len(feeds))


def _refreshed(known: Statistics, fresh: Statistics, divided: Mapping[str, Doubles]) -> Statistics:
    """The statistics with new figures for the tensors that were divided by something."""
    by = {name: s for name, s in divided.items() if name in known.channel_sums}
    peaks = {name: np.asarray(known.channel_peaks[name] / s, np.float32) for name, s in by.items()}
    return replace(
        known,
        extremes=_taken_over(known.extremes, fresh.extremes, divided),
        histograms=_taken_over(known.histograms, fresh.histograms, divided),
        channel_sums={**known.channel_sums, **{name: known.channel_sums[name] / s for name, s in by.items()}},
        channel_peaks={**known.channel_peaks, **peaks},
    )


def _taken_over(known: Mapping[str, T], fresh: Mapping[str, T], names: Collection[str]) -> dict[str, T]:
    """The known figures, replaced under these names by fresh ones, or dropped where there are none: they are stale."""
    kept = {name: figures for name, figures in known.items() if name not in names}
    return kept | {name: fresh[name] for name in names if name in fresh}
