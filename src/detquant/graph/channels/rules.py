"""How channels go through each operator that has no weight.

A rule is given a node that reads followed channels. It says which channels the outputs have (`Tracing.give`), ties and
fixes what it must, and leaves a cut for each constant that speaks of channels. What has no rule fixes all channels that
it reads, and nothing behind it is followed: that is always right.

1. Elementwise of one input, and what only changes numbers or types: channels go through.
2. Elementwise of several: channels at one place are tied; a constant with one number a channel is cut; where the other
   input is not followed, and not one number for all channels, they stay.
3. Pooling, resizing, padding: as long as they work within a channel.
4. What mixes along an axis (Softmax, means, sums): if it is another axis.
5. What moves channels: Concat, Split, Slice, Gather, Transpose, Squeeze, Unsqueeze; Reshape in `reshaping`.
6. Normalisation with a constant for each channel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

import numpy as np
import onnx_ir as ir

from detquant.graph.channels.atoms import Lane
from detquant.graph.channels.cuts import Counts, Cut, Ranks, Slices
from detquant.graph.values import constant, static_shape
from detquant.numerics.arrays import Ints


class Tracing(Protocol):
    """What a rule may do, see `detquant.graph.channels.tracing`."""

    def lane(self, value: ir.Value | None) -> Lane | None:
        """The followed channels of a value."""
        ...

    def give(self, value: ir.Value, lane: Lane) -> None:
        """A value has these channels."""
        ...

    def fresh(self, count: int) -> Ints:
        """Channels that are new."""
        ...

    def fixed(self, count: int) -> Ints:
        """Channels that are new, and stay."""
        ...

    def fix(self, atoms: Ints) -> None:
        """These stay."""
        ...

    def tie(self, one: Ints, other: Ints) -> None:
        """These can only go together."""
        ...

    def cut(self, cut: Cut) -> None:
        """What has to be written anew."""
        ...


Rule = Callable[[ir.Node, Tracing], None]


def stop(node: ir.Node, tracing: Tracing) -> None:
    """All channels that the node reads stay."""
    for value in node.inputs:
        lane = tracing.lane(value)
        if lane is not None:
            tracing.fix(lane.atoms)


def only_data(rule: Callable[[ir.Node, Lane], Lane | None]) -> Rule:
    """A rule of operators whose first input alone has channels: the lane that comes out; None to stop."""

    def apply(node: ir.Node, tracing: Tracing) -> None:
        lane = tracing.lane(node.inputs[0])
        elsewhere = any(tracing.lane(value) is not None for value in node.inputs[1:])
        made = None if lane is None or elsewhere or len(node.outputs) != 1 else rule(node, lane)
        if made is None:
            stop(node, tracing)
        else:
            tracing.give(node.outputs[0], made)

    return apply


def elementwise(node: ir.Node, tracing: Tracing) -> None:
    """Case 2."""
    ranks = [_rank(value) for value in (*node.inputs, node.outputs[0])]
    lanes = [tracing.lane(value) for value in node.inputs]
    wide = [k for k, lane in enumerate(lanes) if lane is not None and lane.atoms.size > 1]
    if any(rank is None for rank in ranks) or not wide or len(node.outputs) != 1:
        stop(node, tracing)
        return
    rank = max(one for one in ranks if one is not None)
    first = lanes[wide[0]]
    assert first is not None
    axis, atoms = first.axis + rank - (ranks[wide[0]] or 0), first.atoms
    for k, value in enumerate(node.inputs):
        own = axis - (rank - (ranks[k] or 0))
        lane, shape = lanes[k], static_shape(value)
        size = shape[own] if shape is not None and own >= 0 else 1
        if value is None or size == 1:
            continue
        if lane is not None and lane.axis == own:
            tracing.tie(atoms, lane.atoms)
        elif constant(value) is not None:
            tracing.cut(Slices(node=node.name or "", position=k, axis=own, atoms=atoms))
        else:
            tracing.fix(atoms)
    for lane, own_rank in zip(lanes, ranks, strict=False):
        if lane is not None and lane.atoms.size > 1 and lane.axis + rank - (own_rank or 0) != axis:
            tracing.fix(lane.atoms)  # channels along two axes
            tracing.fix(atoms)
    tracing.give(node.outputs[0], Lane(axis, atoms))


def _rank(value: ir.Value | None) -> int | None:
    shape = static_shape(value)
    return 0 if value is None else None if shape is None else len(shape)


def _through(node: ir.Node, lane: Lane) -> Lane:
    return lane


def _within_map(node: ir.Node, lane: Lane) -> Lane | None:
    return lane if lane.axis == 1 else None


def _other_axis(default: int) -> Callable[[ir.Node, Lane], Lane | None]:
    def rule(node: ir.Node, lane: Lane) -> Lane | None:
        rank = _rank(node.inputs[0])
        axis = node.attributes.get_int("axis", default)
        return None if rank is None or axis % rank == lane.axis else lane

    return rule


def _reduced(node: ir.Node, lane: Lane) -> Lane | None:
    """Case 4, over axes that are given by an input or an attribute."""
    given = constant(node.inputs[1]) if len(node.inputs) > 1 else None
    listed = node.attributes.get_ints("axes", ()) if given is None else given.reshape(-1).tolist()
    rank = _rank(node.inputs[0])
    if not listed or rank is None:
        return None
    axes = {int(axis) % rank for axis in listed}
    if lane.axis in axes:
        return None
    kept = node.attributes.get_int("keepdims", 1)
    return lane if kept else replace(lane, axis=lane.axis - sum(axis < lane.axis for axis in axes))


def _pad(node: ir.Node, tracing: Tracing) -> None:
    lane, given = tracing.lane(node.inputs[0]), constant(node.inputs[1]) if len(node.inputs) > 1 else None
    rank = _rank(node.inputs[0])
    if lane is None or given is None or rank is None or any(value is not None for value in node.inputs[3:]):
        stop(node, tracing)
        return
    pads = [int(number) for number in given.reshape(-1)]
    before, after = pads[lane.axis], pads[lane.axis + rank]
    if min(before, after) < 0 or (max(before, after) and node.attributes.get_string("mode", "constant") != "constant"):
        stop(node, tracing)
        return
    atoms = np.concatenate([tracing.fixed(before), lane.atoms, tracing.fixed(after)])
    tracing.give(node.outputs[0], Lane(lane.axis, atoms))


def _resize(node: ir.Node, tracing: Tracing) -> None:
    lane = tracing.lane(node.inputs[0])
    before, after = static_shape(node.inputs[0]), static_shape(node.outputs[0])
    sizes = constant(node.inputs[3]) if len(node.inputs) > 3 else None
    texts = node.attributes.get_string
    plain = texts("coordinate_transformation_mode", "half_pixel") != "tf_crop_and_resize"
    plain &= texts("keep_aspect_ratio_policy", "stretch") == "stretch"
    known = sizes is not None or (len(node.inputs) > 2 and constant(node.inputs[2]) is not None)
    if lane is None or before is None or after is None or not (plain and known):
        stop(node, tracing)
        return
    if before[lane.axis] != after[lane.axis]:
        stop(node, tracing)
        return
    axes = [axis % len(before) for axis in node.attributes.get_ints("axes", range(len(before)))]
    if sizes is not None and sizes.size and lane.axis in axes:
        entries = {axes.index(lane.axis): lane.atoms}
        tracing.cut(Counts(node=node.name or "", position=3, base=sizes, entries=entries))
    tracing.give(node.outputs[0], lane)


def _concat(node: ir.Node, tracing: Tracing) -> None:
    shapes, lanes = [static_shape(value) for value in node.inputs], [tracing.lane(value) for value in node.inputs]
    axis = next(lane.axis for lane in lanes if lane is not None)
    known = [shape for shape in shapes if shape is not None]
    if len(known) != len(shapes) or any(lane is not None and lane.axis != axis for lane in lanes):
        stop(node, tracing)
        return
    along = node.attributes.get_int("axis", 0) % len(known[0]) == axis
    if not along and any(lane is None for lane in lanes):
        stop(node, tracing)
        return
    atoms = [
        tracing.fixed(shape[axis]) if lane is None else lane.atoms for lane, shape in zip(lanes, known, strict=True)
    ]
    if along:
        tracing.give(node.outputs[0], Lane(axis, np.concatenate(atoms)))
        return
    for other in atoms[1:]:
        tracing.tie(atoms[0], other)
    tracing.give(node.outputs[0], Lane(axis, atoms[0]))


def _split(node: ir.Node, tracing: Tracing) -> None:
    lane, shapes = tracing.lane(node.inputs[0]), [static_shape(value) for value in node.outputs]
    known = [shape for shape in shapes if shape is not None]
    given = node.inputs[1] if len(node.inputs) > 1 else None
    if lane is None or len(known) != len(shapes) or (given is not None and constant(given) is None):
        stop(node, tracing)
        return
    if node.attributes.get_int("axis", 0) % len(known[0]) != lane.axis:
        for output in node.outputs:
            tracing.give(output, lane)
        return
    sizes = np.array([shape[lane.axis] for shape in known], np.int64)
    ends = np.cumsum(sizes)
    parts = [lane.atoms[end - size : end] for size, end in zip(sizes, ends, strict=True)]
    tracing.cut(Counts(node=node.name or "", position=1, base=sizes, entries=dict(enumerate(parts))))
    for output, part in zip(node.outputs, parts, strict=True):
        tracing.give(output, Lane(lane.axis, part))


def _slice(node: ir.Node, tracing: Tracing) -> None:
    lane, given = tracing.lane(node.inputs[0]), [constant(value) for value in node.inputs[1:]]
    shape = static_shape(node.inputs[0])
    if lane is None or shape is None or len(given) < 2 or any(one is None for one in given):
        stop(node, tracing)
        return
    starts, ends, *rest = (one.reshape(-1) for one in given if one is not None)
    axes = [int(axis) % len(shape) for axis in rest[0]] if rest else list(range(len(starts)))
    if lane.axis not in axes:
        tracing.give(node.outputs[0], lane)
        return
    k, size = axes.index(lane.axis), lane.atoms.size
    if len(rest) > 1 and int(rest[1][k]) != 1:
        stop(node, tracing)
        return
    start, end = (min(max(int(one[k]) + size * (one[k] < 0), 0), size) for one in (starts, ends))
    for position, base, place in ((1, starts, start), (2, ends, end)):
        tracing.cut(Counts(node=node.name or "", position=position, base=base, entries={k: lane.atoms[:place]}))
    tracing.give(node.outputs[0], Lane(lane.axis, lane.atoms[start:end]))


def _gather(node: ir.Node, tracing: Tracing) -> None:
    lane, indices, rank = tracing.lane(node.inputs[0]), constant(node.inputs[1]), _rank(node.inputs[0])
    if lane is None or rank is None or indices is None:
        stop(node, tracing)
        return
    axis = node.attributes.get_int("axis", 0) % rank
    if axis != lane.axis:
        tracing.give(node.outputs[0], Lane(lane.axis + (indices.ndim - 1) * (axis < lane.axis), lane.atoms))
        return
    if indices.ndim != 1:
        stop(node, tracing)
        return
    tracing.cut(Ranks(node=node.name or "", position=1, atoms=lane.atoms))
    tracing.give(node.outputs[0], Lane(lane.axis, lane.atoms[indices.astype(np.int64)]))


def _transpose(node: ir.Node, lane: Lane) -> Lane | None:
    rank = _rank(node.inputs[0])
    if rank is None:
        return None
    perm = list(node.attributes.get_ints("perm", range(rank)[::-1]))
    return replace(lane, axis=perm.index(lane.axis))


def _normalised(constants: tuple[int, ...]) -> Rule:
    """Case 6, with a number for each channel at these inputs."""

    def rule(node: ir.Node, tracing: Tracing) -> None:
        lane = tracing.lane(node.inputs[0])
        given = [constant(value) for value in node.inputs[1:]]
        if lane is None or lane.axis != 1 or any(one is None for one in given) or len(given) < len(constants):
            stop(node, tracing)
            return
        for position in constants:
            tracing.cut(Slices(node=node.name or "", position=position, axis=0, atoms=lane.atoms))
        tracing.give(node.outputs[0], lane)

    return rule


_ONE = (
    *("Abs", "Cast", "Ceil", "Celu", "Clip", "Dropout", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid"),
    *("HardSwish", "Identity", "LeakyRelu", "Log", "Mish", "Neg", "Not", "Reciprocal", "Relu", "Round", "Selu"),
    *("Shrink", "Sigmoid", "Sign", "Sin", "Cos", "Softplus", "Softsign", "Sqrt", "Tanh", "ThresholdedRelu", "Swish"),
)
_SEVERAL = (
    *("Add", "Sub", "Mul", "Div", "Max", "Min", "Mean", "Sum", "Pow", "PRelu", "Mod", "Where"),
    *("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "And", "Or", "Xor"),
)
_REDUCES = tuple(f"Reduce{what}" for what in ("Mean", "Sum", "Max", "Min", "L1", "L2", "Prod", "LogSumExp"))
_POOLS = ("MaxPool", "AveragePool", "LpPool", "GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")

RULES: Mapping[str, Rule] = {
    **dict.fromkeys(_ONE, only_data(_through)),  # case 1
    **dict.fromkeys(_SEVERAL, elementwise),  # case 2
    **dict.fromkeys(_POOLS, only_data(_within_map)),  # case 3
    "Resize": _resize,
    "Pad": _pad,
    **dict.fromkeys(("Softmax", "LogSoftmax", "Hardmax"), only_data(_other_axis(-1))),  # case 4
    **dict.fromkeys(_REDUCES, only_data(_reduced)),
    "Concat": _concat,  # case 5
    "Split": _split,
    "Slice": _slice,
    "Gather": _gather,
    "Transpose": only_data(_transpose),
    "BatchNormalization": _normalised((1, 2, 3, 4)),  # case 6
    "InstanceNormalization": _normalised((1, 2)),
}
