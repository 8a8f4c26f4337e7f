"""Conv, ConvTranspose, Gemm and MatMul by a weight as integer layers.

The factor of each channel is ``s_x s_w / s_y``. A bias is on the accumulator's grid, ``s_x s_w``; one on another grid,
or in real numbers, is rounded to it. No accumulator may leave 32 bits, whatever the codes: that is shown here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from detquant.graph.grids import Stored
from detquant.graph.window import Window
from detquant.integer.draft import Draft, limits, name_of, refused, shape_of, window
from detquant.integer.on_codes import OnCodes
from detquant.integer.operators import Convolution, Matrix
from detquant.numerics import QuantParams
from detquant.numerics.arrays import Doubles, Ints
from detquant.numerics.multipliers import ACCUMULATOR_BITS
from detquant.numerics.powers_of_two import are_powers
from detquant.numerics.rounding import half_even

Numbers = npt.NDArray[Any]
BEYOND_ANY_ACCUMULATOR = 1 << 40
"""A bias of this size is refused; larger ones are no int64."""


def convolution(operator: OnCodes, draft: Draft) -> None:
    """Reads Conv over height and width as an integer layer."""
    node = operator.node
    weights, scale = _weights(operator, 0)
    facts = _facts(operator, draft, weights, scale, _bias(operator, scale))
    groups = node.attributes.get_int("group", 1)
    made = Convolution(**facts, window=window(node, weights.shape[2:]), groups=groups)
    draft.add(made, operator.outputs[0].grid, shape_of(node, node.outputs[0]))


def transposed_convolution(operator: OnCodes, draft: Draft) -> None:
    """Reads ConvTranspose as a convolution by the turned kernel over a map with zeros between its pixels.

    ``pad`` rows of the result are cut off, so ``dilation (k - 1) - pad`` rows of zeros come before the map.
    """
    node, words = operator.node, operator.node.attributes
    shape, out = shape_of(node, node.inputs[0]), shape_of(node, node.outputs[0])
    if len(shape) != 4 or words.get_string("auto_pad", "NOTSET") != "NOTSET":
        raise refused(node, "only pads given by numbers, over height and width, have a counterpart")
    groups, pads = words.get_int("group", 1), words.get_ints("pads", (0, 0, 0, 0))[:2]
    strides, dilations = (tuple(map(int, words.get_ints(name, (1, 1)))) for name in ("strides", "dilations"))
    stored, scale = _weights(operator, 1)
    kernel = stored.shape[2:]
    # [in, out / groups, kh, kw] -> [out, in / groups, kh, kw], turned by half a circle
    parts = stored.reshape(groups, shape[1] // groups, stored.shape[1], *kernel).swapaxes(1, 2)
    weights = parts.reshape(out[1], shape[1] // groups, *kernel)[:, :, ::-1, ::-1]
    starts = [(k - 1) * d - pad for k, d, pad in zip(kernel, dilations, pads, strict=True)]
    sizes = [(size - 1) * stride + 1 for size, stride in zip(shape[2:], strides, strict=True)]
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    ends = [
        made - 1 + span - size - start for made, span, size, start in zip(out[2:], spans, sizes, starts, strict=True)
    ]
    if min(*starts, *ends) < 0:
        raise refused(node, "it cuts off more than its kernel reaches beyond the map")
    around = Window(
        (kernel[0], kernel[1]), (1, 1), (dilations[0], dilations[1]), ((starts[0], ends[0]), (starts[1], ends[1]))
    )
    if scale.size > 1:
        scale = np.tile(scale, groups)
    facts = _facts(operator, draft, weights, scale, _bias(operator, scale))
    made = Convolution(**facts, window=around, groups=groups, stuffing=(strides[0], strides[1]))
    draft.add(made, operator.outputs[0].grid, out)


def gemm(operator: OnCodes, draft: Draft) -> None:
    """Reads Gemm with an untransposed first matrix; alpha goes into the scale, beta into the bias."""
    node, words = operator.node, operator.node.attributes
    if words.get_int("transA", 0):
        raise refused(node, "it turns its first matrix")
    turned = bool(words.get_int("transB", 0))
    weights, scale = _weights(operator, 0 if turned else 1)
    scale = scale * words.get_float("alpha", 1.0)
    bias = _bias(operator, scale, words.get_float("beta", 1.0))
    facts = _facts(operator, draft, weights if turned else weights.T, scale, bias)
    draft.add(Matrix(**facts), operator.outputs[0].grid, shape_of(node, node.outputs[0]))


def matmul(operator: OnCodes, draft: Draft) -> None:
    """Reads MatMul by a stored matrix as an integer layer."""
    node = operator.node
    if operator.weight is None or operator.weight.codes.ndim != 2:
        raise refused(node, "its second matrix is computed, or of more than two axes")
    weights, scale = _weights(operator, 1)
    facts = _facts(operator, draft, weights.T, scale, None)
    draft.add(Matrix(**facts), operator.outputs[0].grid, shape_of(node, node.outputs[0]))


def reach(operator: OnCodes) -> float:
    """The largest size of what a layer can give, in real numbers."""
    weight, [activation] = operator.weight, operator.activations
    assert weight is not None
    axes = tuple(axis for axis in range(weight.codes.ndim) if axis != weight.grid.axis)
    largest = max(abs(float(activation.grid.low)), abs(float(activation.grid.high)))
    bias = operator.inputs[2] if len(operator.inputs) > 2 else None
    real = bias.real if isinstance(bias, Stored) else bias
    beside = float(np.abs(real).max()) if isinstance(real, np.ndarray) else 0.0
    return largest * float(np.abs(weight.real).sum(axis=axes).max()) + beside


def shifts(operator: OnCodes) -> bool:
    """Whether the steps of all that a layer reads and gives are powers of two: its factors are shifts then."""
    weight, [activation], [sink] = operator.weight, operator.activations, operator.outputs
    grids = [activation.grid, sink.grid, *([] if weight is None else [weight.grid])]
    return all(bool(are_powers(grid.scale).all()) for grid in grids)


def _weights(operator: OnCodes, axis: int) -> tuple[npt.NDArray[np.int32], Doubles]:
    """Weights less their zero point, and the accumulator's scales: one, or one for each index of the axis."""
    weight, [activation] = operator.weight, operator.activations
    if weight is None:
        raise refused(operator.node, "its weight is computed")
    if weight.grid.axis is not None and weight.grid.axis % weight.codes.ndim != axis:
        raise refused(operator.node, f"its scales run along axis {weight.grid.axis} of the weight, not along {axis}")
    _, zeros = weight.grid.spread(weight.codes.ndim)
    scale = np.asarray(activation.grid.scale, np.float64) * np.asarray(weight.grid.scale, np.float64)
    return (weight.codes.astype(np.int64) - zeros).astype(np.int32), scale


