"""Where the channels of a map lie in memory.

The memory has words of ICP codes. A stored map is groups of ICP channels:

    address of (group, y, x) = base + (group * height + y) * width + x

Which channel a group has in which lane is the exporter's business: producers write where consumers want it, and weights
are packed by lane. So a tensor of the network is a view: for each of its channels a stored map, a group and a lane.
Concat, Split, slices of channels and shuffles are views of what is stored already; they cost neither time nor memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from detquant.numerics import QType

CODE_BITS = 8
EVERYWHERE = 15
"""Enlargement of a map of one place that is used at all places; the shift of the engine leaves place 0 of any."""


@dataclass(slots=True, eq=False)
class StoredMap:
    """A map in memory.

    Attributes:
        name: of what it holds.
        groups: groups of ICP channels.
        height: rows.
        width: columns.
        base: address of its first word, once the memory is planned.
    """

    name: str
    groups: int
    height: int
    width: int
    base: int = field(default=-1)

    @property
    def plane(self) -> int:
        """Words of a group."""
        return self.height * self.width

    @property
    def words(self) -> int:
        """Words of all groups."""
        return self.groups * self.plane


@dataclass(frozen=True, slots=True)
class Place:
    """Where a channel lies: in which stored map, at ``group * icp + lane``, and how often it is doubled in size."""

    stored: StoredMap
    slot: int
    shift: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A tensor ``[1, channels, height, width]`` in memory.

    Attributes:
        channels: where each channel lies.
        height: rows, as readers see them.
        width: columns, likewise.
    """

    channels: tuple[Place, ...]
    height: int
    width: int


@dataclass(frozen=True, slots=True, eq=False)
class Word:
    """A group of a stored map, as a view makes use of it.

    Attributes:
        stored: the map.
        group: the group.
        shift: how often it is doubled in size.
        lanes: channel of the view by lane.
    """

    stored: StoredMap
    group: int
    shift: int
    lanes: dict[int, int]

    def follows(self, other: Word) -> bool:
        """Whether it lies behind another one, so that both are of one segment."""
        return self.stored is other.stored and self.shift == other.shift and self.group == other.group + 1


def words_of(view: View, icp: int) -> list[Word]:
    """The words that hold a view's channels, in the order of their first channels.

    A lane that two channels of the view use (a map beside itself) comes in two words.
    """
    words: list[Word] = []
    known: dict[tuple[int, int, int], list[Word]] = {}
    for channel, place in enumerate(view.channels):
        group, lane = divmod(place.slot, icp)
        alike = known.setdefault((id(place.stored), group, place.shift), [])
        free = next((word for word in alike if lane not in word.lanes), None)
        if free is None:
            free = Word(place.stored, group, place.shift, {})
            alike.append(free)
            words.append(free)
        free.lanes[lane] = channel
    return words


def runs(words: Sequence[Word]) -> list[list[Word]]:
    """Words in runs that lie behind one another in memory: the segments of an instruction."""
    found: list[list[Word]] = []
    for word in words:
        if found and word.follows(found[-1][-1]):
            found[-1].append(word)
        else:
            found.append([word])
    return found


def offset(qtype: QType) -> int:
    """What a code is stored less of: codes in memory are signed."""
    return 0 if qtype.signed or qtype.bits < CODE_BITS else 1 << (qtype.bits - 1)
