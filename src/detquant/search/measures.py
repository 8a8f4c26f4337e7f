"""How much a model has lost: the damage to its heads, which needs no labels, or its accuracy on a few images.

A measure travels (`detquant.graph.pickling`), so that other processes take it.

**Adding up.** A search adds the losses of single layers. The damage is a mean of magnitudes of errors, and errors of
different layers are as good as independent, so their squares add up:  D^2 = sum d^2  as long as the damage is far below
its end near 1. Accuracy is lost only where errors reach a threshold, which is their second power already: its drops add
as they are. `ADDS_AS` says which function of a loss is summed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from detquant.algorithms import Damage
from detquant.algorithms.damage import Run
from detquant.data import Dataset
from detquant.evaluation.scorers import headline, make_scorer
from detquant.families import Family, Geometry
from detquant.numerics.arrays import Array

DAMAGE, ACCURACY = "damage", "accuracy"


def squared(loss: float) -> float:
    """The square of a damage; none where rounding has changed nothing."""
    return loss * loss


def as_it_is(loss: float) -> float:
    """A drop of accuracy; where a model happens to gain, there is no loss."""
    return max(loss, 0.0)


ADDS_AS: Mapping[str, Callable[[float], float]] = {DAMAGE: squared, ACCURACY: as_it_is}
"""The function of a loss that is summed over layers, by measure."""


class Measure(Protocol):
    """The loss of a model, 0 for the float one."""

    @property
    def name(self) -> str:
        """Key in `ADDS_AS`."""
        ...

    @property
    def images(self) -> int:
        """How many images it is taken on."""
        ...

    def __call__(self, run: Run) -> float:
        """The loss of the model that ``run`` runs."""
        ...


class HeadDamage:
    """The damage to the heads (`detquant.algorithms.damage`).

    Args:
        damage: against the float model, on the images that are looked at.
    """

    name = DAMAGE

    def __init__(self, damage: Damage) -> None:
        self._damage = damage.alone()
        self.images = len(damage.feeds)

    def __call__(self, run: Run) -> float:
        """Mean damage over the images, one after the other in this thread."""
        return self._damage(run)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An image as a network takes it.

    Attributes:
        image_id: id of the image, see `Dataset.image_ids`.
        feed: inputs by name.
        geometry: its way into the input, by which boxes find back.
    """

    image_id: int
    feed: Mapping[str, Array]
    geometry: Geometry


class AccuracyDrop:
    """The drop of the task's first measure (AP or top-1) on some labelled images, 0 to 1.

    Args:
        family: decodes.
        dataset: knows what is on the images.
        shown: the images.
        run_float: runs the float model.
    """

    name = ACCURACY

    def __init__(self, family: Family, dataset: Dataset, shown: Sequence[Shown], run_float: Run) -> None:
        self._family, self._dataset, self._shown = family, dataset, tuple(shown)
        self.images = len(shown)
        self._reference = self._accuracy(run_float)

    def __call__(self, run: Run) -> float:
        """Points that the model is below the float one, of 1."""
        return self._reference - self._accuracy(run)

    def _accuracy(self, run: Run) -> float:
        scorer = make_scorer(self._dataset, self._family.classes)
        assert scorer is not None, "checked by the caller"
        for one in self._shown:
            scorer.add(one.image_id, self._family.decode(run(one.feed), one.geometry))
        return scorer.result().figures()[headline(self._family.task)] / 100
