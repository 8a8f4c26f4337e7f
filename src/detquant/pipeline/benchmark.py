"""Several detectors timed side by side; the first one is what the others are compared with."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from detquant.errors import ModelError
from detquant.pipeline.detector import Detector, as_detector
from detquant.pipeline.keywords import Keywords
from detquant.pipeline.opening import Opening
from detquant.pipeline.options import BenchmarkOptions
from detquant.targets import fitted
from detquant.targets.latency import Latency, ratio, time_alternately


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """One of the detectors that were timed side by side.

    Attributes:
        detector: what was timed.
        latency: latency of one run in the runtime, without preprocessing and decoding.
        ratio: median latency over that of the first detector; 0.5 is twice as fast.
        opening: where it ran.
    """

    detector: Detector
    latency: Latency
    ratio: float
    opening: Opening


@Keywords(BenchmarkOptions)
def benchmark(
    models: str | os.PathLike[str] | Detector | Sequence[str | os.PathLike[str] | Detector], options: BenchmarkOptions
) -> list[Timed]:
    """Times detectors, alternating between them in one process.

    Each is shown noise that went through its own preprocessing, so they may differ in family and size.

    Args:
        models: detectors, or paths of their files; or one of these.
        options: see `BenchmarkOptions`.

    Returns:
        An entry for each model, in order.

    Raises:
        ModelError: a file cannot be read or is not a detector, or no model was given.
        OptionError: a number is out of its bounds.

    Examples:
        >>> import detquant
        >>> detector = detquant.load("yolov8-pico")
        >>> first, second = detquant.benchmark(["yolov8-pico", detector], runs=3)
        >>> first.ratio, second.latency.median_ms > 0
        (1.0, True)
    """
    several = [models] if isinstance(models, (str, os.PathLike, Detector)) else models
    if not several:
        raise ModelError("No model was given: name at least one, the first of them the reference.")
    detectors = [as_detector(model, options) for model in several]
    calls, openings = {}, []
    for place, detector in enumerate(detectors):
        model = detector.family
        noise = np.random.default_rng(0).integers(0, 256, (model.height, model.width, 3), np.uint8)
        feed = model.feeds(model.preprocess(noise)[0])
        openings.append(detector.opening(options.threads, options.target))
        runner = openings[-1].runner
        calls[str(place)] = partial(runner.run, fitted(runner, feed))
    timed = list(time_alternately(calls, options.runs).values())
    return [
        Timed(detector=detector, latency=latency, ratio=ratio(latency, timed[0]), opening=opening)
        for detector, latency, opening in zip(detectors, timed, openings, strict=True)
    ]
