"""Grids of weights: minimum and maximum, or the range with the smallest squared error, per output channel.

MSE search (Choukroun et al. 2019; Nagel et al. 2021, section 3.1): of the ranges ``c max|w|``, ``c`` in a
fixed ladder, the one with the smallest ``sum (w - Q(w))^2``.

Two limits hold whatever the search says:

1. Pairs. Kernels without VNNI add two u8 x s8 products in 16 bits, saturating. Codes of activations are
   never negative, so only neighbours of equal sign can overflow: ``x_a |q_a| + x_b |q_b| <= 32767``, with
   ``x`` the largest code that calibration saw in that input channel, and some more. Neighbours that would
   overflow are drawn in until they do not, and the search counts what that costs, so a channel gets finer
   steps and a few clipped weights, or coarser steps and none, whichever is nearer to the float weights.
   Neighbours are those of the whole row in ONNX Runtime and those of one tap of the kernel in oneDNN, which
   fills an odd number of channels up: a convolution of an RGB image has both kinds, and both are kept.
   (The customary cure, 7-bit weights, gives up half of the codes of every channel.)
2. Bias. It must fit int32 at ``s_x s_w``: a nearly dead channel gets a coarser scale instead of an overflow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from detquant.errors import RecipeError, unknown_name
from detquant.graph.traits import bias_of, weight_channel_axis, weight_of
from detquant.graph.values import constant
from detquant.numerics import PerAxis, QuantParams, QuantSpec
from detquant.numerics.grid import SMALLEST_SCALE, FloatArray

LADDERS = {
    "minmax": (1.0,),
    "mse": (1.0, 0.98, 0.95, 0.92, 0.88, 0.84, 0.8, 0.75, 0.7, 0.65, 0.6),
}
COARSER = (1.06, 1.12, 1.2, 1.28, 1.38, 1.5, 1.7, 2.0)
PAIR_LIMIT = 32767.0
PEAK_MARGIN = 1.1
BIAS_LIMIT = float(1 << 30)


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightGrid:
    """What became of a weight.

    Attributes:
        params: the grid.
        values: the weight on the grid, float32, in its own shape: quantising it again gives the same codes.
    """

    params: QuantParams
    values: FloatArray


def weight_grid(
    node: ir.Node, spec: QuantSpec, *, x: QuantParams | None = None, peaks: FloatArray | None = None
) -> WeightGrid:
    """The grid of a weighted operator's weight, and the weight on it.

    Args:
        node: operator with a constant weight.
        spec: the wish; observer "minmax" or "mse".
        x: grid of the input, for limit 2.
        peaks: largest real value of each input channel, or of all; given where limit 1 must hold.

    Raises:
        RecipeError: weights have no such observer.
    """
    constant_weight = constant(weight_of(node))
    assert constant_weight is not None
    if spec.observer not in LADDERS:
        raise RecipeError(unknown_name("weight observer", spec.observer, LADDERS))
    weight = np.asarray(constant_weight, np.float32)
    axis = weight_channel_axis(node)
    # Rows in the order of the runtime's matrix: channels last.
    order = (axis, *(a for a in range(weight.ndim) if a != axis))
    if node.op_type == "Conv":
        order = (0, *range(2, weight.ndim), 1)
    codes_seen = _peak_codes(node, weight, x, peaks) if spec.qtype.bits == 8 else None
    moved = weight.transpose(order)
    rows = moved.reshape(len(moved), -1)
    per_axis = isinstance(spec.granularity, PerAxis)
    limit = np.abs(rows).max(axis=1) if per_axis else np.full(len(rows), np.abs(rows).max())
    floor = _bias_floor(node, x, len(rows))
    if not per_axis:
        floor = np.full_like(floor, floor.max())
    ladder = LADDERS[spec.observer] + (COARSER if codes_seen is not None else ())
    taps = _taps(node, weight)
    scale = _search(rows, limit, spec, ladder, codes_seen, taps, floor, per_axis)
    codes = _codes(rows, scale, spec, codes_seen, taps)
    values = (codes * scale[:, None]).astype(np.float32).reshape(moved.shape).transpose(np.argsort(order))
    stored = scale if per_axis else np.asarray(scale[0])
    zero = np.zeros(stored.shape, np.int64)
    return WeightGrid(params=QuantParams(spec.qtype, stored, zero, axis if per_axis else None), values=values)


def _search(
    rows: FloatArray,
    limit: FloatArray,
    spec: QuantSpec,
    ladder: tuple[float, ...],
    seen: FloatArray | None,
    taps: int,
    floor: FloatArray,
    per_axis: bool,
) -> FloatArray:
    """Scales ``[channels]`` with the smallest squared error over the ladder."""
    best, least = np.zeros(len(rows), np.float32), np.full(len(rows), np.inf)
    for ratio in ladder:
        wished = np.maximum(limit * ratio / spec.qtype.qmax, floor)
        scale = np.maximum(wished, SMALLEST_SCALE).astype(np.float32)
        error = np.square(_codes(rows, scale, spec, seen, taps) * scale[:, None] - rows).sum(axis=1, dtype=np.float64)
        error = error if per_axis else np.full(len(rows), error.sum())
        better = error < least
        best[better], least[better] = scale[better], error[better]
    return best


def _codes(rows: FloatArray, scale: FloatArray, spec: QuantSpec, seen: FloatArray | None, taps: int) -> FloatArray:
    codes: FloatArray = np.clip(np.rint(rows / scale[:, None]), spec.qtype.qmin, spec.qtype.qmax)
    return codes if seen is None else _without_overflow(codes, seen, taps)


def _without_overflow(codes: FloatArray, seen: FloatArray, taps: int) -> FloatArray:
    """Draws neighbours in, both by the same factor, until no pair of equal sign can overflow.

    Args:
        codes: ``[channels, k]``.
        seen: ``[k]``, largest code of the activation that each weight meets.
        taps: of the kernel; each has ``k / taps`` numbers of the row.
    """
    codes = _pairs_drawn_in(codes, seen)
    width = codes.shape[1] // taps
    if width % 2 == 0 or width == 1:
        return codes
    by_tap = _pairs_drawn_in(codes.reshape(-1, width), np.tile(seen.reshape(taps, width), (len(codes), 1)))
    return by_tap.reshape(codes.shape)


def _pairs_drawn_in(codes: FloatArray, seen: FloatArray) -> FloatArray:
    """The same for pairs (0, 1), (2, 3), ... of each row; ``seen`` is ``[k]`` or ``[rows, k]``."""
    even = codes.shape[1] // 2 * 2
    a, b = codes[:, 0:even:2], codes[:, 1:even:2]
    load = np.abs(a) * seen[..., 0:even:2] + np.abs(b) * seen[..., 1:even:2]
    over = (load > PAIR_LIMIT) & (a * b > 0)
    if not over.any():
        return codes
    factor = np.where(over, PAIR_LIMIT / np.maximum(load, 1.0), 1.0)
    codes = codes.copy()
    codes[:, 0:even:2], codes[:, 1:even:2] = np.trunc(a * factor), np.trunc(b * factor)
    return codes


def _peak_codes(
    node: ir.Node, weight: FloatArray, x: QuantParams | None, peaks: FloatArray | None
) -> FloatArray | None:
    """Largest activation code for each position of a row; None where limit 1 does not apply.

    A depthwise kernel multiplies one channel at a time and does not add pairs in 16 bits.
    """
    groups = node.attributes.get_int("group", 1)
    depthwise = node.op_type == "Conv" and weight.shape[:2] == (groups, 1)
    if x is None or peaks is None or depthwise or node.op_type == "ConvTranspose":
        return None
    # Zero is always seen: as padding. A channel without a positive value has its peak there.
    top = np.maximum(np.atleast_1d(peaks), 0.0) * PEAK_MARGIN
    codes = np.clip(np.ceil(top / x.scale) + x.zero_point, 0, x.qtype.qmax).astype(np.float32)
    taps = _taps(node, weight)
    inputs = weight.size // (weight.shape[weight_channel_axis(node)] * taps)
    if codes.size != groups * inputs:  # not known for each channel
        codes = np.full(groups * inputs, codes.max())
    return np.tile(codes.reshape(groups, -1).max(axis=0), taps)


def _taps(node: ir.Node, weight: FloatArray) -> int:
    """Places of the kernel: rows times columns of a convolution's, 1 of a matrix."""
    return int(np.prod(weight.shape[2:])) if node.op_type == "Conv" else 1


def _bias_floor(node: ir.Node, x: QuantParams | None, channels: int) -> FloatArray:
    bias = constant(bias_of(node))
    if bias is None or x is None or bias.size not in (1, channels):
        return np.zeros(channels, np.float32)
    floor = np.abs(np.asarray(bias, np.float64)) / (float(x.scale) * BIAS_LIMIT)
    return np.broadcast_to(floor.astype(np.float32).reshape(-1), (channels,))
