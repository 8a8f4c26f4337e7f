from __future__ import annotations

import numpy as np
import pytest

from detquant.numerics import ratio_db, sqnr_db


def test_a_tenth_of_the_amplitude_is_20_db():
    signal = np.array([1.0, -1.0, 2.0], np.float32)
    assert sqnr_db(signal, signal * 1.1) == pytest.approx(20.0, abs=1e-4)


@pytest.mark.parametrize(
    ("signal", "noise", "expected"),
    [
        (1.0, 0.0, 120.0),
        (0.0, 1.0, -120.0),
        (0.0, 0.0, 120.0),
        (1.0, 100.0, -20.0),
        (1e300, 1e-300, 120.0),
        (1.0, float("inf"), -120.0),
        (1e-300, 1e300, -120.0),
    ],
)
def test_the_figure_stays_finite(signal, noise, expected):
    assert ratio_db(signal, noise) == pytest.approx(expected)
