"""The calibration images as algorithms see them: gone through again and again, in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial

from detquant.calibration.collect import Feed, Feeds
from detquant.data.objects import Objects

Labelled = Callable[[Sequence[int]], Sequence[Objects | None]]
"""Reads the objects of the images at some places, in pixels of the network's input; None where they are not known."""


class Images:
    """Images as network inputs: each pass reads and preprocesses them anew, so hundreds cost no more memory than one.

    Who looks at few images many times takes `informative`, which are held in memory.

    Args:
        feeds: called with the places of images, gives their feeds one by one; the same ones each time.
        places: places of the images, in the order in which they come.
        informative: places of the few most informative ones, see `detquant.calibration.informativeness`.
        labels: class of the image at each place, None where it is not known; empty where none is.
        objects: called with places, tells what is to be seen there; None where nothing does.
    """

    def __init__(
        self,
        feeds: Feeds,
        places: Sequence[int],
        informative: Sequence[int] = (),
        labels: Sequence[int | None] = (),
        objects: Labelled | None = None,
    ) -> None:
        self._feeds, self._places, self._informative = feeds, tuple(places), tuple(informative)
        self._labels, self._objects = tuple(labels), objects

    @classmethod
    def of(cls, feeds: Sequence[Feed]) -> Images:
        """Images that are in memory already, and few: all of them count as informative."""
        places = range(len(feeds))
        return cls(partial(_at, tuple(feeds)), places, places)

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[Feed]:
        return self._feeds(self._places)

    def part(self, which: Sequence[int]) -> Images:
        """The images at some places among these: the first hundred, or all but those held back.

        The informative ones stay the same.
        """
        places = [self._places[k] for k in which]
        return Images(self._feeds, places, self._informative, self._labels, self._objects)

    @property
    def labels(self) -> tuple[int | None, ...]:
        """The class of each image as a whole, None where it is not known."""
        return tuple(self._labels[place] if self._labels else None for place in self._places)

    @property
    def objects(self) -> tuple[Objects | None, ...]:
        """The objects of each image in pixels of the network's input, None where they are not known; read anew."""
        return tuple(self._objects(self._places)) if self._objects else (None,) * len(self)

    @cached_property
    def informative(self) -> tuple[Feed, ...]:
        """The most informative images, held in memory: damage is measured on these."""
        return tuple(self._feeds(self._informative))


def _at(feeds: Sequence[Feed], which: Sequence[int]) -> Iterator[Feed]:
    return (feeds[place] for place in which)
