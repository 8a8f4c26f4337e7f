"""Invariants of a quantised model: what must hold after every step, so that the file computes what was planned.

1. Every activation of the plan has a grid of the type that the plan says, with a step above zero.
2. Every weight of the plan has a grid of the type that the plan says, and lies on it: what is written are codes, and
   an algorithm that leaves a weight unrounded would be measured better than what runs.
   Steps of either are powers of two where the plan says so: hardware that shifts has no others.
3. The codes keep the limits of the target's kernels, biases too, and the masks and codebooks that steps have decided on
   (`WeightLimits`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
import onnx_ir as ir

from detquant.calibration.limits import WeightLimits
from detquant.calibration.quant_model import QuantModel
from detquant.graph.traits import weight_of
from detquant.graph.values import constant
from detquant.numerics import Capability, QuantParams, QuantSpec, dequantize, quantize
from detquant.numerics.arrays import Floats
from detquant.numerics.powers_of_two import are_powers
from detquant.recipes import Fixed, Own

Input = tuple[QuantParams | None, Floats | None]


def weight_limits(qm: QuantModel, capability: Capability) -> dict[str, WeightLimits]:
    """The limits that each weight's codes must keep, by layer; algorithms that round weights read them.

    Args:
        qm: the model.
        capability: the target's facts.
    """
    layers = {node.name or "": node for node in qm.model.graph if node.name in qm.plan.weights}
    return {name: _limits(qm, layers[name], spec, capability) for name, spec in qm.plan.weights.items()}


def input_of(qm: QuantModel, layer: ir.Node, capability: Capability) -> Input:
    """The grid of a layer's input, None in float, and its channels' peaks ``[channels]`` where pairs can overflow."""
    tensor = codes_read(layer, set(qm.plan.integer))
    x = qm.activations.get(tensor)
    return x, peaks_of(qm, tensor, x, capability)


def peaks_of(qm: QuantModel, tensor: str, x: QuantParams | None, capability: Capability) -> Floats | None:
    """Peaks of the channels that a layer reads, ``[channels]`` or one of all; None where pairs cannot overflow.

    Args:
        qm: the model.
        tensor: what the layer reads.
        x: its grid; None in float.
        capability: the target's facts.
    """
    if x is None or not capability.pair_saturation:
        return None
    return qm.statistics.channel_peaks.get(tensor, x.high)  # unknown: anything on the grid may come


def codes_read(layer: ir.Node, integer: Collection[str]) -> str:
    """The tensor whose codes a layer multiplies; empty where it runs in float."""
    x = layer.inputs[0]
    return x.name or "" if x is not None and layer.name in integer else ""


def invariant_violation(qm: QuantModel, capability: Capability) -> str | None:
    """The first invariant that the model violates, in a few words that name a tensor or a layer; None where all hold.

    Args:
        qm: the model.
        capability: the target's facts.
    """
    faults = [*_faults_of_activations(qm), *_faults_of_weights(qm, capability)]
    if not faults:
        return None
    return faults[0] + f" (and {len(faults) - 1} more tensors are at fault)" * (len(faults) > 1)


def _faults_of_activations(qm: QuantModel) -> Iterator[str]:
    for name, point in qm.plan.points.items():
        if not isinstance(point, Own | Fixed):
            continue
        grid = qm.params.get(name)
        if grid is None or grid.qtype != point.spec.qtype:
            yield f"'{name}' has {f'a grid of {grid.qtype}' if grid else 'no grid'}, and {point.spec.qtype} was planned"
        elif not (np.isfinite(grid.scale) & (grid.scale > 0)).all():
            yield f"'{name}' has a grid whose step is {grid.scale}"
        elif strange := _off_powers(grid, point.spec):
            yield f"'{name}' has {strange}"


def _faults_of_weights(qm: QuantModel, capability: Capability) -> Iterator[str]:
    layers = {node.name or "": node for node in qm.model.graph if node.name in qm.plan.weights}
    for name, spec in qm.plan.weights.items():
        if found := _fault(qm, layers.get(name), spec, capability):
            yield f"of the layer '{name}', {found}"


def _off_powers(grid: QuantParams, spec: QuantSpec) -> str | None:
    """The first step that is no power of two where it should be, in a few words."""
    steps = np.atleast_1d(grid.scale)
    wrong = steps[~are_powers(steps)]
    if not spec.power_of_two or not wrong.size:
        return None
    return f"a grid whose step is {wrong[0]}, and a power of two was planned"


def _limits(qm: QuantModel, layer: ir.Node, spec: QuantSpec, capability: Capability) -> WeightLimits:
    x, peaks = input_of(qm, layer, capability)
    allowed, powers = qm.allowed.get(layer.name or ""), spec.power_of_two
    return WeightLimits.of(layer, spec.qtype, x=x, peaks=peaks, allowed=allowed, power_of_two=powers)


def _fault(qm: QuantModel, layer: ir.Node | None, spec: QuantSpec, capability: Capability) -> str | None:
    grid, stored = qm.weights.get(layer.name or "") if layer else None, constant(weight_of(layer)) if layer else None
    if layer is None or grid is None or stored is None:
        return "the weight has no grid"
    if grid.qtype != spec.qtype:
        return f"the weight is {grid.qtype}, and {spec.qtype} was planned"
    if strange := _off_powers(grid, spec):
        return f"the weight has {strange}"
    weight = np.asarray(stored, np.float32)
    if not np.isfinite(weight).all():
        return "the weight is not finite"
    codes = quantize(weight, grid)
    if off := int((dequantize(codes, grid) != weight).sum()):
        return f"{off} of {weight.size} numbers of the weight are not rounded to its grid"
    return _limits(qm, layer, spec, capability).violation(codes, grid)
