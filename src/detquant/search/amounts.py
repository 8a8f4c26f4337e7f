"""What a width takes of each kind of budget, and the `Problem` that this makes of a table of losses.

1. Mean width: numbers of the weight x bits, as a share of all numbers of weights in codes.
2. Bytes: numbers x the bits that the target's files store for them (`Capability.stored_bits`), and besides what the
   files hold in any case: graph, scales, biases, layers in float. That is the size of real files less their weights.
3. Zipped bytes: the codes of each layer at each width, as they are stored, packed by deflate; and besides likewise.
4. Bit operations: MACs x bits of the weight x bits of the layer's input (32 where it reads floats), as a share of 64 a
   MAC. Where the target takes activations of several widths, theirs are decided with the weights'.
5. Latency: what each layer takes longer or shorter at a width, as the target was timed (`detquant.search.latency`).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from detquant.calibration import QuantModel, weight_grid
from detquant.calibration.invariants import input_of
from detquant.numerics import Capability, quantize
from detquant.recipes import Fixed, Own
from detquant.search._base import Layer, Sensitivity, Tensor
from detquant.search.budget import Budget, Kind
from detquant.search.measures import ADDS_AS
from detquant.search.problem import Decision, Option, Pair, Problem
from detquant.search.trials import at_width
from detquant.targets import Artefact

FLOAT_BITS = 32
EIGHT_BY_EIGHT = 64
FLOOR = 0.25
"""Share of the median loss at a width below which no layer is taken to be, see `with_floor`."""
LEVEL = 6
"""Level of deflate, that of zip files."""

Amount = Callable[[Layer, int], float]
"""What a layer takes at a width."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A quantised model before its widths are chosen, and what its files are.

    Attributes:
        model: the model at the widths of its recipe.
        capability: the target's facts.
        lowered: gives the files of the model with these widths of weights, by layer.
        latency: layer -> width -> milliseconds that it adds; None where nobody has timed it.
    """

    model: QuantModel
    capability: Capability
    lowered: Callable[[Mapping[str, int]], Artefact]
    latency: Mapping[str, Mapping[int, float]] | None = None


def problem_of(table: Sensitivity, budget: Budget, facts: Facts) -> Problem:
    """The problem of all layers of a model.

    Args:
        table: losses of its layers.
        budget: what may be spent.
        facts: what is known of the model.
    """
    table, cost = with_floor(table), ADDS_AS[table.measure]
    if budget.kind is Kind.OPERATIONS:
        return _of_operations(table, budget, facts)
    amount, constant = _AMOUNTS[budget.kind](table, facts)

    def options(layer: Layer) -> tuple[Option, ...]:
        return tuple(Option(bits, cost(loss), amount(layer, bits)) for bits, loss in sorted(layer.loss.items()))

    decisions = (Decision(name=one.name, is_weight=True, options=options(one)) for one in table.layers)
    return Problem(decisions=tuple(decisions), constant=constant, budget=budget.amount)


def with_floor(table: Sensitivity) -> Sensitivity:
    """The table with no loss below `FLOOR` of the median at the same width.

    A layer that serves large objects alone loses nothing on images without one: what few images did not need is not
    free, so it is taken to cost some of what others do.
    """
    every = {bits for one in table.layers for bits in one.loss} | {bits for one in table.tensors for bits in one.loss}

    def floors(all_of: Sequence[Layer] | Sequence[Tensor]) -> dict[int, float]:
        known = {bits: [one.loss[bits] for one in all_of if bits in one.loss] for bits in every}
        return {bits: FLOOR * max(float(np.median(losses)), 0.0) for bits, losses in known.items() if losses}

    def raised(loss: Mapping[int, float], least: Mapping[int, float]) -> dict[int, float]:
        return {bits: max(value, least[bits]) for bits, value in loss.items()}

    of_layers, of_tensors = floors(table.layers), floors(table.tensors)
    return replace(
        table,
        layers=tuple(replace(one, loss=raised(one.loss, of_layers)) for one in table.layers),
        tensors=tuple(replace(one, loss=raised(one.loss, of_tensors)) for one in table.tensors),
    )


def _widths(table: Sensitivity, facts: Facts) -> tuple[Amount, float]:
    total = sum(one.weights for one in table.layers)
    return (lambda layer, bits: layer.weights * bits / total), 0.0


def stored_bytes(weights: int, bits: int, capability: Capability) -> float:
    """Bytes that the numbers of a weight take in the target's files; these hold powers of two bits."""
    return weights * capability.stored(bits) / 8


def _bytes(table: Sensitivity, facts: Facts) -> tuple[Amount, float]:
    def weight(layer: Layer, bits: int) -> float:
        return stored_bytes(layer.weights, bits, facts.capability)

    return _of_files(table, facts, weight, SIZES[Kind.BYTES])


