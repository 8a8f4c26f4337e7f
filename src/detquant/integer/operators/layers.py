"""Products with weights, summed: convolutions and matrices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detquant.graph.window import Window
from detquant.integer.accumulation import convolve, matrix_product
from detquant.integer.operators._base import CodeArray, IntegerOperator, Shape
from detquant.numerics.arrays import Ints
from detquant.numerics.multipliers import Multiplier


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layer(IntegerOperator):
    """Products with weights, summed: ``saturate((M (sum (x - z_x) w + bias) >> S) + z_y)``.

    Attributes:
        weights: int32, weights less their zero point: ``[out, in / groups, kh, kw]``, or ``[out, in]``.
        weight_bits: width of the codes that they come from.
        bias: int64 ``[out]``, on the accumulator's grid.
        zero_in: code that stands for zero in what is read; padding has it.
        zero_out: code that stands for zero in what is given.
        multiplier: one for each channel, ``[out]``.
        largest: the largest size that each channel's sum of products can have, ``[out]``.
    """

    weights: npt.NDArray[np.int32]
    weight_bits: int
    bias: Ints
    zero_in: int
    zero_out: int
    multiplier: Multiplier
    largest: Ints

    @property
    def folded_bias(self) -> Ints:
        """The bias for those who multiply codes and not their distance from zero: ``bias - z_x sum(w)``, ``[out]``.

        Padding is then codes of value ``z_x``.
        """
        return np.asarray(self.bias - self.zero_in * self.weights.astype(np.int64).sum(axis=self._taps), np.int64)

    @property
    def _taps(self) -> Shape:
        return tuple(range(1, self.weights.ndim))

    def requantised(self, sums: Ints, axis: int) -> CodeArray:
        """Codes of accumulators whose channels lie along an axis."""
        shape = [-1 if k == axis % sums.ndim else 1 for k in range(sums.ndim)]
        by_channel = Multiplier(self.multiplier.multiplier.reshape(shape), self.multiplier.shift.reshape(shape))
        return self.saturated(by_channel.of(sums + self.bias.reshape(shape)) + self.zero_out)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Convolution(Layer):
    """A convolution over height and width; a transposed one is one over a map with zeros between its pixels.

    Attributes:
        window: kernel, strides, dilations, pads.
        groups: number of groups of channels.
        stuffing: rows and columns that each pixel of the input takes up, zeros behind it; (1, 1) but for transposed
            convolutions.
    """

    window: Window
    groups: int = 1
    stuffing: tuple[int, int] = (1, 1)

    def run(self, *codes: CodeArray) -> CodeArray:
        """Codes ``[n, out, h, w]`` for codes ``[n, in, h, w]``."""
        centred = codes[0].astype(np.int32) - self.zero_in
        if self.stuffing != (1, 1):
            centred = _stuffed(centred, self.stuffing)
        sums = convolve(centred, self.weights, self.window, self.groups, int(self.largest.max()))
        return self.requantised(sums, 1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Matrix(Layer):
    """A product with a matrix over the last axis: Gemm, MatMul."""

    def run(self, *codes: CodeArray) -> CodeArray:
        """Codes ``[..., out]`` for codes ``[..., in]``."""
        centred = codes[0].astype(np.int32) - self.zero_in
        return self.requantised(matrix_product(centred, self.weights.T, int(self.largest.max())), -1)


def _stuffed(codes: CodeArray, steps: tuple[int, int]) -> CodeArray:
    """A map with zeros between its rows and columns."""
    n, c, h, w = codes.shape
    wide = np.zeros((n, c, (h - 1) * steps[0] + 1, (w - 1) * steps[1] + 1), codes.dtype)
    wide[:, :, :: steps[0], :: steps[1]] = codes
    return wide
