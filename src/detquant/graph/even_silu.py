"""SiLU whose channels differ much in size, written so that one grid can hold them all.

A channel ten times as large as the others costs these three bits on a grid that all share, and no scale can pass
through SiLU, which is not homogeneous. But it is a product, and one factor alone may be scaled. With
``x = W a + b``, ``y = x sigmoid(x)`` and readers ``V y``, for any ``s > 0`` on each channel

    y / s  =  (S^-1 W a + S^-1 b)  sigmoid(W a + b),        V y  =  (V S) (y / s)

so two convolutions of ``a`` stand for one, the second divided by the scales, and the readers' weights take them back.

1. The gate is clipped to +-8, where sigmoid is within 1/2900 of its end: its grid is then fine where it is not flat.
2. ``s_i = max(1, p_i / 2)`` with ``p`` the channels' peaks: none is left larger than 2, so the negative lobe, 0.28
   deep, has some thirty codes.
3. It costs a convolution, so it is done only where the largest peak is `UNEVEN` times their median or more.
4. Left alone is what has another reader than convolutions, each with one group or depthwise, of constant weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from detquant.graph.activations import Activation, find_activations
from detquant.graph.channel_scales import along, input_axis, is_scalable
from detquant.graph.traits import bias_of, weight_of
from detquant.graph.values import constant, is_op, new_initializer, used_names
from detquant.graph.weights import replace_weight

Reals = npt.NDArray[np.floating[Any]]

UNEVEN = 6.0
LEVEL, FLAT = 2.0, 8.0


def silu_outputs(model: ir.Model) -> list[str]:
    """Names of the outputs of all SiLUs that could be rewritten, in the graph's order."""
    return [activation.output.name or "" for activation, _, _ in _candidates(model.graph)]


def with_even_silu(model: ir.Model, peaks: Mapping[str, Reals]) -> ir.Model:
    """A copy in which uneven SiLUs have even channels; the same function but for what clipping the gate changes.

    Args:
        model: prepared float graph.
        peaks: the largest value of each channel, ``[channels]``, of SiLUs by the name of their output.
    """
    copy = model.clone()
    names = used_names(copy.graph)
    for activation, conv, readers in list(_candidates(copy.graph)):
        known = peaks.get(activation.output.name or "")
        scales = None if known is None else scales_of(known)
        if scales is not None:
            _rewrite(copy.graph, activation, conv, scales, names)
            for reader in readers:
                weight = np.asarray(constant(weight_of(reader)), np.float64)
                turned = along(scales, input_axis(reader), weight.ndim)
                replace_weight(reader, (weight * turned).astype(np.float32))
    return copy


def scales_of(peaks: Reals) -> Reals | None:
    """Divisors of channels with these peaks, ``[channels]`` (cases 2 and 3); None where channels are even enough."""
    peaks = np.asarray(peaks, np.float64)
    if peaks.max() <= LEVEL or peaks.max() < UNEVEN * float(np.median(peaks)):
        return None
    scales: Reals = np.maximum(1.0, peaks / LEVEL)
    return scales


def _candidates(graph: ir.Graph) -> Iterator[tuple[Activation, ir.Node, Sequence[ir.Node]]]:
    """Each SiLU that can be rewritten, with the convolution before it and those behind it (case 4)."""
    for activation in find_activations(graph).values():
        conv, uses = activation.input.producer(), activation.output.uses()
        if activation.kind != "silu" or len(activation.nodes) != 2 or conv is None or not is_scalable(conv):
            continue
        alone = len(activation.input.uses()) == 2 and not activation.input.is_graph_output()
        read = all(place == 0 and is_scalable(node) for node, place in uses) and not activation.output.is_graph_output()
        if alone and read and uses:
            yield activation, conv, [node for node, _ in uses]


def _rewrite(graph: ir.Graph, activation: Activation, conv: ir.Node, scales: Reals, names: set[str]) -> None:
    x, stem = activation.input, f"{conv.name}_value"
    weight, bias = np.asarray(constant(weight_of(conv)), np.float64), constant(bias_of(conv))
    inputs = [conv.inputs[0], new_initializer(graph, f"{stem}_weight", _divided(weight, scales), names)]
    if bias is not None:
        inputs.append(new_initializer(graph, f"{stem}_bias", _divided(np.asarray(bias, np.float64), scales), names))
    value = ir.node("Conv", inputs, attributes=dict(conv.attributes), name=stem)
    ends = [new_initializer(graph, f"{stem}_{sign:+d}", np.array(sign * FLAT, np.float32), names) for sign in (-1, 1)]
    gate = ir.node("Clip", [x, *ends], name=f"{conv.name}_gate")
    for node in (value, gate):
        out = node.outputs[0]
        out.name, out.shape, out.type = f"{node.name}_0", x.shape, x.type
    product = next(node for node in activation.nodes if is_op(node, "Mul"))
    for node, place in list(x.uses()):
        if node is not gate:
            node.replace_input_with(place, (value if node is product else gate).outputs[0])
    graph.insert_after(conv, [value, gate])


def _divided(array: Reals, scales: Reals) -> Reals:
    return np.asarray(array / along(scales, 0, array.ndim), np.float32)
