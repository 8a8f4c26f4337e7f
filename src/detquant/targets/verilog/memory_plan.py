"""Addresses of stored maps: two that are never needed at the same time may share them.

Largest first, each at the lowest address where no map of its time lies (first fit): Pisarchyk and Lee 2020, "Efficient
Memory Management for Deep Neural Net Inference", greedy by size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from detquant.targets.verilog.maps import StoredMap

Span = tuple[int, int]


def plan_memory(maps: Sequence[StoredMap], spans: Mapping[StoredMap, Span]) -> int:
    """Gives each map its base.

    Args:
        maps: the maps; their ``base`` is set.
        spans: first and last instruction that needs each.

    Returns:
        Words of memory that all take together.
    """
    placed: list[StoredMap] = []
    for one in sorted(maps, key=lambda stored: (-stored.words, spans[stored])):
        others = sorted((other for other in placed if _meet(spans[one], spans[other])), key=lambda other: other.base)
        one.base = 0
        for other in others:
            if other.base - one.base >= one.words:
                break
            one.base = max(one.base, other.base + other.words)
        placed.append(one)
    return max((one.base + one.words for one in maps), default=0)


def _meet(one: Span, other: Span) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]
