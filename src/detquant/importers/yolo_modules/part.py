"""A pickled module as it is read: its settings, tensors and children, each checked for what a builder expects.

Attributes of a `torch.nn.Module` are plain; its tensors and children lie in ``_parameters``, ``_buffers`` and
``_modules``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from detquant.importers.checkpoint._base import Flaw, Record, StoredTensor, shown
from detquant.importers.openvino.writer import Writer
from detquant.numerics.arrays import Array


@dataclass(frozen=True, slots=True, eq=False)
class Map:
    """A map of the network: [1, channels, height, width]."""

    value: ir.Value
    channels: int
    height: int
    width: int


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A module, by the name that it has in the network."""

    record: Record
    name: str

    @property
    def kind(self) -> str:
        """The name of its class."""
        return self.record.kind

    def has(self, name: str) -> bool:
        """Whether it has this child."""
        return isinstance(self._table("_modules").get(name), Record)

    def __getitem__(self, name: str) -> Part:
        """A child.

        Raises:
            Flaw: there is none.
        """
        child = self._table("_modules").get(name)
        if not isinstance(child, Record):
            raise self.wrong(f"has no '{shown(name)}'")
        return Part(child, f"{self.name}.{name}" if self.name else name)

    def children(self) -> list[Part]:
        """All children, in their order."""
        return [self[str(name)] for name, child in self._table("_modules").items() if child is not None]

    def tensor(self, name: str) -> Array | None:
        """A parameter or buffer as float32; None where it has none.

        Raises:
            Flaw: it is no tensor, or has numbers that are not finite.
        """
        found = self._table("_parameters").get(name)
        found = self._table("_buffers").get(name) if found is None else found
        if found is None:
            return None
        if not isinstance(found, StoredTensor):
            raise self.wrong(f"has a '{shown(name)}' that is no tensor")
        array = np.ascontiguousarray(found.numpy(), np.float32)
        if not np.isfinite(array).all():
            raise self.wrong(f"has numbers in '{shown(name)}' that are not finite")
        return array

    def needed(self, name: str) -> Array:
        """A parameter or buffer that has to be there.

        Raises:
            Flaw: it is not.
        """
        found = self.tensor(name)
        if found is None:
            raise self.wrong(f"has no '{shown(name)}'")
        return found

    def setting(self, name: str, default: Any = None) -> Any:
        """A plain attribute."""
        return self.record.state.get(name, default)

    def whole(self, name: str, low: int, high: int, default: int | None = None) -> int:
        """An attribute that is a whole number.

        Raises:
            Flaw: it is none, or out of bounds.
        """
        found = self.setting(name, default)
        if type(found) is not int or not low <= found <= high:
            raise self.wrong(f"has a {name} that is no number from {low} to {high}")
        return found

    def pair(self, name: str, low: int = 0, high: int = 64) -> tuple[int, int]:
        """An attribute that is one whole number or two.

        Raises:
            Flaw: it is neither, or out of bounds.
        """
        found = self.setting(name)
        numbers = (found, found) if type(found) is int else found
        proper = isinstance(numbers, tuple) and len(numbers) == 2
        if not proper or not all(type(one) is int and low <= one <= high for one in numbers):
            raise self.wrong(f"has a {name} that is not one or two numbers from {low} to {high}")
        return numbers[0], numbers[1]

    def expect(self, name: str, *values: object) -> None:
        """Refuses an attribute that is none of these; one that is not there is taken.

        Raises:
            Flaw: it is something else.
        """
        if name in self.record.state and self.record.state[name] not in values:
            raise self.wrong(f"has a {name} other than {' or '.join(map(str, values))}")

    def wrong(self, what: str) -> Flaw:
        """A fault of this module; the sentence lacks its subject, the file."""
        name = f"'{shown(self.name)}', " if self.name else ""
        return Flaw(f"has a {shown(self.kind)}, {name}that {what}")

    def _table(self, name: str) -> dict[Any, Any]:
        table = self.record.state.get(name)
        return table if isinstance(table, dict) else {}


class Graph:
    """The graph as it is written.

    Args:
        builders: what writes a module, by the name of its class.

    Attributes:
        writer: nodes and constants.
    """

    def __init__(self, builders: dict[str, Callable[[Graph, Part, list[Map]], Map]]) -> None:
        self.writer = Writer()
        self._builders = builders

    def run(self, part: Part, *maps: Map) -> Map:
        """What a module gives of these maps.

        Raises:
            Flaw: there is no such kind of module, or it is not as its class makes it.
        """
        if part.kind not in self._builders:
            raise part.wrong("is of a kind that is not read")
        return self._builders[part.kind](self, part, list(maps))

    def add(self, part: Part, op_type: str, *inputs: ir.Value | None, **attributes: Any) -> ir.Value:
        """A node of a module."""
        self.writer.scope = f"/{part.name}"
        return self.writer.add(op_type, *inputs, **attributes)

    def constant(self, part: Part, array: Any, dtype: Any = np.float32, name: str = "constant") -> ir.Value:
        """A constant of a module."""
        self.writer.scope = f"/{part.name}"
        return self.writer.constant(array, dtype, name)

    def shaped(self, part: Part, value: ir.Value, *shape: int) -> ir.Value:
        """A value in another shape."""
        return self.add(part, "Reshape", value, self.constant(part, shape, np.int64, "shape"))

    def split(self, part: Part, value: ir.Value, sizes: list[int], axis: int) -> list[ir.Value]:
        """A value in pieces of these sizes."""
        self.writer.scope = f"/{part.name}"
        lengths = self.writer.int64(sizes)
        return self.writer.add_many("Split", [value, lengths], len(sizes), axis=axis)

    def joined(self, part: Part, maps: list[Map]) -> Map:
        """Maps behind one another, by their channels.

        Raises:
            Flaw: they are of different sizes.
        """
        if not maps or len({(one.height, one.width) for one in maps}) > 1:
            raise part.wrong("joins maps of different sizes")
        value = self.add(part, "Concat", *(one.value for one in maps), axis=1)
        return Map(value, sum(one.channels for one in maps), maps[0].height, maps[0].width)

    def summed(self, part: Part, *maps: Map) -> Map:
        """The sum of maps of one shape.

        Raises:
            Flaw: they are of different shapes.
        """
        first, *others = maps
        for one in others:
            if (one.channels, one.height, one.width) != (first.channels, first.height, first.width):
                raise part.wrong("adds maps of different shapes")
            first = Map(self.add(part, "Add", first.value, one.value), one.channels, one.height, one.width)
        return first
