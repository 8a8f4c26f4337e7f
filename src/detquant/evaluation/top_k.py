"""How often a classifier's first guess, and one of its first five, is the class of the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detquant.errors import DatasetError
from detquant.families import Detections

TOP = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TopAccuracy:
    """How well a model classifies, in per cent.

    Attributes:
        top1: images whose class is the likeliest.
        top5: images whose class is among the five likeliest.
        per_class: `top1` of each class that an image has.
        images: number of images measured.
    """

    top1: float
    top5: float
    per_class: dict[str, float]
    images: int

    def figures(self) -> dict[str, float]:
        """The measures by name, the first of them the one to compare by."""
        return {"top1": self.top1, "top5": self.top5}


class TopScorer:
    """Collects guesses image by image, then compares them with the labels.

    Args:
        labels: class of each image.
        classes: names by class_id.
    """

    def __init__(self, labels: Sequence[int], classes: Sequence[str]) -> None:
        self._labels, self._classes = labels, classes
        self._places: dict[int, int] = {}  # of the right class among the guesses, or TOP

    def add(self, image_id: int, guesses: Detections) -> None:
        """Adds what was guessed for one image.

        Args:
            image_id: its place among the labels, counted from 1.
            guesses: best first.
        """
        hits = np.flatnonzero(guesses.class_id[:TOP] == self._labels[image_id - 1])
        self._places[image_id] = int(hits[0]) if len(hits) else TOP

    def result(self) -> TopAccuracy:
        """The accuracy on the images added so far.

        Raises:
            DatasetError: there are none.
        """
        if not self._places:
            raise DatasetError("No image was evaluated: the data set is empty or none could be read.")
        places = np.array(list(self._places.values()))
        labels = np.array([self._labels[image_id - 1] for image_id in self._places])
        return TopAccuracy(
            top1=_percent(places == 0),
            top5=_percent(places < TOP),
            per_class={self._classes[k]: _percent(places[labels == k] == 0) for k in np.unique(labels).tolist()},
            images=len(places),
        )


def _percent(right: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float:
    return float(right.mean() * 100)
