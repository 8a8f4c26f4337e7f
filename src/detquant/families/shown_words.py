"""How outputs are read: as a family usually has them, overruled by what values show, overruled by what words tell."""

from __future__ import annotations

from types import MappingProxyType
from typing import ClassVar

import numpy as np

from detquant.families._base import Family
from detquant.families.box_coding import PLAIN
from detquant.families.reading import INPUT_KINDS, Reading
from detquant.numerics.arrays import Floats


class ReadByWords(Family):
    """A detector whose exports differ in their boxes, units, scores or labels.

    Attributes:
        usual: the words by which outputs are read where nothing tells otherwise.
        shown: the words that the values show.
    """

    usual: ClassVar[Reading]
    shown: Reading = MappingProxyType({})

    @property
    def words(self) -> dict[str, str]:
        """The words by which the outputs are read."""
        told = {kind: word for kind, word in self.told.items() if kind not in INPUT_KINDS}
        return {**self.usual, **self.shown, **told}

    @property
    def reading(self) -> Reading:
        """How images go in and outputs are read, in words."""
        return {**super().reading, **self.words}

    @property
    def own_reading(self) -> Reading:
        """The words of the family and those that the values show, whatever words were told."""
        return {**super().own_reading, **self.usual, **self.shown}

    def heeds(self, kind: str, word: str) -> bool:
        """Whether a word of that kind changes anything."""
        return super().heeds(kind, word) and (kind != "boxes" or word in PLAIN)

    def kept_reading(self) -> Reading:
        """The words for files made from this model: also what the values showed, so that nothing is guessed again."""
        unusual = {kind: word for kind, word in self.shown.items() if self.usual.get(kind) != word}
        return {**unusual, **super().kept_reading()}

    def in_pixels(self, corners: Floats) -> Floats:
        """Corners [n, 4] in the unit that the words say, in input pixels."""
        if self.words["unit"] == "parts":
            corners = corners * np.array([self.width, self.height] * 2, np.float32)
        return np.asarray(corners, np.float32)
