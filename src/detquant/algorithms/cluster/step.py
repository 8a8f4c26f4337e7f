"""Cluster: every weight of a layer is one of a few, shared by all its channels, so that files are small (or zip well).

Han, Mao and Dally 2016, Deep Compression, share weights after k-means on the weights. Here outputs decide, as in
`refit`, whose walk this is: layer after layer is solved anew by least squares from what it reads in the quantised
network to what it gives in the float one, and its codes are drawn from a book of k of its own (`clustered`). Codes are
whole numbers of 8 bits with a scale for each channel, so that integer kernels run them as any others: what is saved is
bytes.

Few layers are solved and keep all codes: those whose bytes do not count, and those where few codes cost most.
The books are kept by every step that follows (`AllowedCodes`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from detquant.algorithms._base import Context
from detquant.algorithms.cluster.clustered import clustered
from detquant.algorithms.options import Count, NotNegative, Share, Whole, Within
from detquant.algorithms.refit.layer_solver import Codes, Solved, plainly
from detquant.algorithms.refit.rounding import Rounding
from detquant.algorithms.refit.walk import said_of_errors, solve_layers
from detquant.algorithms.turn import Turn
from detquant.calibration import QuantModel
from detquant.recipes import Places, Stage

MOST_KEPT = 1 / 8
"""Share of the weights that a layer may have and keep all codes for where it stands: of small classifiers, whose last
layer has a third of the weights and more, most of the file would be left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Solves weights anew and draws each layer's codes from a few.

    Attributes:
        clusters: how many different codes a layer has, at most.
        keep: places whose layers keep all codes, but for one that has more than an eighth of the weights.
        smallest_share: the smallest layers, which together have at most this share of the weights, keep all codes.
        images: how many calibration images are looked at, at most.
        samples: positions of a layer's output that are sampled of each image, at most.
        ridge: pull towards the float weight, as a share of the mean variance of a layer's inputs; None to find it for
            each layer by two halves of the images.
        seed: of the sampled positions.
    """

    name: ClassVar[str] = "cluster"
    stage: ClassVar[Stage] = Stage.WEIGHTS
    turn: ClassVar[Turn] = Turn.SOLVED
    never_after: ClassVar[Mapping[str, str]] = {
        "cluster": "layers have their few codes already; leave one of the two out",
        "refit": "it solves the same layers anew itself, so that nothing is left of that; leave 'refit' out",
    }

    clusters: Annotated[int, Within(2, 256)] = 16
    keep: tuple[Literal["first", "last", "head"], ...] = ("first", "head")
    smallest_share: Share = 0.02
    images: Count = 128
    samples: Count = 800
    ridge: NotNegative | None = None
    seed: Whole = 0

    def __call__(self, qm: QuantModel, context: Context) -> QuantModel:
        """The model with all layers solved anew, most of them on few codes.

        Raises:
            CalibrationError: there are too few images, or an output of the float network is not finite.
        """
        few = self._clustered(qm)

        def rounded(layer: str, rounding: Rounding) -> Codes:
            wide = rounding.qmax - rounding.qmin + 1 > self.clusters
            return clustered(rounding, self.clusters) if layer in few and wide else plainly(layer, rounding)

        made, solved = solve_layers(qm, self, rounded, context)
        return made.noted(self, _sentence(qm, solved, min(self.images, len(context.images))), operators=list(solved))

    def _clustered(self, qm: QuantModel) -> set[str]:
        """The layers that are drawn from a few codes, as far as they can be solved."""
        places = Places(qm.reference.graph)
        sizes = {node: places.size(node) or 0 for node in qm.reference.graph if node.name in qm.weights}
        large = MOST_KEPT * sum(sizes.values())
        kept = {node for node, size in sizes.items() if places.of(node) & set(self.keep) and size <= large}
        few = (node for node in sizes if node not in kept and not places.among_smallest(node, self.smallest_share))
        return {node.name or "" for node in few}


def _sentence(qm: QuantModel, solved: Mapping[str, Solved], images: int) -> str:
    sizes = {name: one.weight.size for name, one in solved.items()}
    books = {name: one.book for name, one in solved.items() if one.book is not None}
    share = sum(sizes[name] for name in books) / max(sum(sizes.values()), 1)
    most = max((book.size for book in books.values()), default=0)
    if not books:
        return (
            "cluster: no layer is drawn from fewer codes: each is kept by its place or its size, or has no more of them"
        )
    parts = [f"cluster: {len(books)} layers of at most {most} different codes, {share:.1%} of the weights solved"]
    if others := len(solved) - len(books):
        parts.append(f"{others} others keep all codes")
    if left := len(qm.weights) - len(solved):
        parts.append(f"{left} could not be solved and are as they were")
    parts.append(f"solved on {images} images, {said_of_errors(solved.values())}")
    if one_sign := sum(not book.min() < 0 < book.max() for book in books.values() if 0 in book):
        parts.append(f"{one_sign} layers have 0 and codes of one sign, and no weights of the other: give more clusters")
    return "; ".join(parts)
