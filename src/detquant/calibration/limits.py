"""Limits that codes of weights keep, whoever rounds them: what kernels add up must not overflow, and what is decided.

1. Pairs. Kernels without VNNI add two u8 x s8 products in 16 bits, saturating. Codes of activations are
   never negative, so only neighbours of equal sign can overflow: ``x_a |q_a| + x_b |q_b| <= 32767``, with
   ``x`` the largest code that calibration saw in that input channel, and some more. Neighbours that would
   overflow are drawn in until they do not.
   Neighbours are those of the whole row in ONNX Runtime and those of one tap of the kernel in oneDNN, which
   fills an odd number of channels up: a convolution of an RGB image has both kinds, and both are kept.
   (The customary cure, 7-bit weights, gives up half of the codes of every channel; weights of less than 8 bits
   cannot overflow. Kernels that read wider activations than 8 bits do not add their products in 16.)
2. Bias. It must fit int32 at ``s_x s_w``: a nearly dead channel gets a coarser scale instead of an overflow. Grids are
   made so that it fills no more than half of that, and a correction finds room.
3. Masks and codebooks, where a step has decided on some (`AllowedCodes`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from detquant.calibration.allowed_codes import AllowedCodes, drawn_to_zero
from detquant.graph.traits import bias_of, weight_channel_axis, weight_of
from detquant.graph.values import constant
from detquant.numerics import INT32, QType, QuantParams
from detquant.numerics.arrays import Array, Floats, Ints
from detquant.numerics.powers_of_two import power_above

PAIR_LIMIT = 32767.0
PEAK_MARGIN = 1.1
BIAS_LIMIT = float(1 << 30)
PAIRS_OF = 8
"""Width of weights whose products can overflow in pairs, and the largest of activations that are added so, bits."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WeightLimits:
    """The limits that the codes of one layer's weight must keep on one target.

    Attributes:
        layer: name of the layer.
        qtype: integer type of the codes.
        order: axes of the weight in the order of the runtime's matrix: output channels first, input channels last.
        taps: places of the kernel; each has as many numbers of a row as there are input channels.
        seen: ``[row]``, largest code of the activation that each number of a row meets; None where limit 1 does not
            apply.
        bias: ``[channels]``, magnitudes of the bias in units of the activation's scale; zeros where it is not in codes.
        allowed: codes that a step has decided on; None where all may be.
        power_of_two: whether scales are powers of two.
    """

    layer: str
    qtype: QType
    order: tuple[int, ...]
    taps: int
    seen: Floats | None
    bias: npt.NDArray[np.float64]
    allowed: AllowedCodes | None = None
    power_of_two: bool = False

    @classmethod
    def of(
        cls,
        node: ir.Node,
        qtype: QType,
        *,
        x: QuantParams | None = None,
        peaks: Floats | None = None,
        allowed: AllowedCodes | None = None,
        power_of_two: bool = False,
    ) -> WeightLimits:
        """The limits of a layer with a constant weight.

        Args:
            node: the layer.
            qtype: type of its weight's codes.
            x: grid of its input, for limit 2; None where it runs in float.
            peaks: largest real value of each input channel, or of all; given where limit 1 must hold.
            allowed: codes that a step has decided on.
            power_of_two: whether its scales are powers of two.
        """
        weight = constant(weight_of(node))
        assert weight is not None
        axis = weight_channel_axis(node)
        order = (axis, *(a for a in range(weight.ndim) if a != axis))
        if node.op_type == "Conv":
            order = (0, *range(2, weight.ndim), 1)
        return cls(
            layer=node.name or "",
            qtype=qtype,
            order=order,
            taps=_taps(node, weight.shape),
            seen=_peak_codes(node, weight.shape, x, peaks) if qtype.bits == PAIRS_OF else None,
            bias=_bias_in_steps(node, x, weight.shape[axis]),
            allowed=allowed,
            power_of_two=power_of_two,
        )

    @property
    def smallest_scale(self) -> Floats:
        """The smallest scale of each output channel at which its bias has room, ``[channels]``; 0 where any will do."""
        least = np.asarray(self.bias / BIAS_LIMIT, np.float32)
        return np.where(least > 0, power_above(least), least) if self.power_of_two else least

    def rows(self, weight: Array) -> Array:
        """A weight, or its codes, as the runtime's matrix: ``[channels, row]``."""
        moved = weight.transpose(self.order)
        return moved.reshape(len(moved), -1)

    def unrolled(self, rows: Array, shape: tuple[int, ...]) -> Array:
        """Rows back in the weight's own shape."""
        moved = rows.reshape([shape[axis] for axis in self.order])
        return moved.transpose(np.argsort(self.order))

    def project(self, codes: npt.NDArray[np.integer]) -> Ints:
        """The nearest thing to these codes that keeps the limits: saturated, allowed, and no pair overflows.

        Args:
            codes: in the weight's own shape.
        """
        nearest = np.clip(np.asarray(codes, np.float32), self.qtype.qmin, self.qtype.qmax)
        if self.allowed is not None:
            nearest = self.allowed.project(nearest)
        rows = self.without_overflow(np.asarray(self.rows(nearest), np.float32))
        drawn = np.asarray(self.unrolled(rows, codes.shape), np.float32)
        if self.allowed is not None and self.allowed.book is not None and self.seen is not None:
            drawn = drawn_to_zero(self.allowed.book, drawn)
        return np.asarray(drawn, np.int64)

    def without_overflow(self, rows: Floats) -> Floats:
        """Draws neighbours in, both by the same factor, until no pair of equal sign can overflow.

        Args:
            rows: codes, ``[channels, row]``.
        """
        if self.seen is None:
            return rows
        rows = _pairs_drawn_in(rows, self.seen)
        by_tap = self._by_tap(rows, self.seen)
        return rows if by_tap is None else _pairs_drawn_in(*by_tap).reshape(rows.shape)

    def violation(self, codes: npt.NDArray[np.integer], grid: QuantParams) -> str | None:
        """The first limit that codes on a grid violate, in a few words; None where they keep all.

        Args:
            codes: in the weight's own shape.
            grid: their scales.
        """
        if codes.size and not (self.qtype.qmin <= codes.min() and codes.max() <= self.qtype.qmax):
            return f"codes from {codes.min()} to {codes.max()} are not {self.qtype}"
        if self.allowed is not None and (found := self.allowed.violation(np.asarray(codes, np.int64))):
            return found
        if pairs := self._overflowing(np.asarray(self.rows(codes), np.float32)):
            return f"{pairs} pairs of neighbours can overflow 16 bits"
        full = np.flatnonzero(self.bias / np.atleast_1d(grid.scale).astype(np.float64) > INT32.qmax)
        return f"the bias of output channel {full[0]} does not fit 32 bits at this scale" if len(full) else None

    def _overflowing(self, rows: Floats) -> int:
        """How many pairs of neighbours can overflow 16 bits."""
        if self.seen is None:
            return 0
        by_tap = self._by_tap(rows, self.seen)
        return sum(int(_overflow(*one)[1].sum()) for one in ((rows, self.seen), by_tap) if one is not None)

    def _by_tap(self, rows: Floats, seen: Floats) -> tuple[Floats, Floats] | None:
        """The numbers as one row for each tap of the kernel; None where that leaves the same pairs side by side."""
        width = rows.shape[1] // self.taps
        if width % 2 == 0 or width == 1:
            return None
        return rows.reshape(-1, width), np.tile(seen.reshape(self.taps, width), (len(rows), 1))


