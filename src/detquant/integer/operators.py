"""The integer operators: what each holds, and how NumPy runs it, exactly.

Codes are whole numbers of any type; every operator gives int32. Each is written so that it can be read aloud by
whoever builds the same thing from gates: no float takes part in a result, except where `accumulation` shows that
float sums of whole numbers are exact.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from detquant.graph.window import Window
from detquant.integer.accumulation import convolve, matrix_product
from detquant.integer.windows import windows_of
from detquant.numerics.multipliers import Multiplier

CodeArray = npt.NDArray[Any]
IntArray = npt.NDArray[np.int64]
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IntegerOperator:
    """What all have.

    Attributes:
        name: of the graph's node.
        inputs: names of the codes that it reads.
        output: name of the codes that it gives.
        low: smallest code that it gives: of the type, or of a bound that the operator takes in.
        high: largest code.
    """

    name: str
    inputs: tuple[str, ...]
    output: str
    low: int
    high: int

    def run(self, *codes: CodeArray) -> CodeArray:
        """Codes for codes."""
        raise NotImplementedError

    def saturated(self, numbers: npt.NDArray[np.integer]) -> CodeArray:
        """Numbers brought between the smallest and the largest code; always the last step."""
        return np.asarray(np.clip(numbers, self.low, self.high), np.int32)


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
        largest: the largest size that the accumulator of each channel can have, ``[out]``.
    """

    weights: npt.NDArray[np.int32]
    weight_bits: int
    bias: IntArray
    zero_in: int
    zero_out: int
    multiplier: Multiplier
    largest: IntArray

    @property
    def folded_bias(self) -> IntArray:
        """The bias for those who multiply codes and not their distance from zero: ``bias - z_x sum(w)``, ``[out]``.

        Padding is then codes of value ``z_x``.
        """
        return np.asarray(self.bias - self.zero_in * self.weights.astype(np.int64).sum(axis=self._taps), np.int64)

    @property
    def _taps(self) -> Shape:
        return tuple(range(1, self.weights.ndim))

    def requantised(self, sums: IntArray, axis: int) -> CodeArray:
        """Codes of accumulators whose channels lie along an axis."""
        shape = [-1 if k == axis % sums.ndim else 1 for k in range(sums.ndim)]
        by_channel = Multiplier(self.multiplier.multiplier.reshape(shape), self.multiplier.shift.reshape(shape))
        return self.saturated(by_channel.of(sums + self.bias.reshape(shape)) + self.zero_out)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Convolution(Layer):
    """A convolution over height and width; a transposed one is one over a map with zeros between its pixels.

    Attributes:
        window: kernel, strides, dilations, pads.
        groups: of channels.
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sum(IntegerOperator):
    """``saturate((a M_a + b M_b + offset + 2^(S-1)) >> S)``; differences have a negative multiplier.

    Attributes:
        multiplier: one for each term, one shift for all.
        offset: what the zero points come to, in steps of ``2^-S``.
    """

    multiplier: Multiplier
    offset: int

    def run(self, *codes: CodeArray) -> CodeArray:
        """Codes for two maps of codes, broadcast."""
        terms = [one.astype(np.int64) * m for one, m in zip(codes, self.multiplier.multiplier, strict=True)]
        one_shift = Multiplier(np.asarray(1, np.int64), self.multiplier.shift)
        return self.saturated(one_shift.of(terms[0] + terms[1] + self.offset))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Product(IntegerOperator):
    """``saturate(((a - z_a)(b - z_b) M >> S) + z_y)``.

    Attributes:
        multiplier: one.
        zeros: codes that stand for zero in what is read.
        zero_out: code that stands for zero in what is given.
    """

    multiplier: Multiplier
    zeros: tuple[int, int]
    zero_out: int

    def run(self, *codes: CodeArray) -> CodeArray:
        """Codes for two maps of codes, broadcast."""
        first, second = (one.astype(np.int64) - zero for one, zero in zip(codes, self.zeros, strict=True))
        return self.saturated(self.multiplier.of(first * second) + self.zero_out)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table(IntegerOperator):
    """A function of one number, looked up: any activation, a change of grid, a constant that is added or multiplied.

    Attributes:
        entries: the code of each code, from the smallest on: ``[codes]``, or ``[channels, codes]``.
        first: the code of the first entry.
        axis: of the channels, where each has a table of its own.
        bits: width of the codes that are looked up.
    """

    entries: npt.NDArray[np.int32]
    first: int
    bits: int
    axis: int | None = None

    def run(self, *codes: CodeArray) -> CodeArray:
        """Codes of the same shape."""
        places = codes[0].astype(np.intp) - self.first
        if self.axis is None:
            return np.take(self.entries, places)
        shape = [-1 if k == self.axis else 1 for k in range(places.ndim)]
        return np.asarray(self.entries[np.arange(len(self.entries)).reshape(shape), places])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaxPool(IntegerOperator):
    """The largest code of each window; padding has the smallest code of the type.

    Attributes:
        window: kernel, strides, dilations, pads.
        smallest: code of the padding.
    """

    window: Window
    smallest: int

    def run(self, *codes: CodeArray) -> CodeArray:
        """Codes ``[n, c, h, w]`` for such codes."""
        return self.saturated(windows_of(codes[0], self.window, self.smallest).max(axis=(-2, -1)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mean(IntegerOperator):
    """A mean: ``saturate((M sum (x - z_x) >> S) + z_y)``, of windows, or over whole axes.

    Attributes:
        multiplier: one, or ``[h, w]`` where windows at the border hold fewer pixels.
        zero_in: code that stands for zero in what is read; padding has it.
        zero_out: code that stands for zero in what is given.
        window: of a pooling; None where axes are summed.
        axes: that are summed, where there is no window.
        keep: whether these stay, of length 1.
    """

    multiplier: Multiplier
    zero_in: int
    zero_out: int
    window: Window | None = None
    axes: Shape = ()
    keep: bool = True

    def run(self, *codes: CodeArray) -> CodeArray:
        """Codes of the means."""
        centred = codes[0].astype(np.int64) - self.zero_in
        if self.window is None:
            sums = centred.sum(axis=self.axes, keepdims=self.keep)
        else:
            sums = windows_of(centred, self.window, 0).sum(axis=(-2, -1))
        return self.saturated(self.multiplier.of(sums) + self.zero_out)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Concat(IntegerOperator):
    """Codes on one grid, side by side.

    Attributes:
        axis: along which.
        constants: codes that are known beforehand, by the place that they have among the inputs.
    """

    axis: int
    constants: dict[int, npt.NDArray[np.int32]] = field(default_factory=dict)

    def run(self, *codes: CodeArray) -> CodeArray:
        """Codes of all, in their order."""
        parts = list(codes)
        for place, known in self.constants.items():
            parts.insert(place, known)
        return self.saturated(np.concatenate(parts, axis=self.axis))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Move(IntegerOperator):
    """Addressing only: a reshape, a slice, a part of a split, a transpose, an enlargement by whole pixels, padding.

    Attributes:
        kind: ONNX's name of the operator.
        shape: of what is given.
        addresses: for each number that is given, its place in what is read, flat; -1 for the fill; None where all
            stay in their order.
        fill: code that padding has.
    """

    kind: str
    shape: Shape
    addresses: npt.NDArray[np.int32] | None
    fill: int

    def run(self, *codes: CodeArray) -> CodeArray:
        """Codes of the shape that is given."""
        if self.addresses is None:
            return codes[0].reshape(self.shape)
        moved = np.take(codes[0].reshape(-1), self.addresses)
        if (self.addresses < 0).any():
            moved = np.where(self.addresses < 0, self.fill, moved)
        return np.asarray(moved).reshape(self.shape)


def _stuffed(codes: CodeArray, steps: tuple[int, int]) -> CodeArray:
    """A map with zeros between its rows and columns."""
    n, c, h, w = codes.shape
    wide = np.zeros((n, c, (h - 1) * steps[0] + 1, (w - 1) * steps[1] + 1), codes.dtype)
    wide[:, :, :: steps[0], :: steps[1]] = codes
    return wide
