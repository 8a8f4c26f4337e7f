from __future__ import annotations

import numpy as np
import pytest

from detquant.calibration import TensorView, observer
from detquant.calibration.preactivation import silu
from detquant.errors import RecipeError
from detquant.numerics import INT8, UINT8, QType, QuantSpec, fake_quantize, grid_from_range

SPEC = QuantSpec(qtype=UINT8, symmetric=False)
BINS = 2048


def view(low, high, weights=None, spec=SPEC, function=None):
    """A tensor of one image; ``weights`` gives the histogram from the bins' centres."""
    centres = np.linspace(low, high, BINS)
    histogram = None if weights is None else np.asarray(weights(centres), np.int64)
    extremes = np.array([[low, high]], np.float32)
    return TensorView(extremes=extremes, histogram=histogram, spec=spec, function=function)


def bell(sigma):
    return lambda x: 1e6 * np.exp(-0.5 * np.square(x / sigma))


EXTREMES = TensorView(extremes=np.array([[-1, 1], [-3, 5]], np.float32), histogram=None, spec=SPEC)


@pytest.mark.parametrize(
    ("name", "expected"), [("minmax", (-3, 5)), ("mean", (-2, 3)), ("moving_average", (-1.2, 1.4))]
)
def test_observers_of_extremes(name, expected):
    assert not observer(name).needs_histogram
    assert observer(name).range(EXTREMES) == pytest.approx(expected)


def test_a_mean_is_known_to_its_standard_error():
    # highs 1 and 5 (deviation 2.83), lows -1 and -3: over the mean range of 5 and the root of two images
    assert observer("mean").uncertainty(EXTREMES.extremes) == pytest.approx(np.sqrt(8) / np.sqrt(2) / 5)
    many = np.random.default_rng(0).normal([-1, 9], [0.5, 2], (400, 2)).astype(np.float32)
    assert observer("mean").uncertainty(many) == pytest.approx(2 / 20 / 10, rel=0.1)


def test_extremes_are_known_when_further_images_add_nothing():
    assert observer("minmax").uncertainty(EXTREMES.extremes) == pytest.approx(1 - 2 / 8)
    assert observer("minmax").uncertainty(EXTREMES.extremes[::-1]) == 0


@pytest.mark.parametrize("name", ["percentile", "mse", "tails", "entropy"])
def test_the_others_need_a_histogram(name):
    assert observer(name).needs_histogram


def test_percentile_leaves_out_the_tails():
    def weights(x):
        inside = np.where(np.abs(x) <= 1.0, 1000, 0)
        inside[[0, -1]] = 2  # two of a million at each end
        return inside

    low, high = observer("percentile").range(view(-10.0, 10.0, weights))
    assert low == pytest.approx(-1.0, abs=0.02) and high == pytest.approx(1.0, abs=0.02)


def test_percentile_of_an_even_spread_is_nearly_all():
    low, high = observer("percentile").range(view(0.0, 1.0, lambda x: np.full(BINS, 1000)))
    assert (low, high) == pytest.approx((0.0, 1.0), abs=0.001)


@pytest.mark.parametrize("name", ["mse", "tails", "entropy"])
@pytest.mark.parametrize("spec", [SPEC, QuantSpec(qtype=INT8)])
def test_a_far_outlier_is_clipped(name, spec):
    def weights(x):
        counts = bell(1.0)(x)
        counts[-1] = 1
        return counts

    low, high = observer(name).range(view(-4.0, 60.0, weights, spec))
    assert 3.0 < high < 40.0 and low >= -4.0


@pytest.mark.parametrize("name", ["mse", "entropy"])
def test_an_even_spread_keeps_its_range(name):
    low, high = observer(name).range(view(-1.0, 1.0, lambda x: np.full(BINS, 1000)))
    assert low <= -0.96 and high >= 0.96


@pytest.mark.parametrize("name", ["mse", "entropy"])
@pytest.mark.parametrize(("low", "high"), [(5.0, 10.0), (-10.0, -5.0), (2.0, 2.0), (0.0, 0.0)])
def test_a_tensor_away_from_zero_is_covered(name, low, high):
    """Candidate ranges are drawn in towards zero, so some of them hold no value at all."""
    found = observer(name).range(view(low, high, lambda x: np.full(BINS, 10)))
    grid = grid_from_range(*found, SPEC)
    for end in (low, high):
        assert fake_quantize(np.array([end], np.float32), grid)[0] == pytest.approx(end, abs=0.5)


def test_mse_is_the_least_of_its_candidates():
    tensor = view(-8.0, 8.0, bell(1.0), QuantSpec(qtype=QType(4)))

    def error(bounds):
        grid = grid_from_range(*bounds, tensor.spec)
        noise = fake_quantize(tensor.centres, grid) - tensor.centres
        return float(np.dot(tensor.histogram, np.square(noise)))

    best = observer("mse").range(tensor)
    assert best[1] < 4.0  # four bits: about 2.5 sigma, by theory
    assert all(error(best) <= error((-r, r)) for r in (8.0, 7.0, 5.5, 4.5, 3.5))


def test_mse_looks_behind_the_function():
    """Behind SiLU the left side is nearly nothing, so its codes are better spent on the right."""
    tensor = view(-20.0, 4.0, bell(3.0), function=silu)

    def error(bounds):
        noise = silu(fake_quantize(tensor.centres, grid_from_range(*bounds, SPEC))) - silu(tensor.centres)
        return float(np.dot(tensor.histogram, np.square(noise)))

    plain, behind = (observer("mse").range(view(-20.0, 4.0, bell(3.0), function=f)) for f in (None, silu))
    assert plain[0] < -9.0 < -6.0 <= behind[0]
    assert error(behind) < 0.8 * error(plain)


def test_entropy_counts_what_is_clipped_at_the_end_it_fell_off():
    """Much mass on the far left: clipping it is dear, whatever stands at the right end."""

    def weights(x):
        return np.where(x < -9.0, 5000, 0) + np.where(x > 9.9, 5000, 0) + np.where(np.abs(x) < 1, 5000, 0)

    low, high = observer("entropy").range(view(-10.0, 10.0, weights))
    assert low < -9.0 and high > 9.0


def test_an_unknown_observer_names_the_nearest():
    with pytest.raises(RecipeError, match="Unknown observer 'minmx': did you mean 'minmax'"):
        observer("minmx")


def test_clipping_is_dearer_in_the_tails():
    cut = view(-4.0, 60.0, lambda x: 1e9 * np.exp(-np.abs(x) / 2))  # the rarer, the farther out
    assert 10.0 < observer("mse").range(cut)[1] < 0.95 * observer("tails").range(cut)[1] < 50.0
    assert observer("tails").uncertainty(EXTREMES.extremes) == observer("mean").uncertainty(EXTREMES.extremes)
