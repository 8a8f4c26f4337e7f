"""The numbers of a unit that can be learnt, as they stand in the modules and as the model keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import onnx_ir as ir
from torch import nn

from detquant.algorithms.reconstruction.tensors import aligned
from detquant.algorithms.reconstruction.twin import Twin
from detquant.calibration import QuantModel, WeightLimits, weight_limits
from detquant.graph.traits import bias_of, weight_of
from detquant.graph.values import constant
from detquant.graph.weights import replace_bias, replace_weight
from detquant.numerics import INT32, Capability, QuantParams, dequantize, quantize
from detquant.numerics.arrays import Floats, Ints
from detquant.recipes import Own

ROOM = 0.9
"""Share of what 32 bits hold that a bias may take when it is learnt."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Numbers:
    """Values of what a unit can learn.

    Attributes:
        codes: codes of each layer's weight, in its own shape, by layer.
        biases: each layer's bias, None where it has none, by layer.
        scales: steps of activations, by root tensor.
    """

    codes: Mapping[str, Ints] = field(default_factory=dict)
    biases: Mapping[str, Floats | None] = field(default_factory=dict)
    scales: Mapping[str, Floats] = field(default_factory=dict)

    def within(self, limits: Mapping[str, WeightLimits]) -> Numbers:
        """The numbers with codes that keep the target's limits."""
        return replace(self, codes={name: limits[name].project(codes) for name, codes in self.codes.items()})


def numbers_of(qm: QuantModel, layers: tuple[str, ...]) -> Numbers:
    """The numbers of these layers as the model has them."""
    nodes = {node.name or "": node for node in qm.model.graph}
    return Numbers(
        codes={name: quantize(_weight(nodes[name]), qm.weights[name]) for name in layers},
        biases={name: _bias(nodes[name]) for name in layers},
    )


def limits_of(qm: QuantModel, layers: tuple[str, ...], capability: Capability) -> dict[str, WeightLimits]:
    """The limits of these layers, see `weight_limits`."""
    few = replace(qm.plan, weights={name: qm.plan.weights[name] for name in layers})
    return weight_limits(replace(qm, plan=few), capability)


def with_scales(qm: QuantModel, scales: Mapping[str, Floats]) -> QuantModel:
    """The model with other steps of some activations, by root tensor."""
    changed = {root: replace(qm.params[root], scale=np.asarray(scale, np.float32)) for root, scale in scales.items()}
    return replace(qm, params={**qm.params, **changed}) if changed else qm


def with_numbers(qm: QuantModel, numbers: Numbers) -> QuantModel:
    """A model with these numbers; its graph is changed in place."""
    nodes = {node.name or "": node for node in qm.model.graph}
    for name, codes in numbers.codes.items():
        replace_weight(nodes[name], dequantize(codes, qm.weights[name]))
        bias = numbers.biases[name]
        if bias is not None:
            replace_bias(nodes[name], bias)
    return with_scales(qm, numbers.scales)


def nearest_codes(qm: QuantModel, layer: str, limits: WeightLimits) -> tuple[Floats, Ints]:
    """A layer's float weight, and the codes nearest to it that keep the limits."""
    exact = _weight(next(node for node in qm.reference.graph if node.name == layer))
    return exact, limits.project(quantize(exact, qm.weights[layer]))


def put(twin: Twin, qm: QuantModel, numbers: Numbers) -> None:
    """Gives the modules of the quantised net these numbers."""
    for name, codes in numbers.codes.items():
        module, bias = twin.layer(twin.layers[name]), numbers.biases[name]
        module.weight.data = aligned(dequantize(codes, qm.weights[name]))
        module.bias = None if bias is None else nn.Parameter(aligned(bias), requires_grad=False)
    for node, tensor in twin.grids.items():
        scale = numbers.scales.get(qm.plan.root(tensor))
        if scale is not None:
            twin.grid(node).scale.copy_(aligned(scale))


def largest_bias(qm: QuantModel, layer: str) -> Floats | None:
    """The magnitudes that a layer's bias has room for, by output channel or for all; None where it is in float."""
    node = next(node for node in qm.model.graph if node.name == layer)
    x = node.inputs[0]
    grid = qm.activations.get(x.name or "") if x is not None and layer in qm.plan.integer else None
    if grid is None:
        return None
    room = np.asarray(ROOM * INT32.qmax * np.float64(grid.scale) * qm.weights[layer].scale, np.float32)
    bias = _bias(node)
    return room if room.size == 1 or bias is None or bias.shape == room.shape else None


def own_roots(qm: QuantModel, twin: Twin, tensors: set[str]) -> dict[str, QuantParams]:
    """The grids on which these tensors lie, found by calibration, and no others: their steps may be learnt."""
    outside = {qm.plan.root(tensor) for tensor in qm.activations if tensor not in tensors}
    roots = dict.fromkeys(qm.plan.root(tensor) for tensor in tensors)
    return {
        root: qm.params[root] for root in roots if root not in outside and isinstance(qm.plan.points.get(root), Own)
    }


def _weight(node: ir.Node) -> Floats:
    return np.asarray(constant(weight_of(node)), np.float32)


def _bias(node: ir.Node) -> Floats | None:
    found = constant(bias_of(node))
    return None if found is None else np.asarray(found, np.float32)
