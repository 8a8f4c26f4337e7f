"""Several detectors timed side by side; the first one is what the others are compared with."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from detquant.pipeline.detector import Detector, load
from detquant.pipeline.opening import AUTO, Opening
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


def benchmark(
    paths: Sequence[str | os.PathLike[str]],
    *,
    family: str = "auto",
    imgsz: int | None = None,
    reads: str | None = None,
    target: str = AUTO,
    threads: int = 1,
    runs: int = 20,
) -> list[Timed]:
    """Times detectors, alternating between them in one process.

    Each is shown noise that went through its own preprocessing, so they may differ in family and size.

    Args:
        paths: paths of model files.
        family: family of all of them, or "auto".
        imgsz: side of the input in pixels, for models that leave it open.
        reads: how they are fed and read, see `load`.
        target: name of the target whose runtime they run in; "auto" for the one that each file was written for.
        threads: number of threads of the runtime.
        runs: timed runs of each.

    Returns:
        An entry for each path, in order.

    Raises:
        ModelError: a file cannot be read or is not a detector.
    """
    detectors = [load(path, family=family, imgsz=imgsz, reads=reads) for path in paths]
    calls, openings = {}, []
    for place, detector in enumerate(detectors):
        model = detector.family
        noise = np.random.default_rng(0).integers(0, 256, (model.height, model.width, 3), np.uint8)
        feed = {model.input_name: model.preprocess(noise)[0]}
        openings.append(detector.opening(threads, target))
        runner = openings[-1].runner
        calls[str(place)] = partial(runner.run, fitted(runner, feed))
    timed = list(time_alternately(calls, runs).values())
    return [
        Timed(detector=detector, latency=latency, ratio=ratio(latency, timed[0]), opening=opening)
        for detector, latency, opening in zip(detectors, timed, openings, strict=True)
    ]
