"""How channels go through layers with a constant weight: they are read, and new ones are made.

1. Conv of one group; ConvTranspose of one group, whose weight has its inputs first.
2. Depthwise: the channels go through, each perhaps several times; its weight, bias and number of groups follow.
3. Other groups: all must stay equally large, so channels at one place of each group are tied, read ones and made ones.
4. Gemm and MatMul over the last axis. Channels along another axis go through a MatMul.
5. Layers that share a weight share its channels.

A weight or bias that is computed, or of a form that is not among these, leaves all channels as they are.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from detquant.graph.channels.atoms import Lane
from detquant.graph.channels.cuts import Groups, Slices
from detquant.graph.channels.layers import Layer
from detquant.graph.channels.rules import Tracing, stop
from detquant.graph.summary import node_macs
from detquant.graph.traits import bias_of, weight_of
from detquant.graph.values import constant, static_shape
from detquant.numerics.arrays import Ints

NOTHING = np.zeros((1, 0), np.int64)


def follow_layer(node: ir.Node, tracing: Tracing) -> Layer | None:
    """Follows channels through a layer; None where it is of no form that can be cut."""
    weight, shape = constant(weight_of(node)), static_shape(node.outputs[0])
    biased = len(node.inputs) > 2 and node.inputs[2] is not None
    if weight is None or shape is None or (biased and constant(bias_of(node)) is None):
        stop(node, tracing)
        return None
    if node.op_type in ("Conv", "ConvTranspose"):
        groups = node.attributes.get_int("group", 1)
        first = 0 if node.op_type == "ConvTranspose" else 1
        inputs = weight.shape[first] if first == 0 else weight.shape[1] * groups
        if groups > 1 and groups == inputs:
            return _depthwise(node, tracing, shape[1])
        return _convolution(node, tracing, weight.shape, groups)
    if weight.ndim != 2 or node.attributes.get_int("transA"):
        stop(node, tracing)
        return None
    return _product(node, tracing, weight.shape, len(shape))


def _depthwise(node: ir.Node, tracing: Tracing, outputs: int) -> Layer | None:
    """Case 2."""
    lane, name = tracing.lane(node.inputs[0]), node.name or ""
    if lane is None or lane.axis != 1:
        stop(node, tracing)
        return None
    times = outputs // lane.atoms.size
    made = np.repeat(lane.atoms, times)
    per_output = node.op_type == "Conv"
    tracing.cut(Slices(node=name, position=1, axis=0, atoms=made if per_output else lane.atoms))
    tracing.cut(Groups(node=name, atoms=lane.atoms))
    _cut_bias(node, tracing, made)
    tracing.give(node.outputs[0], Lane(1, made))
    return Layer(name=name, reads=NOTHING, makes=made, macs=node_macs(node), depthwise=True)


def _convolution(node: ir.Node, tracing: Tracing, shape: tuple[int, ...], groups: int) -> Layer:
    """Cases 1 and 3."""
    name, turned = node.name or "", node.op_type == "ConvTranspose"
    outputs = shape[1] * groups if turned else shape[0]
    lane, made = tracing.lane(node.inputs[0]), tracing.fresh(outputs)
    reads = NOTHING
    if lane is not None and lane.axis != 1:
        stop(node, tracing)
    elif lane is not None:
        reads = lane.atoms.reshape(groups, -1)
        _tie_groups(reads, tracing)
        own = lane.atoms if turned else reads[0]
        tracing.cut(Slices(node=name, position=1, axis=0 if turned else 1, atoms=own))
    by_group = made.reshape(groups, -1)
    _tie_groups(by_group, tracing)
    own = by_group[0] if turned else made
    tracing.cut(Slices(node=name, position=1, axis=1 if turned else 0, atoms=own))
    _cut_bias(node, tracing, made)
    tracing.give(node.outputs[0], Lane(1, made))
    return Layer(name=name, reads=reads, makes=made, macs=node_macs(node))


def _tie_groups(by_group: Ints, tracing: Tracing) -> None:
    for other in by_group[1:]:
        tracing.tie(by_group[0], other)


def _product(node: ir.Node, tracing: Tracing, shape: tuple[int, ...], rank: int) -> Layer | None:
    """Case 4."""
    name, turned = node.name or "", bool(node.attributes.get_int("transB", 0))
    lane = tracing.lane(node.inputs[0])
    if lane is not None and lane.axis != rank - 1:
        if node.op_type == "MatMul":
            tracing.give(node.outputs[0], lane)
        else:
            stop(node, tracing)
        return None
    bias = constant(bias_of(node))
    made = tracing.fresh(shape[0 if turned else 1])
    reads = NOTHING if lane is None else lane.atoms[None]
    if lane is not None:
        tracing.cut(Slices(node=name, position=1, axis=1 if turned else 0, atoms=lane.atoms))
    tracing.cut(Slices(node=name, position=1, axis=0 if turned else 1, atoms=made))
    if bias is not None and bias.shape[-1:] == made.shape:
        tracing.cut(Slices(node=name, position=2, axis=bias.ndim - 1, atoms=made))
    tracing.give(node.outputs[0], Lane(rank - 1, made))
    return Layer(name=name, reads=reads, makes=made, macs=node_macs(node))


def _cut_bias(node: ir.Node, tracing: Tracing, made: Ints) -> None:
    if bias_of(node) is not None:
        tracing.cut(Slices(node=node.name or "", position=2, axis=0, atoms=made))
