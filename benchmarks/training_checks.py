"""What must give the start back, with the sentence, and what must give the same bytes again; each in a process."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from training_rows import FINETUNE, SOLVING

from detquant.algorithms import checkpoint
from detquant.calibration import QuantModel
from detquant.data import Dataset, open_dataset
from detquant.data.objects import CalibrationObjects, Objects
from detquant.errors import CalibrationError
from detquant.graph.running import as_bytes
from detquant.pipeline.detector import load
from detquant.pipeline.evaluate import measurable
from detquant.pipeline.job import Job
from detquant.recipes import Recipe, Step, load_recipe
from detquant.targets import load_target

Verdict = tuple[bool, str]
DETECTOR, CLASSIFIER = ("yolov8-pico", "scenes"), ("resnet-pico", "crops")
IMAGES, SIDE = 32, 256
NOTHING = Objects.of([], [])
LONG, LEFT = 24, 5
"""Steps of the run that is broken off, and states that it has left by then."""


def noise() -> Verdict:
    """Images of noise."""
    with tempfile.TemporaryDirectory() as folder:
        random, paths = np.random.default_rng(0), []
        for k in range(IMAGES):
            paths.append(Path(folder, f"{k}.png"))
            cv2.imwrite(str(paths[-1]), random.integers(0, 256, (SIDE, SIDE, 3), np.uint8))
        return gives_back(DETECTOR, "w4a4", lambda data: replace(data, calibration=tuple(paths)), {"steps": 20})


def one_image() -> Verdict:
    """One image: what training starts from refuses it, so that there is nothing to give back."""
    try:
        return gives_back(DETECTOR, "w4a4", lambda data: replace(data, calibration=data.calibration[:1]), {"steps": 20})
    except CalibrationError as error:
        return True, str(error)


def wrong_labels() -> Verdict:
    """Labels that belong to other images."""

    def shuffled(data: Dataset) -> Dataset:
        paths = list(data.calibration_labels)
        order = np.random.default_rng(0).permutation(len(paths)).tolist()
        wrong = {path: data.calibration_labels[paths[k]] for path, k in zip(paths, order, strict=True)}
        return replace(data, calibration_labels=wrong)

    return gives_back(CLASSIFIER, "w4a4", shuffled, {"steps": 20, "labels": True})


def other_boxes() -> Verdict:
    """Boxes that belong to other images."""

    def shuffled(data: Dataset) -> Dataset:
        known, paths = data.calibration_objects, data.calibration[:IMAGES]
        assert known is not None, "scenes know theirs"
        others = dict(zip(paths, known.of([*paths[1:], paths[0]]), strict=True))
        told = CalibrationObjects(read=lambda asked: {path: others[path] or NOTHING for path in asked}, where="others")
        return replace(data, calibration=paths, calibration_objects=told)

    return gives_back(DETECTOR, "w4a4", shuffled, {"steps": 20, "labels": True})


def gives_back(
    what: tuple[str, str], recipe: str, change: Callable[[Dataset], Dataset], options: Mapping[str, Any]
) -> Verdict:
    """Whether training on changed data leaves what it was given, to the byte."""
    name, data = what
    detector = load(name)
    dataset = change(measurable(detector.family, open_dataset(data), None))
    job = Job(
        detector=detector,
        dataset=dataset,
        recipe=few_steps(load_recipe(recipe), options),
        target=load_target("ort"),
        calib=IMAGES,
    )
    with job.begun() as begun:
        solved = replace(begun, steps=begun.steps[:-1]).finished().model
        trained = replace(begun, model=solved, steps=begun.steps[-1:]).finished().model
    said = next(note.sentence for note in reversed(trained.notes) if note.step == FINETUNE)
    return content(trained) == content(solved), said


def few_steps(recipe: Recipe, options: Mapping[str, Any]) -> Recipe:
    """The recipe with its choices and `refit`, and training behind it."""
    kept = tuple(step for step in recipe.steps if step.name not in (*SOLVING, FINETUNE))
    return replace(recipe, steps=(*kept, Step("refit"), Step(FINETUNE, options)))


def content(qm: QuantModel) -> bytes:
    """All that a model computes with."""
    return as_bytes(qm.qdq())


def broken_off() -> Verdict:
    """A run that is killed in the middle, then begun again, beside one that was not."""
    with tempfile.TemporaryDirectory() as name:
        whole, broken = (Path(name, one) for one in ("whole", "broken"))
        run(partial(train, whole))
        seen = set[int]()

        def left() -> bool:
            seen.update(file.stat().st_mtime_ns for file in broken.rglob("*-finetune.npz"))
            return len(seen) >= LEFT

        killed = run(partial(train, broken), until=left)
        run(partial(train, broken))
        same = (whole / "model").read_bytes() == (broken / "model").read_bytes()
        when = "in the middle" if killed else "never: it was done too soon"
        return same and killed, f"Killed {when}; then {'the same' if same else 'other'} bytes."


def run(work: Callable[[], None], until: Callable[[], bool] | None = None) -> bool:
    """Runs work in a process; whether it was killed, which it is as soon as something is so."""
    process = multiprocessing.get_context("spawn").Process(target=work, daemon=False)
    process.start()
    while process.is_alive():
        if until and until():
            os.kill(process.pid or 0, signal.SIGKILL)
            process.join()
            return True
        time.sleep(0.01)
    return False


def train(place: Path) -> None:
    """Solves and trains the embedded classifier, leaving its state all the time; writes what comes out."""
    checkpoint.EVERY_S = 0.0
    detector = load(CLASSIFIER[0])
    job = Job(
        detector=detector,
        dataset=measurable(detector.family, open_dataset(CLASSIFIER[1]), None),
        recipe=few_steps(load_recipe("w4a4"), {"steps": LONG, "batch": 4}),
        target=load_target("ort"),
        calib=IMAGES,
        work=place,
    )
    model = job.run().model
    (place / "model").write_bytes(content(model))


CHECKS: Mapping[str, Callable[[], Verdict]] = {
    "images that say nothing": noise,
    "one image": one_image,
    "labels that are wrong": wrong_labels,
    "boxes of other images": other_boxes,
    "a kill in the middle": broken_off,
}
"""By name."""
