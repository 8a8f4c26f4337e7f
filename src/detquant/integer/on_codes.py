"""Which operators of a QDQ graph run on codes, and on which grids: found once, for all who write integer operators.

An operator runs on codes when all that it reads and writes is codes there and then:

1. each activation comes from a DequantizeLinear with one scale, each result goes to a QuantizeLinear with one scale
   and nowhere else. A Relu or Clip between the two can count as part of the operator, whose results it bounds;
2. a weight comes from a DequantizeLinear of constant codes;
3. another constant is real numbers, which the kernel brings onto a grid itself.

What a runtime asks besides (its kernels, grids that must be equal) is for its target to say.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from detquant.graph.bounds import FREE, Bounds, bounds, has_bounds
from detquant.graph.grids import Codes, Stored, sink_of, source_of, stored_codes
from detquant.graph.traits import OPS, OpTraits
from detquant.graph.values import ONNX_DOMAINS, constant, is_used_once
from detquant.numerics.arrays import Array

UNKNOWN = OpTraits(data_inputs=None)


@dataclass(frozen=True, slots=True, eq=False)
class OnCodes:
    """An operator that reads and writes codes.

    Attributes:
        node: the operator.
        inputs: by place: an activation in codes, stored codes (a weight, a bias), real numbers, or None.
        outputs: results in codes: the operator's, or those of the activation that it takes in.
        bounds: numbers that the results are cut off at; None for an end that is free.
    """

    node: ir.Node
    inputs: tuple[Codes | Stored | Array | None, ...]
    outputs: tuple[Codes, ...]
    bounds: Bounds = FREE

    @property
    def activations(self) -> tuple[Codes, ...]:
        """The codes that it reads and that are computed."""
        return tuple(one for one in self.inputs if isinstance(one, Codes))

    @property
    def weight(self) -> Stored | None:
        """The weight of the operator, if it has one."""
        place = OPS.get(self.node.op_type, UNKNOWN).weight_input
        found = self.inputs[place] if place is not None and place < len(self.inputs) else None
        return found if isinstance(found, Stored) else None


def on_codes(node: ir.Node, activation: ir.Node | None = None) -> OnCodes | None:
    """An operator as one on codes; None where it runs in float.

    Args:
        node: the operator; of one that has no row of traits, all inputs are data.
        activation: a Relu or Clip that is to count as part of it, see `activation_behind`.
    """
    inputs = inputs_on_codes(node)
    sinks = [sink_of(value) for value in (activation or node).outputs]
    outputs = tuple(sink for sink in sinks if sink is not None and sink.grid.axis is None)
    if inputs is None or len(outputs) < len(sinks):
        return None
    return OnCodes(node, inputs, outputs, FREE if activation is None else bounds(activation))


def inputs_on_codes(node: ir.Node) -> tuple[Codes | Stored | Array | None, ...] | None:
    """The inputs of an operator that reads codes and no computed floats; None for others. See `OnCodes.inputs`."""
    if node.domain not in ONNX_DOMAINS:
        return None
    traits = OPS.get(node.op_type, UNKNOWN)
    data = range(len(node.inputs)) if traits.data_inputs is None else traits.data_inputs
    inputs = []
    for place, value in enumerate(node.inputs):
        read = _read(value)
        if isinstance(read, Codes) and read.grid.axis is not None:
            return None
        if read is None and value is not None and (place in data or place == traits.weight_input):
            return None  # case 1: it is computed in float
        if place == traits.weight_input and isinstance(read, np.ndarray):
            return None  # case 2: the weight is real
        inputs.append(read)
    return tuple(inputs) if any(isinstance(one, Codes) for one in inputs) else None


def _read(value: ir.Value | None) -> Codes | Stored | Array | None:
    """An input as computed codes, stored codes or constant real numbers; None where it is computed in float."""
    return source_of(value) or stored_codes(value) or constant(value)


def activation_behind(node: ir.Node) -> ir.Node | None:
    """The Relu, or Clip within bounds that are known, that alone reads the operator's result."""
    if len(node.outputs) != 1 or not is_used_once(node.outputs[0]):
        return None
    reader = next(iter(node.outputs[0].uses())).node
    return reader if has_bounds(reader) and reader.inputs[0] is node.outputs[0] else None
