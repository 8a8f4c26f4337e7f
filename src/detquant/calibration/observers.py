"""Range estimators: from a tensor's statistics to ``(low, high)``.

minmax          smallest and largest value of all images
moving_average  exponential average of each image's extremes, momentum 0.9 (Jacob et al. 2018, section 3.1)
mean            mean of each image's extremes: one odd image does not set the range
percentile      the central 99.99 % of the values
mse             the range whose grid has the smallest squared error on the histogram (Choukroun et al. 2019)
tails           the same, where the error of what is clipped counts `CLIPPING` times
entropy         the range whose grid keeps the distribution, by Kullback-Leibler divergence (Migacz 2017)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from detquant.errors import RecipeError, unknown_name
from detquant.numerics import QuantSpec, dequantize, grid_from_range, quantize
from detquant.numerics.arrays import Floats, Ints

Range = tuple[float, float]

CLIPPING = 4.0
"""How many times the squared error of clipping counts beside that of rounding, for the observer "tails".

Rounding errors are as often positive as negative, and the layers behind average them out. What is clipped is made
smaller in the same channels wherever an image shows most, and that goes through to the scores. Of 1, 4, 16, 64 and 400,
4 and 16 left the least damage in the heads of five detectors, and 4 never much more than the best.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorView:
    """The statistics of a grid's tensors, as an observer reads them.

    Attributes:
        extremes: float ``[images, 2]``, smallest and largest value of the tensors in each image.
        histogram: int64 ``[bins]``, None unless the observer needs it.
        spec: the wish for the grid.
        function: what the tensor's only reader makes of it (SiLU): errors are then measured behind it.
        useful: the lower end that is worth representing for this function, from both ends of a range.
    """

    extremes: Floats
    histogram: Ints | None
    spec: QuantSpec
    function: Callable[[Floats], Floats] | None = None
    useful: Callable[[float, float], float] | None = None

    @property
    def bounds(self) -> Range:
        """Smallest and largest value."""
        return float(self.extremes[:, 0].min()), float(self.extremes[:, 1].max())

    @property
    def centres(self) -> Floats:
        """The value each histogram bin stands for."""
        assert self.histogram is not None
        return np.linspace(*self.bounds, len(self.histogram), dtype=np.float32)


def minmax(view: TensorView) -> Range:
    """Smallest and largest value."""
    return view.bounds


def moving_average(view: TensorView, momentum: float = 0.9) -> Range:
    """Exponential average of the extremes of one image after the other."""
    low, high = view.extremes[0]
    for lo, hi in view.extremes[1:]:
        low, high = momentum * low + (1 - momentum) * lo, momentum * high + (1 - momentum) * hi
    return float(low), float(high)


def mean(view: TensorView) -> Range:
    """Mean over the images of their smallest and largest values."""
    low, high = view.extremes.mean(axis=0, dtype=np.float64)
    return float(low), float(high)


def percentile(view: TensorView, percent: float = 99.99) -> Range:
    """The range that leaves ``(100 - percent) / 2`` of the values out on each side."""
    assert view.histogram is not None
    share = np.cumsum(view.histogram) / max(1, view.histogram.sum())
    out = (1.0 - percent / 100.0) / 2.0
    first = int(np.searchsorted(share, out, side="right"))
    last = int(np.searchsorted(share, 1.0 - out, side="left"))
    centres = view.centres
    return float(centres[min(first, last)]), float(centres[max(first, last)])


