"""What lowering sees of one ONNX operator, whatever format it becomes a part of, and where its function stands."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from typing import Any, ClassVar

import onnx_ir as ir

from detquant.errors import UnsupportedOperator
from detquant.graph.grids import constant_of
from detquant.graph.values import ONNX_DOMAINS
from detquant.numerics.arrays import Array


class LoweredNode:
    """One operator of the graph while it is lowered.

    Attributes:
        node: the node of the graph.
        attributes: attributes of the node.
        lacks: what cannot be done, as the end of a clause that says why a node is refused.
    """

    lacks: ClassVar[str]

    def __init__(self, node: ir.Node) -> None:
        self.node, self.attributes = node, node.attributes

    def value(self, place: int = 0) -> ir.Value:
        """An input of the node."""
        value = self.node.inputs[place] if place < len(self.node.inputs) else None
        if value is None:
            raise self.unsupported(f"has no input {place}")
        return value

    def has(self, place: int) -> bool:
        """Whether the node has that input."""
        return place < len(self.node.inputs) and self.node.inputs[place] is not None

    def constant(self, place: int) -> Array | None:
        """The numbers of an input that is constant."""
        return constant_of(self.value(place)) if self.has(place) else None

    def numbers(self, place: int, what: str) -> list[int]:
        """A constant input of whole numbers.

        Raises:
            UnsupportedOperator: it is computed.
        """
        found = self.constant(place)
        if found is None:
            raise self.unsupported(f"computes its {what} in the graph")
        return [int(number) for number in found.reshape(-1)]

    def unsupported(self, why: str) -> UnsupportedOperator:
        """The error for something about the node that the place lacks."""
        return UnsupportedOperator(
            f"{self.node.op_type} '{self.node.name}' {why}, {self.lacks}: keep it out of the graph, or choose another "
            f"target."
        )


def function_of(node: ir.Node, operators: Mapping[str, str], room: str, among: str) -> Any:
    """The function that lowers a node.

    Args:
        node: the node.
        operators: functions by ONNX operator, as "module:function".
        room: the package of these modules.
        among: what the place has, in words.

    Raises:
        UnsupportedOperator: there is none.
    """
    row = operators.get(node.op_type) if node.domain in ONNX_DOMAINS else None
    if row is None:
        raise UnsupportedOperator(
            f"{node.op_type} '{node.name}' has no counterpart among {among} that detquant writes: export the model "
            f"without it, or choose another target."
        )
    return pkgutil.resolve_name(f"{room}.{row}")
