"""Sums in single precision beside NumPy's covariance in double."""

from __future__ import annotations

import numpy as np
import pytest

from detquant.algorithms.layerwise import least_squares as module
from detquant.algorithms.layerwise.least_squares import Halves


def taken(x, y, weights, centred):
    """Moments of images ``[N, G, K, P]`` and ``[N, G, O, P]``."""
    halves = Halves(x[0], y[0], centred=centred)
    for place, image in enumerate(x):
        halves.add(place, image, y[place], weights)
    return halves.whole()


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("mean", [0, 3, 1000])
def test_covariances_do_not_suffer_from_a_large_mean(mean, centred):
    rng = np.random.default_rng(1)
    x = (rng.normal(size=(6, 2, 5, 400)) * 0.1 + mean).astype(np.float32)
    y = (rng.normal(size=(6, 2, 3, 400)) + mean).astype(np.float32)
    weights = rng.uniform(1, 4, 400).astype(np.float32)
    found = taken(x, y, weights, centred)
    for group in range(2):
        a = np.moveaxis(x[:, group], 1, 0).reshape(5, -1).astype(np.float64)
        b = np.moveaxis(y[:, group], 1, 0).reshape(3, -1).astype(np.float64)
        w = np.tile(weights, 6).astype(np.float64)
        ma, mb = (np.average(v, axis=1, weights=w)[:, None] * centred for v in (a, b))
        xx, yx = (((v - m) * w) @ (a - ma).T / w.sum() for v, m in ((a, ma), (b, mb)))
        tolerance = 1e-5 if centred else 1e-5 * max(mean, 1) ** 2
        np.testing.assert_allclose(found.xx[group], xx, atol=tolerance)
        np.testing.assert_allclose(found.yx[group], yx, atol=10 * tolerance)
        np.testing.assert_allclose(found.x[group], np.average(a, axis=1, weights=w), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("best", range(7))
def test_the_lowest_place_is_found_with_few_looks(best):
    places, seen = list(range(7)), []
    found = module._lowest(lambda place: (seen.append(place), abs(place - best))[1], places, 3)
    assert found == best and len(seen) == len(set(seen)) <= abs(best - 3) + 3
