"""Statistics that are still growing, image by image, during the pass over the calibration images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from detquant.calibration.statistics import BINS, Statistics
from detquant.numerics.arrays import Array, Floats, Ints


@dataclass(slots=True, kw_only=True)
class RunningStatistics:
    """The fields of `Statistics`, over the images seen so far; for the attributes see there."""

    extremes: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    channel_sums: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    channel_peaks: dict[str, Floats] = field(default_factory=dict)
    histograms: dict[str, Ints] = field(default_factory=dict)
    informativeness: list[float] = field(default_factory=list)
    images: int = 0
    histogram_images: int = 0

    @classmethod
    def after(cls, earlier: Statistics) -> RunningStatistics:
        """The state after the images of an earlier run that was stopped, to go on from there."""
        return cls(
            extremes={name: list(table) for name, table in earlier.extremes.items()},
            channel_sums=dict(earlier.channel_sums),
            channel_peaks=dict(earlier.channel_peaks),
            histograms=dict(earlier.histograms),
            informativeness=list(earlier.informativeness),
            images=earlier.images,
            histogram_images=earlier.histogram_images,
        )

    def statistics(self) -> Statistics:
        """The statistics over the images seen so far."""
        return Statistics(
            extremes={name: tuple(table) for name, table in self.extremes.items()},
            channel_sums=dict(self.channel_sums),
            channel_peaks=dict(self.channel_peaks),
            histograms=dict(self.histograms),
            informativeness=tuple(self.informativeness),
            images=self.images,
            histogram_images=self.histogram_images,
        )

    def add_channels(self, name: str, mean: npt.NDArray[np.float64], peak: Floats) -> None:
        """Adds one image: mean and largest value of each channel of a tensor, ``[channels]`` each."""
        self.channel_sums[name] = self.channel_sums.get(name, np.zeros_like(mean)) + mean
        self.channel_peaks[name] = np.maximum(self.channel_peaks.get(name, peak), peak)

    def add_codes(self, found: Mapping[str, Array]) -> None:
        """Adds one image of the pass over histograms: tensor -> its codes on `BINS` levels."""
        for name, one in found.items():
            counts = np.bincount(np.minimum(one.ravel(), BINS - 1), minlength=BINS)
            self.histograms[name] = self.histograms.get(name, np.zeros(BINS, np.int64)) + counts
        self.histogram_images += 1
