"""What each layer and each tensor costs alone, and what it takes: the table that searches read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer whose weight is in codes, and the loss of the network when this weight alone is rounded.

    Attributes:
        name: name of the operator.
        operator: its type.
        weights: how many numbers its weight has.
        macs: multiply-accumulates of one run.
        reads: root of the grid that it reads (`Plan.root`); empty where it runs in float.
        loss: width in bits -> loss.
    """

    name: str
    operator: str
    weights: int
    macs: int
    reads: str
    loss: Mapping[int, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """Activations on one grid, and the loss of the network when they alone are rounded.

    Attributes:
        name: root of the grid (`Plan.root`).
        writers: the operators whose choices give the grid its width; none where that is not theirs alone.
        loss: width in bits -> loss.
    """

    name: str
    writers: tuple[str, ...]
    loss: Mapping[int, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """What everything costs alone.

    Attributes:
        measure: name of the measure, a key of `detquant.search.measures.ADDS_AS`.
        images: how many images it was taken on.
        layers: weights, in graph order.
        tensors: activations, in graph order.
    """

    measure: str
    images: int
    layers: tuple[Layer, ...]
    tensors: tuple[Tensor, ...]

    def figures(self) -> dict[str, Any]:
        """The table as plain values; widths are text, as keys in JSON are."""
        layers = [{**asdict(one), "loss": _by_text(one.loss)} for one in self.layers]
        tensors = [{**asdict(one), "loss": _by_text(one.loss)} for one in self.tensors]
        return {"measure": self.measure, "images": self.images, "layers": layers, "tensors": tensors}


def _by_text(loss: Mapping[int, float]) -> dict[str, float]:
    return {str(bits): value for bits, value in loss.items()}
