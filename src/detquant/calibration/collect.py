"""Streaming calibration: images go by once (twice where histograms are wanted), statistics stay.

An interrupted run leaves its statistics so far beside the result and goes on from there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx_ir as ir

from detquant.calibration.convergence import converged
from detquant.calibration.informativeness import most_informative
from detquant.calibration.observers import observer
from detquant.calibration.probes import with_codes, with_extremes
from detquant.calibration.running_statistics import RunningStatistics
from detquant.calibration.statistics import Statistics
from detquant.errors import CalibrationError
from detquant.graph.running import OrtRunner
from detquant.numerics.arrays import Array
from detquant.progress import Progress
from detquant.recipes import Plan
from detquant.spread import spread_over

Feed = Mapping[str, Array]
Feeds = Callable[[Sequence[int]], Iterator[Feed]]
Informativeness = Callable[[Feed], float]
SAVE_EVERY = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """A pass over images for one plan.

    Attributes:
        model: prepared float graph.
        plan: says which tensors matter and which observers they have.
        by_channel: tensors whose channels' means and peaks are wanted too.
        range_tolerance: share of their width to which ranges must be known for calibration to end before it has seen
            all images; 0 to look at all of them.
        histogram_images: how many images the pass over histograms takes at most: the most informative ones where
            `informativeness` is given, else evenly spread.
        informativeness: how much an image shows, from the model's outputs by name; None where the heads are not known.
        threads: images that run at a time.
        executor: executor that runs the images, or None for threads of its own.
        store: file for statistics, or None.
        progress: called with (what, done, total).
    """

    model: ir.Model
    plan: Plan
    by_channel: Sequence[str] = ()
    range_tolerance: float = 0.0
    histogram_images: int = 16
    informativeness: Informativeness | None = None
    threads: int = 1
    executor: Executor | None = None
    store: Path | None = None
    progress: Progress | None = None

    def collect(self, feeds: Feeds, count: int) -> Statistics:
        """Statistics over ``count`` images, or fewer where the ranges have converged.

        Args:
            feeds: called with the positions of images, gives their feeds one by one.
            count: how many there are in all.

        Raises:
            CalibrationError: no images, or an activation is not finite.
        """
        if count == 0:
            raise CalibrationError("Calibration has no images: the data set's calibration split is empty.")
        stored = self._stored()
        state = RunningStatistics.after(stored) if stored else RunningStatistics()
        try:
            self._extremes(state, feeds, count)
            self._histograms(state, feeds)
        finally:
            if self.store and state.images:
                state.statistics().save(self.store)
        return state.statistics()

    def _stored(self) -> Statistics | None:
        """The statistics that an earlier run has left; None where there are none, or of other tensors."""
        found = Statistics.load(self.store) if self.store else None
        if found is None or set(self.tensors()) != set(found.extremes):
            return None
        if self.informativeness is not None and len(found.informativeness) != found.images:
            return None
        return found if set(self.by_channel) == set(found.channel_sums) else None

    def tensors(self) -> list[str]:
        """The tensors whose extremes are needed."""
        owned = self.plan.owned
        return [name for root in owned for name in self.plan.sources[root]]

    def _extremes(self, state: RunningStatistics, feeds: Feeds, count: int) -> None:
        if state.images >= count or converged(self.plan, state.statistics(), self.range_tolerance):
            return
        names, inputs = self.tensors(), {v.name or "" for v in self.model.graph.inputs}
        inside = [n for n in names if n not in inputs]
        averages = () if self.by_channel else inside
        probe = with_extremes(
            self.model, inside, self.by_channel, averages=averages, heads=self.informativeness is not None
        )
        heads = {value.name or "" for value in self.model.graph.outputs} if self.informativeness else set[str]()
        images = feeds(range(state.images, count))
        # Where all grids are known beforehand, there is nothing to look at, and the runtime refuses such a graph.
        looked = in_parallel(OrtRunner(probe), images, self.threads, self.executor) if probe.graph.outputs else None
        for feed, found in looked or ((feed, {}) for feed in images):
            out = {key: value for key, value in found.items() if key not in heads}
            for name in inputs.intersection(names):
                image = np.asarray(feed[name], np.float32)
                out |= {
                    f"{name}:min": image.min(),
                    f"{name}:max": image.max(),
                    f"{name}:average": image.mean(),
                }
            _require_finite(out, state.images + 1)
            shown = [self.informativeness({name: found[name] for name in heads})] if self.informativeness else []
            # From here on nothing fails: statistics never hold a part of an image.
            for name in names:
                low_high = float(out[f"{name}:min"]), float(out[f"{name}:max"])
                state.extremes.setdefault(name, []).append(low_high)
            for name in self.by_channel:
                state.add_channels(
                    name, np.asarray(out[f"{name}:mean"], np.float64), np.asarray(out[f"{name}:peak"], np.float32)
                )
            state.informativeness += shown
            state.images += 1
            done = converged(self.plan, state.statistics(), self.range_tolerance)
            self._tick("calibrating", state, state.images, state.images if done else count)
            if done:
                break

    def _histograms(self, state: RunningStatistics, feeds: Feeds) -> None:
        wanted = [r for r, spec in self.plan.owned.items() if observer(spec.observer).needs_histogram]
        chosen = self._chosen(state)
        if not wanted or state.histogram_images >= len(chosen):
            return
        inputs = {v.name for v in self.model.graph.inputs}
        sources = [n for root in wanted for n in self.plan.sources[root] if n not in inputs]
        seen = state.statistics()
        bounds = {name: seen.bounds(name) for name in sources}
        if not bounds:
            return
        probe = OrtRunner(with_codes(self.model, bounds))
        for _, out in in_parallel(probe, feeds(chosen[state.histogram_images :]), self.threads, self.executor):
            state.add_codes({name: out[f"{name}:codes"] for name in bounds})
            self._tick("histograms", state, state.histogram_images, len(chosen))

    def _chosen(self, state: RunningStatistics) -> Sequence[int]:
        """The images of the pass over histograms."""
        if state.informativeness:
            return most_informative(state.informativeness, self.histogram_images)
        return range(0, state.images, -(-state.images // self.histogram_images))

    def _tick(self, what: str, state: RunningStatistics, done: int, count: int) -> None:
        if self.progress:
            self.progress(what, done, count)
        if self.store and done % SAVE_EVERY == 0:
            state.statistics().save(self.store)


def in_parallel(
    runner: OrtRunner, feeds: Iterable[Feed], workers: int, executor: Executor | None = None
) -> Iterator[tuple[Feed, Feed]]:
    """Yields each feed with its outputs, in order; ``workers`` images run at a time, each on one thread.

    Whole images beside each other use the processor better than the threads of one operator, and single-threaded
    kernels give the same numbers on every run. When the feeds break off, what is under way is still given out; when
    nobody asks for more, what has not begun is dropped.
    """
    waiting: deque[tuple[Feed, Future[dict[str, Array]]]] = deque()
    with spread_over(executor, workers) as pool:
        source, broken = iter(feeds), None
        try:
            while broken is None:
                try:
                    feed = next(source)
                except (Exception, KeyboardInterrupt) as error:
                    broken = error
                    continue
                waiting.append((feed, pool.submit(runner.run, feed)))
                if len(waiting) > workers:
                    done, future = waiting.popleft()
                    yield done, future.result()
            while waiting:
                done, future = waiting.popleft()
                yield done, future.result()
        finally:
            for _, future in waiting:
                future.cancel()
        if not isinstance(broken, StopIteration):
            raise broken


def _require_finite(out: Feed, image: int) -> None:
    for key, value in out.items():
        if not np.isfinite(value).all():
            raise CalibrationError(
                f"Activation '{key.rpartition(':')[0]}' is not finite on calibration image {image}: the float "
                f"model itself overflows there; check preprocessing and weights."
            )
