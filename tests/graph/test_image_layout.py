from __future__ import annotations

import pytest

from detquant.graph.image_layout import channels_are_last


@pytest.mark.parametrize(
    ("dims", "last"),
    [
        ([1, 416, 640, 3], True),
        (["n", "h", "w", 3], True),
        ([1, 28, 28, 1], True),
        ([1, 3, 416, 640], False),
        ([1, 3, 416, 3], False),
        ([1, 2, 4, 4], False),
        ([1, 3, "h", "w"], False),
        ([1, 64, 64], False),
    ],
)
def test_shapes_tell_where_the_channels_are(dims, last):
    assert channels_are_last(dims) is last
