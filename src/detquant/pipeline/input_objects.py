"""Labelled objects where the network sees them: in pixels of its input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from detquant.data import read_image
from detquant.data.objects import CalibrationObjects, Objects
from detquant.families import Family


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InputObjects:
    """The objects of images, by the places of these; what was asked for once is kept.

    Attributes:
        family: makes the network's input.
        known: what is known of images, in their own pixels.
        paths: the images.
    """

    family: Family
    known: CalibrationObjects
    paths: Sequence[Path]
    _found: dict[int, Objects | None] = field(default_factory=dict, repr=False)

    def __call__(self, places: Sequence[int]) -> list[Objects | None]:
        """The objects at these places; None where they are not known."""
        new = [place for place in dict.fromkeys(places) if place not in self._found]
        for place, one in zip(new, self.known.of([self.paths[place] for place in new]), strict=True):
            self._found[place] = self._in_input(self.paths[place], one) if one else None
        return [self._found[place] for place in places]

    def _in_input(self, path: Path, one: Objects) -> Objects:
        if not len(one.class_id):
            return one
        _, geometry = self.family.preprocess(read_image(path))
        side = np.array([geometry.width, geometry.height] * 2, np.float32)
        return Objects(geometry.to_input(np.clip(one.xyxy, 0, side)), one.class_id)
