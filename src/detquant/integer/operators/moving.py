"""Integer operators that give codes which they read."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from detquant.graph.window import Window
from detquant.integer.operators._base import CodeArray, IntegerOperator, Shape
from detquant.integer.windows import windows_of


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
        shape: shape of what is given.
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
