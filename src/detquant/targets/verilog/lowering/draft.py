"""The program while it is lowered: where each tensor lies, the instructions so far, and how an operator is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from detquant.errors import UnsupportedOperator
from detquant.integer.graph import IntegerGraph
from detquant.integer.operators import IntegerOperator, Table
from detquant.numerics import QuantParams
from detquant.numerics.arrays import Ints
from detquant.targets.verilog.engine import Array
from detquant.targets.verilog.lowering.addresses import Addresses
from detquant.targets.verilog.maps import Place, StoredMap, View, Word, offset, words_of
from detquant.targets.verilog.program import Instruction


@dataclass(frozen=True, slots=True, eq=False)
class Pending:
    """A tensor that is a view whose numbers are in another order, before it is known who reads it how.

    Attributes:
        source: name of the tensor with the view.
        addresses: for each number, its place in that tensor, flat; -1 for the border.
        fill: code of the border.
    """

    source: str
    addresses: Addresses
    fill: int


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Slots for the channels of a map that is to be written.

    Attributes:
        slots: ``group * icp + lane`` of each channel.
        groups: groups of the map.
    """

    slots: tuple[int, ...]
    groups: int


@dataclass(slots=True)
class Draft:
    """A program as far as it has been lowered.

    Attributes:
        graph: the network.
        array: the engine's array.
        log_entries: of tables.
        readers: operators that read each tensor, without those that are left to the host.
        views: where tensors lie.
        pending: tensors that are others in another order.
        maps: stored maps.
        instructions: so far.
        derived: see `Program`.
        folds: by how much images are folded, where they are.
        origins: for tensors that are computed between the network's own, the tensor whose grid they have.
    """

    graph: IntegerGraph
    array: Array
    log_entries: int
    readers: dict[str, list[IntegerOperator]]
    views: dict[str, View] = field(default_factory=dict)
    pending: dict[str, Pending] = field(default_factory=dict)
    maps: list[StoredMap] = field(default_factory=list)
    instructions: list[Instruction] = field(default_factory=list)
    derived: list[IntegerOperator] = field(default_factory=list)
    folds: dict[str, int] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)

    def grid(self, name: str) -> QuantParams:
        """The grid of a tensor's codes."""
        return self.graph.grids[self.origins.get(name, name)]

    def offset(self, name: str) -> int:
        """What a tensor's codes are stored less of."""
        return offset(self.grid(name).qtype)

    def zero(self, name: str) -> int:
        """The stored code that stands for zero in a tensor."""
        return int(self.grid(name).zero_point) - self.offset(name)

    def store(self, name: str, groups: int, size: tuple[int, int]) -> StoredMap:
        """A new map."""
        made = StoredMap(name, groups, *size)
        self.maps.append(made)
        return made

    def words(self, view: View) -> list[Word]:
        """The words that hold a view's channels."""
        return words_of(view, self.array.icp)

    def channels_of(self, slots: Sequence[int], groups: int) -> Ints:
        """The channel of each slot of a map; -1 for slots that no channel has."""
        found = np.full(groups * self.array.icp, -1, np.int64)
        found[list(slots)] = np.arange(len(slots))
        return found

    def keep(self, name: str, stored: StoredMap, layout: Layout) -> None:
        """Says where a tensor lies that has just been computed."""
        self.views[name] = View(tuple(Place(stored, slot) for slot in layout.slots), stored.height, stored.width)

    def table(self, made: Table, source: str) -> np.ndarray[tuple[int], np.dtype[np.int8]]:
        """A table of the engine's full depth, indexed by the stored code less the smallest code of that depth.

        Raises:
            UnsupportedOperator: each channel has a table of its own, or it has more entries than the engine's.
        """
        if made.axis is not None:
            raise refused(
                made,
                "each channel has a table of its own (PReLU, or a constant for each channel), and the engine has one "
                "for all channels: train with LeakyReLU, or fold the constants into the layer before",
            )
        depth, first = 1 << self.log_entries, made.first - self.offset(source)
        places = np.clip(np.arange(depth) - depth // 2 - first, 0, len(made.entries) - 1)
        return (made.entries[places] - self.offset(made.output)).astype(np.int8)


def refused(operator: IntegerOperator, why: str) -> UnsupportedOperator:
    """The error for an operator that the engine has no instruction for."""
    kind = type(operator).__name__
    called = getattr(operator, "kind", kind)
    return UnsupportedOperator(
        f"{called} '{operator.name}' has no instruction on the engine: {why}. Let it run behind the network, replace "
        f"it in the model, or choose another target."
    )