def _zipped(table: Sensitivity, facts: Facts) -> tuple[Amount, float]:
    nodes = {node.name or "": node for node in facts.model.reference.graph}

    def packed(layer: Layer, bits: int) -> float:
        spec = at_width(facts.model.plan.weights[layer.name], bits)
        x, peaks = input_of(facts.model, nodes[layer.name], facts.capability)
        grid = weight_grid(nodes[layer.name], spec, x=x, peaks=peaks)
        codes = quantize(grid.values, grid.params).astype(np.int8).reshape(-1)
        if facts.capability.stored(bits) <= 4:
            codes = np.append(codes, np.zeros(codes.size % 2, np.int8))
            codes = (codes[::2] & 15) | (codes[1::2] << 4)
        return float(len(zlib.compress(codes.tobytes(), LEVEL)))

    known = {(one.name, bits): packed(one, bits) for one in table.layers for bits in one.loss}
    return _of_files(table, facts, lambda layer, bits: known[layer.name, bits], SIZES[Kind.ZIPPED])


def _of_files(
    table: Sensitivity, facts: Facts, weight: Amount, size: Callable[[Artefact], float]
) -> tuple[Amount, float]:
    """What layers take of files, and what these hold besides.

    Files with all layers at one width tell: those of the widest what is held in any case, those of narrower ones what
    each layer takes more than its numbers, for the operators and names that widen them, or since it is too small to be
    worth that.
    """
    count = max(len(table.layers), 1)

    def besides(bits: int) -> float:
        widths = {one.name: nearest(one.loss, bits) for one in table.layers}
        return size(facts.lowered(widths)) - sum(weight(one, widths[one.name]) for one in table.layers)

    classes = {facts.capability.stored(bits): bits for bits in sorted({b for one in table.layers for b in one.loss})}
    left = {stored: besides(bits) for stored, bits in classes.items()}
    constant = left[max(left)]
    more = {stored: max(one - constant, 0.0) / count for stored, one in left.items()}
    return (lambda layer, bits: weight(layer, bits) + more[facts.capability.stored(bits)]), constant


def nearest(widths: Iterable[int], bits: int) -> int:
    """The width among some that is nearest to one, the wider of two."""
    return min(widths, key=lambda one: (abs(one - bits), -one))


SIZES: Mapping[Kind, Callable[[Artefact], float]] = {
    Kind.BYTES: lambda artefact: artefact.size_bytes,
    Kind.ZIPPED: Artefact.zipped_bytes,
}
"""What files take of the budgets that are of files."""


def _latency(table: Sensitivity, facts: Facts) -> tuple[Amount, float]:
    assert facts.latency is not None, "timed by the caller"
    latency = facts.latency
    return (lambda layer, bits: latency.get(layer.name, {}).get(bits, 0.0)), latency[""][0]


_AMOUNTS: Mapping[Kind, Callable[[Sensitivity, Facts], tuple[Amount, float]]] = {
    Kind.WIDTH: _widths,
    Kind.BYTES: _bytes,
    Kind.ZIPPED: _zipped,
    Kind.LATENCY: _latency,
}


def _of_operations(table: Sensitivity, budget: Budget, facts: Facts) -> Problem:
    """The problem of bit operations (case 4)."""
    cost, whole = ADDS_AS[table.measure], EIGHT_BY_EIGHT * max(sum(one.macs for one in table.layers), 1)
    read = {one.reads for one in table.layers}
    tensors = [one for one in table.tensors if one.writers and len(one.loss) > 1 and one.name in read]
    place = {one.name: len(table.layers) + k for k, one in enumerate(tensors)}
    decisions, pairs = list[Decision](), list[Pair]()
    for k, one in enumerate(table.layers):
        free = one.reads in place
        beside = 0 if free else one.macs * input_bits(facts.model, one.reads) / whole
        options = tuple(Option(bits, cost(loss), beside * bits) for bits, loss in sorted(one.loss.items()))
        decisions.append(Decision(name=one.name, is_weight=True, options=options))
        if free:
            pairs.append(Pair(k, place[one.reads], one.macs / whole))
    for tensor in tensors:
        options = tuple(Option(bits, cost(loss), 0.0) for bits, loss in sorted(tensor.loss.items()))
        decisions.append(Decision(name=tensor.name, is_weight=False, options=options))
    return Problem(decisions=tuple(decisions), pairs=tuple(pairs), budget=budget.amount)


def input_bits(qm: QuantModel, root: str) -> int:
    """Bits of the activations on a grid; of floats where there is none."""
    point = qm.plan.points.get(root)
    return point.spec.qtype.bits if isinstance(point, Own | Fixed) else FLOAT_BITS
