"""What has to be written anew in a node where channels go: its constants and attributes.

1. `Slices`: a constant with an axis of channels loses theirs: weights, biases, slopes, numbers that are added.
2. `Counts`: a constant of sizes or places says how many channels there are: shapes, sizes of a Split, ends of a Slice.
3. `Ranks`: a constant names channels by their places: the indices of a Gather.
4. `Groups`: a depthwise convolution has as many groups as channels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from detquant.graph.values import constant
from detquant.graph.weights import put_constant
from detquant.numerics.arrays import Array, Bools, Ints

Kept = Callable[[Ints], Bools]
"""Which of some channels stay."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cut(ABC):
    """A node's constant or attribute that speaks of channels.

    Attributes:
        node: name of the node.
    """

    node: str

    @abstractmethod
    def apply(self, node: ir.Node, kept: Kept) -> None:
        """Writes it anew, in place."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slices(Cut):
    """Case 1.

    Attributes:
        position: of the input.
        axis: of the channels in the constant.
        atoms: its channels.
    """

    position: int
    axis: int
    atoms: Ints

    def apply(self, node: ir.Node, kept: Kept) -> None:
        """Leaves out what goes."""
        stays = kept(self.atoms)
        if stays.all():
            return
        array = constant(node.inputs[self.position])
        assert array is not None, "what is cut is constant"
        put_constant(node, self.position, np.compress(stays, array, axis=self.axis))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Counts(Cut):
    """Case 2.

    Attributes:
        position: of the input, which a Split need not have.
        base: the numbers as they are.
        entries: by place in ``base``: the channels that the number there counts.
    """

    position: int
    base: Array
    entries: Mapping[int, Ints]

    def apply(self, node: ir.Node, kept: Kept) -> None:
        """Counts those that stay."""
        if all(kept(atoms).all() for atoms in self.entries.values()):
            return
        numbers = np.array(self.base)
        for place, atoms in self.entries.items():
            numbers[place] = int(kept(atoms).sum())
        put_constant(node, self.position, numbers)
        node.attributes.pop("num_outputs", None)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ranks(Cut):
    """Case 3.

    Attributes:
        position: of the input.
        atoms: the channels among which places are named.
    """

    position: int
    atoms: Ints

    def apply(self, node: ir.Node, kept: Kept) -> None:
        """Names the places that those have which stay."""
        named, stays = constant(node.inputs[self.position]), kept(self.atoms)
        if stays.all():
            return
        assert named is not None, "what is cut is constant"
        numbers = named.astype(np.int64)
        places = np.where(numbers < 0, numbers + len(stays), numbers)
        places = places[stays[places]]
        put_constant(node, self.position, np.asarray((np.cumsum(stays) - 1)[places], named.dtype))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Groups(Cut):
    """Case 4.

    Attributes:
        atoms: channels of the input.
    """

    atoms: Ints

    def apply(self, node: ir.Node, kept: Kept) -> None:
        """As many groups as channels stay."""
        node.attributes["group"] = ir.AttrInt64("group", int(kept(self.atoms).sum()))
