from __future__ import annotations

import numpy as np
import pytest

from detquant.targets.tflite.layout import (
    channels_last,
    moves,
    moves_nothing,
    plain,
    reshaping,
    stored,
    transposed,
    with_last,
    without,
)

LAST = (0, 2, 3, 1)


def lies(array, order):
    """The array as it lies in the file."""
    return array.transpose(order)


def test_where_channels_go():
    assert [channels_last(rank) for rank in range(1, 6)] == [(0,), (0, 1), (0, 2, 1), LAST, (0, 2, 3, 4, 1)]
    assert stored((1, 3, 4, 5), LAST) == (1, 4, 5, 3)


@pytest.mark.parametrize("have", [(0, 1, 2, 3), LAST, (2, 0, 3, 1)])
@pytest.mark.parametrize("want", [(0, 1, 2, 3), LAST, (3, 1, 0, 2)])
def test_a_permutation_leads_from_one_order_to_another(have, want):
    x = np.arange(120).reshape(1, 4, 5, 6)
    assert np.array_equal(lies(x, have).transpose(moves(have, want)), lies(x, want))


def test_a_transpose_of_the_graph_is_another_order_of_the_same_tensor():
    x, perm = np.arange(120).reshape(1, 4, 5, 6), (0, 3, 1, 2)
    assert np.array_equal(lies(x, LAST), lies(x.transpose(perm), transposed(LAST, perm)))


def test_axes_of_length_one_may_move():
    assert moves_nothing((1, 1, 5, 6), plain(4), LAST)
    assert not moves_nothing((1, 2, 5, 6), plain(4), LAST)


def test_axes_that_are_taken_out():
    x = np.arange(120).reshape(1, 4, 5, 6)
    assert np.array_equal(lies(x, LAST).mean(axis=1), lies(x.mean(axis=2), without(LAST, [2])))
    assert with_last(LAST, 2) == (0, 3, 1, 2)


@pytest.mark.parametrize(
    ("shape", "new", "order", "first"),
    [
        ((1, 12, 4, 5), (1, 12, 20), LAST, LAST),  # places become one axis, channels stay last
        ((1, 12, 20), (1, 3, 4, 20), (0, 2, 1), (0, 2, 1)),  # bins of a distribution
        ((1, 12, 4, 5), (1, 2, 6, 4, 5), LAST, LAST),  # a channel shuffle, first half
        ((1, 6, 2, 4, 5), (1, 12, 4, 5), (0, 3, 4, 2, 1), (0, 3, 4, 1, 2)),  # and its second half
        ((1, 12, 4, 5), (1, 240), LAST, plain(4)),  # all in one: ONNX's order
        ((1, 12, 1, 1), (1, 12), LAST, LAST),
        ((1, 1, 4, 5), (1, 4, 5), LAST, LAST),
        ((1, 12, 4, 5), (12, 4, 5), LAST, LAST),
        ((2, 6), (3, 4), (1, 0), (0, 1)),
    ],
)
def test_a_reshape_where_the_tensor_lies(shape, new, order, first):
    x = np.arange(np.prod(shape)).reshape(shape)
    found, result = reshaping(shape, new, order)
    assert found == first
    assert np.array_equal(lies(x, found).reshape(stored(new, result)), lies(x.reshape(new), result))
