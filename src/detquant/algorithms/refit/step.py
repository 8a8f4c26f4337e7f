"""Refit: weights solved anew by least squares and rounded with compensation, layer after layer, without a gradient.

In the order of the graph, the float and the quantised network side by side on the same images:

1. A layer's inputs x come from the quantised network so far, its target y from the float one; the weight is solved
   anew for these (`least_squares`), so that it makes good what came before it.
2. It is rounded with the error of each column carried on, codes are improved one by one, the steps solved anew
   (`rounding`), all within the target's limits. Where the codes as they were do better, they stay.
3. The bias takes the mean error that is left.
4. The layers that decoding reads are rounded only, for the float weight and no other: least squares answers noise with
   smaller weights, which is right for what is read on, and wrong for scores that are held against a threshold.

Layers of one depth are solved together. What is kept between them is in files, and sums over positions as large as a
layer's weight squared; so memory grows neither with the images nor with the depth.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

from detquant.algorithms._base import Context
from detquant.algorithms.options import Count, NotNegative, Whole
from detquant.algorithms.refit.layer_solver import Solved, plainly
from detquant.algorithms.refit.walk import said_of_errors, solve_layers
from detquant.algorithms.turn import Turn
from detquant.calibration import QuantModel
from detquant.recipes import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Refit:
    """Solves weights anew and rounds them with compensation, layer after layer.

    Attributes:
        images: how many calibration images are looked at, at most.
        samples: positions of a layer's output that are sampled of each image, at most.
        ridge: pull towards the float weight, as a share of the mean variance of a layer's inputs; None to find it for
            each layer by two halves of the images.
        seed: of the sampled positions.
    """

    name: ClassVar[str] = "refit"
    stage: ClassVar[Stage] = Stage.WEIGHTS
    turn: ClassVar[Turn] = Turn.SOLVED

    images: Count = 128
    samples: Count = 800
    ridge: NotNegative | None = None
    seed: Whole = 0

    def __call__(self, qm: QuantModel, context: Context) -> QuantModel:
        """The model with all layers solved anew.

        Raises:
            CalibrationError: there are too few images, or an output of the float network is not finite.
        """
        qm, solved = solve_layers(qm, self, plainly, context)
        images = min(self.images, len(context.images))
        return qm.noted(self, _sentence(solved.values(), images), operators=list(solved))


def _sentence(solved: Collection[Solved], images: int) -> str:
    stayed = sum(layer.is_as_it_was for layer in solved)
    same = f"; {stayed} keep their codes" * bool(stayed)
    return f"refit: {len(solved)} layers solved on {images} images; {said_of_errors(solved)}{same}"
