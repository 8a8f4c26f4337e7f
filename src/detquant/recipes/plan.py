"""The plan: what a recipe comes to on this model and this target. No arrays, so it prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from detquant.numerics import QuantSpec

SCORES = "sigmoid"
"""The kind of function that reads what decoding takes for scores, among `Plan.preactivations`."""


@dataclass(frozen=True, slots=True)
class Own:
    """The tensor's grid is found by calibration."""

    spec: QuantSpec


@dataclass(frozen=True, slots=True)
class Shared:
    """The tensor lies on the grid of ``root``: through MaxPool, Resize, Slice, and at Concat."""

    root: str


@dataclass(frozen=True, slots=True)
class Derived:
    """A bias: scale is exactly ``scale(x) * scale(weight of node)``, zero point 0."""

    x: str
    node: str


@dataclass(frozen=True, slots=True)
class Fixed:
    """The range is known beforehand: a sigmoid's output."""

    spec: QuantSpec
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Dynamic:
    """The tensor's grid is found anew for each image, by the layer that reads it as it runs."""

    spec: QuantSpec


Point = Own | Shared | Derived | Fixed | Dynamic


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The decision: which operators run in integers, and on which grid each tensor lies.

    Attributes:
        points: tensor -> where its grid comes from.
        weights: layer -> the wish for its weight; it runs in integers, or has nothing else in codes.
        integer: names of the operators that run in integers, in graph order.
        kept_float: name of each other operator -> the reason why it stays float.
        sources: root tensor -> the tensors whose ranges together are its range.
        preactivations: tensor -> kind of the function that alone reads it ("silu"; "sigmoid" of scores): its range is
            chosen by what survives that function.
        recipe: name of the recipe.
        target: name of the target.
    """

    points: Mapping[str, Point]
    weights: Mapping[str, QuantSpec]
    integer: tuple[str, ...]
    kept_float: Mapping[str, str]
    sources: Mapping[str, tuple[str, ...]]
    preactivations: Mapping[str, str]
    recipe: str
    target: str

    @property
    def owned(self) -> dict[str, QuantSpec]:
        """The tensors whose grids calibration must find."""
        return {name: point.spec for name, point in self.points.items() if isinstance(point, Own)}

    @property
    def weight_only(self) -> list[str]:
        """Layers that run in float on weights in codes."""
        integer = set(self.integer)
        return [name for name in self.weights if name not in integer]

    def root(self, tensor: str) -> str:
        """The tensor whose grid ``tensor`` lies on."""
        point = self.points[tensor]
        return point.root if isinstance(point, Shared) else tensor