def _bias(operator: OnCodes, scale: Doubles, factor: float = 1.0) -> Ints | None:
    """The bias in steps of the accumulator."""
    bias = operator.inputs[2] if len(operator.inputs) > 2 else None
    if isinstance(bias, Stored) and factor == 1.0 and _is_accumulators(bias.grid, scale):
        return np.asarray(bias.codes, np.int64).reshape(-1)
    real = bias.real if isinstance(bias, Stored) else bias
    if not isinstance(real, np.ndarray):
        return None
    steps = half_even(real.astype(np.float64).reshape(-1) * factor / scale)
    return np.asarray(np.clip(steps, -BEYOND_ANY_ACCUMULATOR, BEYOND_ANY_ACCUMULATOR), np.int64)


def _is_accumulators(grid: QuantParams, scale: Doubles) -> bool:
    """Whether a bias is on the accumulator's grid, as float32 has it."""
    return not grid.zero_point.any() and np.array_equal(grid.scale, scale.astype(np.float32))


def _facts(operator: OnCodes, draft: Draft, weights: Numbers, scale: Doubles, bias: Ints | None) -> dict[str, Any]:
    """The fields that all integer layers have, for weights ``[out, ...]``."""
    node, [source], [sink] = operator.node, operator.activations, operator.outputs
    channels, weight = len(weights), operator.weight
    whole = np.broadcast_to(np.int64(0) if bias is None else bias, (channels,))
    factor = np.broadcast_to(np.asarray(scale / np.float64(sink.grid.scale)), (channels,))
    low, high = limits(sink.grid, operator.bounds)
    assert weight is not None
    return {
        "name": node.name or "",
        "inputs": (name_of(source),),
        "output": name_of(sink),
        "low": low,
        "high": high,
        "weights": np.ascontiguousarray(weights),
        "weight_bits": weight.grid.qtype.bits,
        "bias": np.array(whole),
        "zero_in": int(source.grid.zero_point),
        "zero_out": int(sink.grid.zero_point),
        "multiplier": draft.multipliers(node, factor),
        "largest": _largest(operator, weights, whole, source.grid),
    }


def _largest(operator: OnCodes, weights: Numbers, bias: Ints, grid: QuantParams) -> Ints:
    """The largest size that each channel's sum of products can have, whatever the codes.

    Raises:
        UnsupportedOperator: with its bias it can leave 32 bits.
    """
    wide, channels = weights.astype(np.int64), tuple(range(1, weights.ndim))
    below, above = (code - int(grid.zero_point) for code in (grid.qtype.qmin, grid.qtype.qmax))
    up, down = (np.maximum(sign * wide, 0).sum(axis=channels) for sign in (1, -1))
    most, least = up * above - down * below + bias, up * below - down * above + bias
    bound = 1 << (ACCUMULATOR_BITS - 1)
    over = np.flatnonzero((most >= bound) | (least < -bound))
    if over.size:
        worst = int(over[0])
        reached = max(int(most[worst]), int(least[worst]), key=abs)
        raise refused(
            operator.node,
            f"the accumulator of its channel {worst} can reach {reached}, and {ACCUMULATOR_BITS} bits hold "
            f"{-bound} to {bound - 1}: give its weights or its input fewer bits",
        )
    return np.asarray((up + down) * max(abs(below), abs(above)), np.int64)
