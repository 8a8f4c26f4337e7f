from __future__ import annotations

import pickle
import weakref

import numpy as np
import pytest

from detquant.calibration import Images
from detquant.data.objects import Objects


class Photographs:
    """Images that are made when they are asked for; knows how many of them live at a time."""

    def __init__(self):
        self.alive, self.most, self.made = weakref.WeakSet(), 0, []

    def __call__(self, which):
        for place in which:
            array = np.full((1, 3, 4, 4), place, np.float32)
            self.alive.add(_Owner.of(array))
            self.most, self.made = max(self.most, len(self.alive)), [*self.made, place]
            yield {"x": array}


class _Owner:
    """Arrays cannot lie in a WeakSet, since they are not hashable: one of these dies with each."""

    @classmethod
    def of(cls, array):
        owner = cls()
        weakref.finalize(array, lambda: owner)
        return owner


@pytest.fixture
def photographs():
    return Photographs()


def seen(images):
    return [int(feed["x"].flat[0]) for feed in images]


def test_each_pass_gives_all_images_in_the_same_order(photographs):
    images = Images(photographs, range(5), [3, 1])
    assert len(images) == 5 and seen(images) == seen(images) == [0, 1, 2, 3, 4]
    first, second = iter(images), iter(images)
    assert next(first)["x"].max() == next(second)["x"].max() == 0.0  # passes do not know of each other


def test_hundreds_of_images_are_never_in_memory_together(photographs):
    images = Images(photographs, range(300))
    for _ in range(2):
        for feed in images:
            assert feed["x"].size == 48
    assert photographs.made == [*range(300)] * 2 and photographs.most <= 2


def test_telling_images_are_made_once(photographs):
    images = Images(photographs, range(9), [7, 2])
    assert seen(images.informative) == seen(images.informative) == [7, 2] and photographs.made == [7, 2]


def test_a_part_has_the_places_of_the_whole(photographs):
    images = Images(photographs, [4, 5, 6, 7], [6])
    part = images.part([3, 0])
    assert seen(part) == [7, 4] and len(part) == 2 and seen(part.part([1])) == [4]
    assert seen(part.informative) == [6]


def test_images_in_memory():
    feeds = [{"x": np.full(2, k, np.float32)} for k in range(3)]
    images = Images.of(feeds)
    assert seen(images) == seen(images.informative) == [0, 1, 2]
    assert seen(pickle.loads(pickle.dumps(images)).part([2])) == [2]


def test_labels_go_with_the_images(photographs):
    images = Images(photographs, [4, 5, 6, 7], [6], labels=[0, 1, 2, 3, None, 9, 8, 7])
    assert images.labels == (None, 9, 8, 7) and images.part([3, 0]).labels == (7, None)
    assert Images(photographs, range(3)).labels == (None, None, None)


def test_objects_are_read_when_asked_for_and_go_with_the_images(photographs):
    asked = []

    def objects(places):
        asked.append(list(places))
        return [None if place == 5 else Objects.of([[0, 0, place, place]], [place]) for place in places]

    images = Images(photographs, [4, 5, 6], objects=objects)
    part = images.part([2, 1])
    assert not asked
    six, five = part.objects
    assert six.class_id.tolist() == [6] and five is None and asked == [[6, 5]]
    assert Images(photographs, range(2)).objects == (None, None)
