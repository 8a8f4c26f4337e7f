"""Operators of a runtime's own graph, with time and precision, by the block of the float graph that they belong to."""

from __future__ import annotations

from collections.abc import Sequence

from detquant.calibration import Feed
from detquant.pipeline.entries import Entry
from detquant.pipeline.inside.names import BlockNames
from detquant.report.evidence import OperatorTime, Profile
from detquant.report.slow import KINDS, LAYERS, LAYOUT, ROUNDING
from detquant.targets.inside import Timed

NO_NUMBERS = frozenset({"int32", "int64", "bool"})
"""Precisions of places and shapes, which say nothing of the numbers."""
MIXED = "mixed"


def timed(entry: Entry, feed: Feed) -> tuple[Timed, ...]:
    """The operators of an entry's model as its runtime has them; empty where it does not tell, or another stands in."""
    return entry.place.profile(entry.runner, feed) if entry.runner is not None and entry.place.runs_here else ()


def profile_of(row: str, operators: Sequence[Timed], names: BlockNames) -> Profile:
    """The time of a model by operator.

    Args:
        row: name of its row.
        operators: as its runtime has them.
        names: the blocks of the float graph.
    """
    return Profile(
        row=row,
        operators=tuple(
            OperatorTime(
                name=one.name,
                kind=one.kind,
                precision=one.precision,
                ms=one.ms,
                block=next(iter(_blocks(one, names)), None),
            )
            for one in operators
            if one.ms is not None
        ),
    )


def executed(operators: Sequence[Timed], names: BlockNames) -> dict[str, str]:
    """The precision that each block was computed in, by its name: that of its layer, else that of all its operators.

    A sum that a runtime has made a part of a layer has the precision of that.

    Args:
        operators: of the quantised model, as its runtime has them.
        names: the blocks of the float graph.
    """
    by_block: dict[str, list[Timed]] = {}
    for one in operators:
        if one.precision is not None and one.precision not in NO_NUMBERS:
            for block in _blocks(one, names):
                by_block.setdefault(block, []).append(one)
    return {block: _precision(some) for block, some in by_block.items()}


def _blocks(one: Timed, names: BlockNames) -> list[str]:
    return names.blocks(one.name, one.parts, layer=one.kind in KINDS[LAYERS])


def _precision(operators: Sequence[Timed]) -> str:
    layers = [one for one in operators if one.kind in KINDS[LAYERS]]
    others = [one for one in operators if one.kind not in KINDS[ROUNDING] | KINDS[LAYOUT]]
    words = {one.precision or "" for one in layers or others or operators}
    return MIXED if len(words) > 1 else words.pop()
