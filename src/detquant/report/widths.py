"""Widths that a search has chosen, and the models that it has tried on the way."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Width:
    """The width of one thing.

    Attributes:
        name: name of a layer, or of the tensor whose grid it is.
        is_weight: whether it is a layer's weight; else it is activations.
        bits: the width; None for float.
        loss: loss of the network when this alone is rounded so.
        weights: numbers of the weight; 0 for activations.
        size_bytes: bytes that it takes in the files; 0 for activations.
    """

    name: str
    is_weight: bool
    bits: int | None
    loss: float
    weights: int
    size_bytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Widths:
    """All widths that were chosen.

    Attributes:
        why: what they were chosen for, a few words.
        measure: name of the measure of losses.
        given: the widths.
    """

    why: str
    measure: str
    given: tuple[Width, ...]

    def figures(self) -> dict[str, Any]:
        """The widths as plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A model that a search has measured.

    Attributes:
        title: what it is.
        drop: points of the measure that it has lost.
        size_bytes: bytes of its files.
        zipped_bytes: bytes of them when packed.
        base_percent: share of the weights that have the width of the recipe, or less, per cent.
        float_percent: share of the weights in float, per cent.
        latency_ms: median time of an image.
        taken: whether it is the result.
        best: whether no other is at least as good in drop, size and zipped size, and better in one of them.
    """

    title: str
    drop: float
    size_bytes: int
    zipped_bytes: int
    base_percent: float
    float_percent: float
    latency_ms: float
    taken: bool = False
    best: bool = False

    def figures(self) -> dict[str, Any]:
        """The figures as plain values."""
        return asdict(self)
