"""The head behind the engine: its sizes in hardware, and what a program has of it."""

from __future__ import annotations

from dataclasses import dataclass, fields

from detquant.integer.head import IntegerHead, Level
from detquant.targets.verilog.maps import StoredMap


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSizes:
    """Parameters of the RTL's `dq_head`: what has room in the head that is built.

    Attributes:
        levels: most levels.
        bins: bins of a distance; no more and no fewer.
        places: most candidates.
        kept: most detections.
        size: bits of the number of rows and of columns.
        class_: bits of the number of a class.
    """

    levels: int = 1
    bins: int = 2
    places: int = 1
    kept: int = 1
    size: int = 1
    class_: int = 1

    def verilog_parameters(self) -> dict[str, int]:
        """The parameters as `dq_detector` names them."""
        return {f"HEAD_{one.name.strip('_').upper()}": getattr(self, one.name) for one in fields(self)}

    def covering(self, other: HeadSizes) -> HeadSizes:
        """Sizes in which this head has room, and the other one too where it has as many bins."""
        largest = {one.name: max(getattr(self, one.name), getattr(other, one.name)) for one in fields(self)}
        return HeadSizes(**{**largest, "bins": self.bins})


@dataclass(frozen=True, slots=True, eq=False)
class StoredLevel:
    """A level of a head in the memory of maps.

    Attributes:
        level: the level.
        scores: the map of its class logits.
        scores_group: first group of that map that has them: channel ``c`` lies ``c`` slots behind its first lane.
        distances: the map of its distances.
        distances_group: first group of that map that has them.
    """

    level: Level
    scores: StoredMap
    scores_group: int
    distances: StoredMap
    distances_group: int

    @property
    def scores_base(self) -> int:
        """Address of the first word of its class logits."""
        return self.scores.base + self.scores_group * self.scores.plane

    @property
    def distances_base(self) -> int:
        """Address of the first word of its distances."""
        return self.distances.base + self.distances_group * self.distances.plane


@dataclass(frozen=True, slots=True, eq=False)
class StoredHead:
    """The head of a program.

    Attributes:
        numbers: the integer head, as the integer model runs it.
        levels: where its maps lie, finest first.
        stored_less: what codes of its class logits are stored less of.
    """

    numbers: IntegerHead
    levels: tuple[StoredLevel, ...]
    stored_less: int

    @property
    def threshold(self) -> int:
        """The smallest code of a candidate, as it is stored."""
        return self.numbers.threshold - self.stored_less

    @property
    def limit(self) -> int:
        """Detections to keep: never more than there are candidates."""
        return min(self.numbers.limit, self.numbers.capacity)

    def sizes(self) -> HeadSizes:
        """The smallest head that runs it."""
        layout = self.numbers.layout
        sides = [side for level in layout.levels for side in (level.rows, level.columns)]
        return HeadSizes(
            levels=len(self.levels),
            bins=layout.bins,
            places=self.numbers.capacity,
            kept=self.limit,
            size=max(sides).bit_length(),
            class_=max(1, (layout.classes - 1).bit_length()),
        )
