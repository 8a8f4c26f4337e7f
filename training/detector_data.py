"""Scenes in memory, and batches made of them.

What an epoch shows depends on the seed and its number alone, so training may stop and go on at any epoch.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from augmentation import Picture, augment
from torch import Tensor

from detquant.algorithms.finetune.detection.assignment import Objects


class Scene(Protocol):
    """What a generator of scenes gives; shapes as in Picture."""

    image: Any
    boxes: Any
    class_id: Any


MakeScene = Callable[[str, int, int], Scene]  # split, index, seed


class Batch(NamedTuple):
    """Images [b, 3, h, w], RGB, 0 to 1, and their objects."""

    images: Tensor
    objects: Objects


class SceneData:
    """A pool of training scenes of which some are new in each epoch.

    Args:
        make: (split, index, seed) to a scene.
        count: scenes in the pool.
        fresh: how many of them are replaced after each epoch, by a process of its own.
        seed: of scenes, order and augmentation.
        epoch: the one that comes first.
    """

    def __init__(self, make: MakeScene, count: int, *, fresh: int = 0, seed: int = 0, epoch: int = 0) -> None:
        self._make, self._count, self._fresh, self._seed = make, count, fresh, seed
        self._epoch = epoch
        first = epoch * fresh
        self._pool: dict[int, Picture] = {}
        self._store(range(first, first + count), paint(make, range(first, first + count), seed))
        self._painter = ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) if fresh else None
        self._coming = self._order_fresh()

    def __len__(self) -> int:
        return self._count

    def batches(self, size: int, mosaic: float = 0.0) -> Iterator[Batch]:
        """The next epoch; pictures that do not fill a batch are left for another.

        Args:
            size: images of a batch.
            mosaic: the share of pictures that are made of four.
        """
        rng = np.random.default_rng([self._seed, self._epoch])
        order = rng.permutation(self._count)
        for start in range(0, self._count - size + 1, size):
            yield make_batch([self._picture(slot, rng, mosaic) for slot in order[start : start + size].tolist()])
        self._epoch += 1
        self._take_fresh()

    def _picture(self, slot: int, rng: np.random.Generator, mosaic: float) -> Picture:
        others = rng.integers(self._count, size=3).tolist() if rng.random() < mosaic else []
        return augment([self._pool[place] for place in (slot, *others)], rng)

    def _store(self, indices: Iterable[int], pictures: Iterable[Picture]) -> None:
        self._pool.update((index % self._count, picture) for index, picture in zip(indices, pictures, strict=True))

    def _fresh_indices(self) -> range:
        """The scenes that join after this epoch; each takes the place of the oldest."""
        first = self._epoch * self._fresh + self._count
        return range(first, first + self._fresh)

    def _order_fresh(self) -> Future[list[Picture]] | None:
        if self._painter is None:
            return None
        return self._painter.submit(paint, self._make, self._fresh_indices(), self._seed)

    def _take_fresh(self) -> None:
        if self._coming is not None:
            first = self._fresh_indices().start - self._fresh
            self._store(range(first, first + self._fresh), self._coming.result())
            self._coming = self._order_fresh()

    def close(self) -> None:
        """Ends the process that makes fresh scenes."""
        if self._painter is not None:
            self._painter.shutdown(cancel_futures=True)


def paint(make: MakeScene, indices: range, seed: int, split: str = "train") -> list[Picture]:
    """Makes scenes, in the order of their indices."""
    made = (make(split, index, seed) for index in indices)
    return [Picture(one.image, one.boxes, one.class_id) for one in made]


def make_batch(pictures: Sequence[Picture]) -> Batch:
    """Stacks pictures; objects are filled up to the most that one of them has."""
    most = max(len(picture.class_id) for picture in pictures)
    boxes = torch.zeros(len(pictures), most, 4)
    class_id = torch.zeros(len(pictures), most, dtype=torch.int64)
    real = torch.zeros(len(pictures), most, dtype=torch.bool)
    for row, picture in enumerate(pictures):
        objects = len(picture.class_id)
        boxes[row, :objects] = torch.from_numpy(picture.boxes)
        class_id[row, :objects] = torch.from_numpy(picture.class_id)
        real[row, :objects] = True
    return Batch(as_images([picture.image for picture in pictures]), Objects(boxes, class_id, real))


def as_images(images: Sequence[Any]) -> Tensor:
    """BGR images uint8 [h, w, 3] as one tensor [b, 3, h, w], RGB, 0 to 1."""
    stacked = np.ascontiguousarray(np.stack(images)[..., ::-1].transpose(0, 3, 1, 2))
    return torch.from_numpy(stacked).float().div_(255)
