"""Why detquant exists, in one run: the embedded detector in float, quantised naively, and quantised by detquant."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from detquant._version import __version__
from detquant.data import Dataset, open_scenes, read_image
from detquant.embedded import embedded_model
from detquant.evaluation.agreement import Agreement
from detquant.evaluation.most_degraded_image import known_objects, most_degraded_image, score
from detquant.evaluation.scorers import figures
from detquant.graph import OrtRunner
from detquant.pipeline.contenders import FLOAT, NAIVE, Contender, Contest
from detquant.pipeline.detector import Detector, load
from detquant.pipeline.evaluate import Measured, Side, measurable, run_over
from detquant.pipeline.evidence import SLOWER
from detquant.pipeline.job import Progress
from detquant.pipeline.outputs import PICTURE, REPORT, REPORT_TEXT, recipes_of_demo
from detquant.report import sheets
from detquant.report.files import staged, to_json
from detquant.report.markdown import demo_to_markdown
from detquant.report.pictures import encode
from detquant.report.side_by_side import Panel, side_by_side

MODEL = "yolov8-pico"
CALIBRATION = 500
"""Scenes among which the seed chooses, as it does for `detquant quantize --data scenes`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What the demo made.

    Attributes:
        files: contents by path within the run's folder: the models, and the picture.
        report: figures as plain values.
    """

    files: Mapping[str, bytes]
    report: dict[str, Any]

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Writes the files, ``report.json`` and ``report.md``: all of them or none.

        Raises:
            OutputError: the folder cannot be written, or something that detquant did not write is in the way.
        """
        with staged(folder) as put:
            for name, content in self.files.items():
                put(name, content)
            put(REPORT, to_json(self.report))
            put(REPORT_TEXT, demo_to_markdown(self.report))


def demo(
    *,
    images: int = 300,
    calib: int = 128,
    threads: int = 1,
    seed: int = 0,
    work: Path | None = None,
    progress: Progress | None = None,
) -> Demo:
    """Quantises the embedded detector naively and by detquant, and measures all of them on the embedded scenes.

    Args:
        images: validation scenes.
        calib: calibration images.
        threads: of the runtime in the measurement.
        seed: chooses the calibration images.
        work: folder in which statistics and measured decisions are kept: a recipe may leave in float what the clock
            says is faster so, and another run in the folder gives the same files; an interrupted one goes on.
        progress: called with (what, done, total).

    Raises:
        DatasetError: no image was asked for.
        OutputError: the folder cannot be written.
    """
    model = embedded_model(MODEL)
    detector = load(model)
    dataset = open_scenes(seed, calibration=max(calib, CALIBRATION), validation=images)
    measurable(detector.family, dataset)
    contest = Contest(model=model, detector=detector, dataset=dataset, calib=calib, work=work, progress=progress)
    recipes = recipes_of_demo()  # the first of them is in the picture
    entries = [contest.as_it_is(), contest.naively(), *map(contest.by_recipe, recipes)]
    able = [one for one in entries if not one.failure]
    runners = {one.name: OrtRunner(one.content, threads) for one in able}
    measured = run_over(detector.family, runners, dataset, progress=progress)
    shown = [one for one in able if one.name in (FLOAT, NAIVE, recipes[0])]
    picture, scene = compare(detector, dataset, shown, measured)
    report = {
        "model": MODEL,
        "model_sha256": detector.imported.sha256,
        "data": dataset.name,
        "images": measured.images,
        "calibration_images": calib,
        "seed": seed,
        "threads": threads,
        "rows": [_row(one, measured) for one in entries],
        "picture": {"file": PICTURE, **scene},
        "notes": [remark for one in entries for remark in one.remarks],
        "warnings": _slower(recipes, measured, threads),
        "detquant_version": __version__,
        "onnxruntime_version": onnxruntime.__version__,
    }
    return Demo(files={**{one.file: one.content for one in able}, PICTURE: encode(picture, PICTURE)}, report=report)


def compare(
    detector: Detector, dataset: Dataset, shown: Sequence[Contender], measured: Measured
) -> tuple[npt.NDArray[np.uint8], dict[str, Any]]:
    """The picture: the scene that shows best what is lost, as each of the models sees it.

    Args:
        detector: knows the classes.
        dataset: with known objects, of which every image was measured.
        shown: the models from left to right: float, then the one to compare it with.
        measured: what they found.

    Returns:
        uint8 [height, width, 3], BGR, and its figures: "image", "objects", and "found" and "wrong" by model.
    """
    truth, sides = known_objects(dataset.ground_truth or {}), measured.sides
    place = most_degraded_image(truth, *(sides[one.name].confident for one in shown[:2]))
    found = {one.name: score(truth[place], sides[one.name].confident[place]) for one in shown}
    panels = [
        Panel(
            title=one.title,
            caption=f"AP {_ap(sides[one.name]):.1f}; here {_tally(found[one.name])}",
            detections=sides[one.name].confident[place],
        )
        for one in shown
    ]
    figures = {
        "image": dataset.validation[place].as_posix(),
        "objects": len(truth[place]),
        "found": {name: one.matches for name, one in found.items()},
        "wrong": {name: one.candidate_boxes - one.matches for name, one in found.items()},
    }
    return side_by_side(read_image(dataset.validation[place]), panels, detector.family.classes), figures


def _tally(one: Agreement) -> str:
    return f"{one.matches} of {one.reference_boxes} objects, {one.candidate_boxes - one.matches} wrong"


def _ap(side: Side) -> float:
    return side.accuracy.figures()["ap"] if side.accuracy else 0.0


def _row(one: Contender, measured: Measured) -> dict[str, Any]:
    """Its figures; those of a model that could not be made are None."""
    side, reference = measured.sides.get(one.name), measured.sides[FLOAT]
    accuracy = side.accuracy if side else None
    return {
        "name": one.name,
        "title": one.title,
        "file": None if one.failure else one.file,
        "failure": one.failure or None,
        **figures("detect", accuracy),
        "latency_ms": side.inference_ms if side else None,
        "ratio": side.inference_ms / reference.inference_ms if side else None,
        "size_bytes": None if one.failure else len(one.content),
        "sha256": None if one.failure else hashlib.sha256(one.content).hexdigest(),
    }


def _slower(recipes: Sequence[str], measured: Measured, threads: int) -> list[str]:
    """What is said of each quantised model that takes longer than the float model."""
    reference = measured.sides[FLOAT].inference_ms
    ratios = {name: measured.sides[name].inference_ms / reference for name in recipes}
    said = {name: SLOWER.format(ratio=ratio, threads=sheets.threads(threads)) for name, ratio in ratios.items()}
    return [f"{name}: {said[name]}" for name in recipes if ratios[name] > 1.0]
