"""Streaming calibration: images go by once (twice where histograms are wanted), statistics stay.

An interrupted run leaves its statistics so far beside the result and goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx_ir as ir

from detquant.calibration.observers import observer
from detquant.calibration.probes import with_codes, with_extremes
from detquant.calibration.statistics import BINS, Statistics
from detquant.errors import CalibrationError
from detquant.graph.running import Runner
from detquant.numerics.grid import Array
from detquant.recipes import Plan

Feed = Mapping[str, Array]
Feeds = Callable[[Sequence[int]], Iterator[Feed]]
Progress = Callable[[str, int, int], None]
SAVE_EVERY = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """A pass over images for one plan.

    Attributes:
        model: prepared float graph.
        plan: says which tensors matter and which observers they have.
        by_channel: tensors whose channels' means and peaks are wanted too.
        histogram_images: how many images, evenly spread, the pass over histograms takes at most.
        threads: of the runtime.
        store: file for statistics, or None.
        progress: called with (what, done, total).
    """

    model: ir.Model
    plan: Plan
    by_channel: Sequence[str] = ()
    histogram_images: int = 32
    threads: int = 1
    store: Path | None = None
    progress: Progress | None = None

    def collect(self, feeds: Feeds, count: int) -> Statistics:
        """Statistics over ``count`` images.

        Args:
            feeds: called with the positions of images, gives their feeds one by one.
            count: how many there are in all.

        Raises:
            CalibrationError: no images, or an activation is not finite.
        """
        if count == 0:
            raise CalibrationError("Calibration has no images: the data set's calibration split is empty.")
        state = (Statistics.load(self.store) if self.store else None) or Statistics.empty()
        try:
            self._extremes(state, feeds, count)
            self._histograms(state, feeds, count)
        finally:
            if self.store and state.images:
                state.save(self.store)
        return state

    def tensors(self) -> list[str]:
        """The tensors whose extremes are needed."""
        owned = self.plan.owned
        return [name for root in owned for name in self.plan.sources[root]]

    def _extremes(self, state: Statistics, feeds: Feeds, count: int) -> None:
        if state.images >= count:
            return
        names, inputs = self.tensors(), {v.name for v in self.model.graph.inputs}
        inside = [n for n in names if n not in inputs]
        runner = Runner(with_extremes(self.model, inside, self.by_channel), self.threads)
        for feed in feeds(range(state.images, count)):
            out = runner.run(feed)
            out |= {f"{n}:{k}": f(feed[n]) for n in names if n in inputs for k, f in (("min", np.min), ("max", np.max))}
            for name in names:
                low, high = float(out[f"{name}:min"]), float(out[f"{name}:max"])
                if not (np.isfinite(low) and np.isfinite(high)):
                    raise CalibrationError(
                        f"Activation '{name}' is not finite on calibration image {state.images + 1}: the float model itself "
                        f"overflows there; check preprocessing and weights."
                    )
                state.extremes.setdefault(name, []).append((low, high))
            for name in self.by_channel:
                mean, peak = np.asarray(out[f"{name}:mean"], np.float64), np.asarray(out[f"{name}:peak"])
                state.channel_sums[name] = state.channel_sums.get(name, np.zeros_like(mean)) + mean
                state.channel_peaks[name] = np.maximum(state.channel_peaks.get(name, peak), peak)
            state.images += 1
            self._tick("calibrating", state, state.images, count)

    def _histograms(self, state: Statistics, feeds: Feeds, count: int) -> None:
        wanted = [r for r, spec in self.plan.owned.items() if observer(spec.observer).needs_histogram]
        every = -(-count // self.histogram_images)
        chosen = range(0, count, every)
        if not wanted or state.histogram_images >= len(chosen):
            return
        inputs = {v.name for v in self.model.graph.inputs}
        bounds = {n: group_bounds(state, self.plan.sources[r]) for r in wanted for n in self.plan.sources[r] if n not in inputs}
        if not bounds:
            return
        runner = Runner(with_codes(self.model, bounds), self.threads)
        for feed in feeds(chosen[state.histogram_images :]):
            out = runner.run(feed)
            for name in bounds:
                codes = np.minimum(out[f"{name}:codes"].ravel(), BINS - 1)
                counts = np.bincount(codes, minlength=BINS)
                state.histograms[name] = state.histograms.get(name, np.zeros(BINS, np.int64)) + counts
            state.histogram_images += 1
            self._tick("histograms", state, state.histogram_images, len(chosen))

    def _tick(self, what: str, state: Statistics, done: int, count: int) -> None:
        if self.progress:
            self.progress(what, done, count)
        if self.store and done % SAVE_EVERY == 0:
            state.save(self.store)


def group_bounds(state: Statistics, sources: Sequence[str]) -> tuple[float, float]:
    """The range that tensors on one grid have together."""
    bounds = [state.bounds(name) for name in sources]
    return min(b[0] for b in bounds), max(b[1] for b in bounds)