def _shrunk(view: TensorView, steps: int) -> list[Range]:
    """Candidate ranges: both ends drawn in together, the upper end alone (activations have long upper tails),
    and behind a function that flattens its left side each of these with the lower end where the flat part
    begins: where the function is small beside a step of its output if that is known, else at some places.
    """
    low, high = view.bounds
    ratios = np.linspace(1.0, 0.3, steps)
    both = [(low * r, high * r) for r in ratios] + [(low, high * r) for r in ratios[1:]]
    if view.function is None:
        return both
    if view.useful is not None:
        return [(view.useful(low, high * r), high * r) for r in ratios]
    flat = [(max(low, cut), high * r) for cut in (-3.0, -4.0, -5.0, -6.0) for r in ratios[: steps // 2]]
    return both + flat


def mse(view: TensorView, steps: int = 57, clipping: float = 1.0) -> Range:
    """The candidate range with the smallest squared rounding and clipping error.

    Args:
        view: with a histogram.
        steps: number of steps of the ladder of candidates.
        clipping: how many times the error of a value outside the range counts.
    """
    assert view.histogram is not None
    seen = view.histogram > 0
    centres, counts, function = view.centres[seen], view.histogram[seen].astype(np.float64), view.function or _same
    clean = function(centres)

    def error(bounds: Range) -> float:
        grid = grid_from_range(*bounds, view.spec)
        noise = np.square(function(dequantize(quantize(centres, grid), grid)) - clean, dtype=np.float64)
        outside = (centres < grid.low) | (centres > grid.high)
        return float(np.dot(counts, np.where(outside, clipping * noise, noise)))

    return min(_shrunk(view, steps), key=error)


def _same(values: Floats) -> Floats:
    return values


def entropy(view: TensorView, steps: int = 29) -> Range:
    """The candidate range with the smallest Kullback-Leibler divergence between the values, where those
    outside the range count at its ends, and the codes of those inside, spread back over the bins.
    """
    assert view.histogram is not None
    seen = view.histogram > 0
    centres, counts = view.centres[seen], view.histogram[seen].astype(np.float64)

    def divergence(bounds: Range) -> float:
        grid = grid_from_range(*bounds, view.spec)
        half_step = 0.5 * float(grid.scale)
        below, above = centres < float(grid.low) - half_step, centres > float(grid.high) + half_step
        inside = ~(below | above)
        if not inside.any():
            return float("inf")
        p = counts[inside]
        codes = quantize(centres[inside], grid) - view.spec.qtype.qmin
        q = (np.bincount(codes, weights=p) / np.maximum(np.bincount(codes), 1))[codes]
        q /= q.sum()
        p[0] += counts[below].sum()
        p[-1] += counts[above].sum()
        p /= p.sum()
        return float(np.sum(p * np.log(p / q)))

    return min(_shrunk(view, steps), key=divergence)


def standard_error(extremes: Floats) -> float:
    """Standard error of the mean extremes, that of the worse end, as a share of the mean range.

    Args:
        extremes: float ``[images, 2]``.
    """
    width = float(np.ptp(extremes.mean(axis=0, dtype=np.float64)))
    deviation = float(extremes.std(axis=0, ddof=1, dtype=np.float64).max())
    return deviation / float(np.sqrt(len(extremes))) / max(width, 1e-12)


def growth(extremes: Floats) -> float:
    """How much the second half of the images has widened the range, as a share of the whole range.

    Args:
        extremes: float ``[images, 2]``.
    """

    def width(part: Floats) -> float:
        return float(part[:, 1].max() - part[:, 0].min())

    return 1.0 - width(extremes[: len(extremes) // 2]) / max(width(extremes), 1e-12)


@dataclass(frozen=True, slots=True)
class Observer:
    """A row of `OBSERVERS`.

    Attributes:
        range: estimates the range from the statistics.
        needs_histogram: whether the estimate reads the histogram.
        uncertainty: tells from the extremes of at least two images, ``[images, 2]``, how far the estimate may be off,
            as a share of the range; None where that is not known before all images are seen.
    """

    range: Callable[[TensorView], Range]
    needs_histogram: bool
    uncertainty: Callable[[Floats], float] | None = None


OBSERVERS = {
    "minmax": Observer(minmax, False, growth),
    "moving_average": Observer(moving_average, False),
    "mean": Observer(mean, False, standard_error),
    "percentile": Observer(percentile, True),
    "mse": Observer(mse, True),
    "tails": Observer(partial(mse, steps=29, clipping=CLIPPING), True, standard_error),
    "entropy": Observer(entropy, True),
}


def observer(name: str) -> Observer:
    """The observer with this name.

    Raises:
        RecipeError: there is none.
    """
    if name not in OBSERVERS:
        raise RecipeError(unknown_name("observer", name, OBSERVERS))
    return OBSERVERS[name]
