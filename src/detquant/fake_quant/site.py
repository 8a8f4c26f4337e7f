"""What is known of a node when it becomes a function of torch: its attributes, constants and shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from detquant.errors import UnsupportedOperator
from detquant.graph.values import constant, static_shape
from detquant.graph.window import Window, window_of


@dataclass(frozen=True, slots=True)
class Site:
    """A node about to become a function."""

    node: ir.Node

    def static(self, place: int) -> np.ndarray[Any, Any] | None:
        """The contents of a constant input; None where it is left out."""
        inputs = self.node.inputs
        value = inputs[place] if place < len(inputs) else None
        if value is None:
            return None
        array = constant(value)
        if array is None:
            raise self.refused(f"its input '{value.name}' is computed")
        return array

    def numbers(self, place: int, attribute: str = "") -> list[int] | None:
        """Integers that a constant input holds, or else an attribute."""
        found = self.static(place)
        if found is not None:
            return [int(number) for number in found.reshape(-1)]
        given = self.node.attributes.get(attribute)
        return list(given.as_ints()) if given is not None else None

    def integer(self, name: str, default: int) -> int:
        """An integer attribute."""
        return self.node.attributes.get_int(name, default)

    def real(self, name: str, default: float) -> float:
        """A float attribute."""
        return self.node.attributes.get_float(name, default)

    def text(self, name: str, default: str) -> str:
        """A text attribute."""
        return self.node.attributes.get_string(name, default)

    def shape(self, place: int = 0) -> tuple[int, ...]:
        """The shape of an input, which must be known."""
        found = static_shape(self.node.inputs[place])
        if found is None:
            raise self.refused("the shape of its input is not known")
        return found

    def gives(self) -> tuple[int, ...]:
        """The shape of the first output, which must be known."""
        found = static_shape(self.node.outputs[0])
        if found is None:
            raise self.refused("the shape of its output is not known")
        return found

    def window(self, kernel: Sequence[int]) -> Window:
        """The window of a convolution or a pooling.

        Raises:
            UnsupportedOperator: it is no window over height and width.
        """
        try:
            return window_of(self.node, kernel, self.shape(), self.gives())
        except ValueError as error:
            raise self.refused(f"it {error}") from error

    def refused(self, why: str) -> UnsupportedOperator:
        """The error for a node that cannot be written."""
        return UnsupportedOperator(
            f"{self.node.op_type} '{self.node.name}' cannot be written for PyTorch: {why}. Choose another target, or "
            f"cut the graph before it."
        )
