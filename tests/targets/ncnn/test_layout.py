"""Where axes lie without a batch."""

from __future__ import annotations

import numpy as np
import pytest

from detquant.targets.ncnn.layout import moving, stored, stored_axis, wide


@pytest.mark.parametrize(
    ("shape", "blob"),
    [
        ((1, 3, 8, 8), (3, 8, 8)),
        ((1, 5), (5,)),
        ((5,), (5,)),
        ((1,), (1,)),
        ((4, 2), (4, 2)),
        ((), (1,)),
        ((2, 1, 3, 4, 5), (2, 3, 4, 5)),
        ((1, 2, 1, 4, 5), (2, 1, 4, 5)),
    ],
)
def test_stored(shape, blob):
    assert stored(shape) == blob


def test_axes_of_a_blob():
    assert [stored_axis((1, 3, 8, 8), axis) for axis in (1, -1, 0)] == [0, 2, -1]
    assert [stored_axis((3, 8), axis) for axis in (0, -1)] == [0, 1]
    assert [stored_axis((2, 1, 3, 4, 5), axis) for axis in range(5)] == [0, -1, 1, 2, 3]


def test_what_is_broadcast_has_as_many_axes():
    assert wide((7,), (1, 4, 8, 7)) == (1, 1, 7)
    assert wide((4, 1, 1), (1, 4, 8, 7)) == (4, 1, 1)
    assert wide((), (1, 4)) == (1,)
    assert wide((1, 3), (2, 3)) == (1, 3)


@pytest.mark.parametrize(
    ("shape", "perm"), [((1, 3, 4, 5), (3, 0, 2, 1)), ((2, 1, 3), (2, 1, 0)), ((1, 1, 4), (2, 0, 1))]
)
def test_moving_without_axes_of_length_one(shape, perm):
    x = np.arange(np.prod(shape)).reshape(shape)
    inner, order = moving(shape, perm)
    assert (x.reshape(inner).transpose(order).reshape(-1) == x.transpose(perm).reshape(-1)).all()