def _overflow(codes: Floats, seen: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """The largest sums of the pairs (0, 1), (2, 3), ... of each row, and which of these overflow.

    Args:
        codes: ``[rows, k]``.
        seen: ``[k]`` or ``[rows, k]``.
    """
    even = codes.shape[1] // 2 * 2
    a, b = codes[:, 0:even:2], codes[:, 1:even:2]
    load = np.asarray(np.abs(a) * seen[..., 0:even:2] + np.abs(b) * seen[..., 1:even:2], np.float32)
    return load, (load > PAIR_LIMIT) & (a * b > 0)


def _pairs_drawn_in(codes: Floats, seen: Floats) -> Floats:
    load, over = _overflow(codes, seen)
    if not over.any():
        return codes
    factor = np.where(over, PAIR_LIMIT / np.maximum(load, 1.0), 1.0)
    even, codes = codes.shape[1] // 2 * 2, codes.copy()
    for first in (0, 1):
        codes[:, first:even:2] = np.trunc(codes[:, first:even:2] * factor)
    return codes


def _peak_codes(node: ir.Node, shape: tuple[int, ...], x: QuantParams | None, peaks: Floats | None) -> Floats | None:
    """Largest activation code for each position of a row; None where limit 1 does not apply.

    A depthwise kernel multiplies one channel at a time and does not add pairs in 16 bits, and neither does one that
    reads activations of more than 8.
    """
    groups = node.attributes.get_int("group", 1)
    depthwise = node.op_type == "Conv" and shape[:2] == (groups, 1)
    if x is None or x.qtype.bits > PAIRS_OF or peaks is None or depthwise or node.op_type == "ConvTranspose":
        return None
    # Zero is always seen: as padding. A channel without a positive value has its peak there.
    top = np.maximum(np.atleast_1d(peaks), 0.0) * PEAK_MARGIN
    codes = np.clip(np.ceil(top / x.scale) + x.zero_point, 0, x.qtype.qmax).astype(np.float32)
    taps = _taps(node, shape)
    inputs = int(np.prod(shape)) // (shape[weight_channel_axis(node)] * taps)
    if codes.size != groups * inputs:  # not known for each channel
        codes = np.full(groups * inputs, codes.max())
    return np.tile(codes.reshape(groups, -1).max(axis=0), taps)


def _taps(node: ir.Node, shape: tuple[int, ...]) -> int:
    """How many taps a kernel has: rows times columns for a convolution, 1 for a matrix product."""
    return int(np.prod(shape[2:])) if node.op_type == "Conv" else 1


def _bias_in_steps(node: ir.Node, x: QuantParams | None, channels: int) -> npt.NDArray[np.float64]:
    """Magnitudes of the bias in units of the activation's scale."""
    bias = constant(bias_of(node))
    if bias is None or x is None or bias.size not in (1, channels):
        return np.zeros(channels)
    return np.broadcast_to((np.abs(np.asarray(bias, np.float64)) / float(x.scale)).reshape(-1), (channels,))
