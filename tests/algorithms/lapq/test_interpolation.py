from __future__ import annotations

import pytest

from detquant.algorithms.lapq.interpolation import lowest_point

POWERS = (1.5, 2.0, 2.5, 3.0, 4.0)


def test_a_parabola_is_found_again():
    assert lowest_point({p: 3 * (p - 2.3) ** 2 + 1 for p in POWERS}) == pytest.approx(2.3)


@pytest.mark.parametrize(
    "losses",
    [
        {p: -((p - 2.3) ** 2) for p in POWERS},
        {p: (p - 7.0) ** 2 for p in POWERS},
        {p: p for p in POWERS},
        {2.0: 1.0, 3.0: 0.5},
        {},
    ],
)
def test_without_a_lowest_point_between_them_there_is_none(losses):
    assert lowest_point(losses) is None
