"""Bias correction: the mean error that quantisation leaves in each output channel is taken out of the bias.

Nagel et al. 2019, Data-Free Quantization Through Weight Equalization and Bias Correction, section 4.2.

    fast    E[y - y_q] = sum_i E[x_i] sum_kl (W - W_q)[o, i, k, l]: only the weights' error, from the
            channel means that calibration has collected; no image is run. A bias that a step before has
            changed (refit, learnt rounding) has had the error taken out, and stays.
    full    E[y - y_q] measured on the quantised net, layer after layer, so that the errors of the
            activations and of all layers before count too.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
import onnx_ir as ir

from detquant.algorithms._base import Context
from detquant.calibration import QuantModel
from detquant.calibration.probes import channel_axis
from detquant.graph.depth import depths
from detquant.graph.running import OrtRunner, emulating
from detquant.graph.saturation import with_saturation
from detquant.graph.taps import with_taps_only
from detquant.graph.traits import WEIGHTED, bias_of, weight_of
from detquant.graph.values import constant
from detquant.graph.weights import replace_bias
from detquant.numerics.arrays import Array, Floats
from detquant.recipes import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class BiasCorrection:
    """Takes the mean error out of biases.

    Attributes:
        mode: "fast" or "full".
    """

    name: ClassVar[str] = "bias_correction"
    stage: ClassVar[Stage] = Stage.BIASES

    mode: Literal["fast", "full"] = "fast"

    def __call__(self, qm: QuantModel, context: Context) -> QuantModel:
        """The model with corrected biases."""
        qm = replace(qm, model=qm.model.clone())
        left = [] if self.mode == "full" else _settled(qm)
        corrected = [node.name or "" for node in (_fast(qm, left) if self.mode == "fast" else _full(qm, context))]
        said = f"bias correction ({self.mode}): {len(corrected)} operators"
        if left:
            said += f"; {len(left)} others keep the bias that a step before has given them"
        return qm.noted(self, said, operators=corrected)


def _correctable(qm: QuantModel) -> list[ir.Node]:
    integer = set(qm.plan.integer)
    return [n for n in qm.model.graph if n.name in integer and n.op_type == "Conv" and weight_of(n) is not None]


def shift_bias(node: ir.Node, by: Floats) -> None:
    """Adds ``by`` ``[out channels]`` to the bias of a layer, which gets one where it has none."""
    old = constant(bias_of(node))
    replace_bias(node, by if old is None else np.asarray(old, np.float32) + by)


def mean_error(node: ir.Node, exact: Array, rounded: Array, mean: Floats) -> Floats:
    """What a convolution's output channels lack on average when its weight is rounded, ``[out]``.

    Args:
        node: the convolution.
        exact: its weight ``[out, in / groups, ...]``.
        rounded: the weight as it is rounded, of the same shape.
        mean: mean of each input channel, ``[in]``.
    """
    error = np.asarray(exact, np.float64) - np.asarray(rounded, np.float64)
    per_input = error.reshape(*error.shape[:2], -1).sum(axis=2, dtype=np.float64)  # [out, in / groups]
    groups = node.attributes.get_int("group", 1)
    seen = mean.reshape(groups, -1).repeat(len(error) // groups, axis=0)  # [out, in / groups]
    return np.asarray((per_input * seen).sum(axis=1), np.float32)


def _settled(qm: QuantModel) -> list[ir.Node]:
    """The layers whose bias is not the float network's."""
    originals = {n.name: bias_of(n) for n in qm.reference.graph}
    return [n for n in _correctable(qm) if not _equal(constant(bias_of(n)), constant(originals[n.name]))]


def _equal(one: Array | None, other: Array | None) -> bool:
    return one is other if one is None or other is None else np.array_equal(one, other)


def _fast(qm: QuantModel, left: Collection[ir.Node]) -> list[ir.Node]:
    means, originals = qm.statistics.channel_means(), {n.name: n for n in qm.reference.graph}
    corrected: list[ir.Node] = []
    for node in _correctable(qm):
        if node in left:
            continue
        x = node.inputs[0]
        mean = means.get(x.name or "") if x is not None else None
        exact, rounded = constant(weight_of(originals[node.name])), constant(weight_of(node))
        if mean is None or exact is None or rounded is None:
            continue
        shift_bias(node, mean_error(node, exact, rounded, mean))
        corrected.append(node)
    return corrected


def _full(qm: QuantModel, context: Context) -> list[ir.Node]:
    nodes = _correctable(qm)
    depth = depths(qm.model.graph, lambda node: node.op_type in WEIGHTED)
    order = sorted({depth[node] for node in nodes})
    expected = _channel_means(qm.reference, [n.outputs[0].name or "" for n in nodes], context)
    for done, level in enumerate(order, 1):
        here = [n for n in nodes if depth[n] == level]
        found = _channel_means(with_saturation(qm.qdq()), [n.outputs[0].name or "" for n in here], context)
        for node in here:
            name = node.outputs[0].name or ""
            shift_bias(node, (expected[name] - found[name]).astype(np.float32))
        context.tick("bias correction", done, len(order))
    return nodes


def _channel_means(model: ir.Model, names: list[str], context: Context) -> dict[str, Floats]:
    level = emulating(limited=context.target.capability.pair_saturation)
    runner = OrtRunner(with_taps_only(model, names), context.threads, optimisation=level)
    total: dict[str, Floats] = {}
    images = context.images.informative
    for feed in images:
        for name, y in runner.run(feed).items():
            axis = channel_axis(y.ndim)
            mean = np.asarray(y, np.float64).mean(axis=tuple(a for a in range(y.ndim) if a != axis))
            total[name] = total.get(name, np.zeros_like(mean)) + mean / len(images)
    return total
