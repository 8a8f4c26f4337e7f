"""One row of `training.py` with one seed: solved, trained, and measured beside float; for a process of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from lowbit_measure import Setting as Eight
from lowbit_measure import folder_of, latency_to, net_of, read_files
from lowbit_rows import DROP, FILE, LATENCY
from training_rows import FINETUNE, WON, Case

from detquant.data import Dataset
from detquant.pipeline.calibration_images import require_calibration
from detquant.pipeline.compare import compare
from detquant.pipeline.detector import load
from detquant.pipeline.engines.own import product_of
from detquant.pipeline.entries import Entry, entry_of, own_file
from detquant.pipeline.evaluate import measurable
from detquant.pipeline.job import Job, Made
from detquant.recipes import load_recipe
from detquant.targets import load_target
from detquant.targets.latency import stopwatch

SOLVED, TRAINED = "solved", "trained"
THREADS = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all rows share.

    Attributes:
        minutes: how long each is trained.
        steps: how many steps each is trained, in place of minutes; None for as many as these give.
        calib: number of calibration images.
        limit: number of validation images, or None for all.
        work: folder of the 8-bit files that rows are compared with.
    """

    minutes: float
    calib: int
    limit: int | None
    work: Path
    steps: int | None = None

    @property
    def eight(self) -> Eight:
        """The same, as `lowbit_measure` has it."""
        return Eight(calib=self.calib, limit=self.limit, iterations=1, work=self.work)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A row as it was measured with one seed.

    Attributes:
        measure: name of the measure.
        images: how many were measured.
        before: the float file's, per cent.
        solved: that of the model that training starts from.
        trained: that of the model trained.
        seconds: what training took.
        file: size to that of the 8-bit files; None where it has no bar.
        latency: latency to theirs; likewise.
        said: what the step said.
    """

    measure: str
    images: int
    before: float
    solved: float
    trained: float
    seconds: float
    file: float | None
    latency: float | None
    said: str

    @property
    def won(self) -> float | None:
        """Share of what was lost that training gave back, per cent; None where nothing was lost."""
        lost = self.before - self.solved
        return 100 * (self.trained - self.solved) / lost if lost > 0 else None

    @property
    def values(self) -> dict[str, float | None]:
        """What there are bars for."""
        return {DROP: self.before - self.trained, WON: self.won, FILE: self.file, LATENCY: self.latency}


def measured(case: Case, seed: int, setting: Setting) -> Found:
    """A row with one seed, which orders the calibration images and draws in training.

    Raises:
        DetquantError: it cannot be had.
    """
    with tempfile.TemporaryDirectory() as folder:
        net = net_of(case.model)
        detector = load(net.unpacked(Path(folder)), imgsz=net.imgsz, preprocess=net.preprocess)
        dataset = measurable(detector.family, ordered(net.data(Path(folder)), seed), setting.limit)
        recipe = case.trained(load_recipe(case.recipe), {"seed": seed, **budget(case, setting)})
        require_calibration(dataset, recipe)
        place, calib = load_target(case.target), case.calib or setting.calib
        job = Job(detector=detector, dataset=dataset, recipe=recipe, target=place, calib=calib)
        with job.begun() as begun:
            solved = replace(begun, steps=tuple(step for step in begun.steps if step.name != FINETUNE)).finished()
            last = tuple(step for step in begun.steps if step.name == FINETUNE)
            trained, seconds = stopwatch(replace(begun, model=solved.model, steps=last).finished)
        entries = [opened(job, made, name) for made, name in ((solved, SOLVED), (trained, TRAINED))]
        found = compare([own_file(detector, place, THREADS), *entries], detector.family, dataset, limit=setting.limit)
        report = found.report(detector, dataset, THREADS)
        points = [one.value(report.measure) or 0.0 for one in (report.reference, *map(report.row, (SOLVED, TRAINED)))]
        artefact, eight = found.artefact(TRAINED), None
        if compares(case):
            eight = read_files(setting.work / folder_of(case.eight))
        return Found(
            measure=report.measure,
            images=report.images,
            before=points[0],
            solved=points[1],
            trained=points[2],
            seconds=seconds,
            file=artefact.size_bytes / eight.size_bytes if eight else None,
            latency=latency_to(artefact, eight, case.target, detector, dataset) if eight else None,
            said=next(note.sentence for note in reversed(trained.model.notes) if note.step == FINETUNE),
        )


def ordered(dataset: Dataset, seed: int) -> Dataset:
    """The data set with its calibration images in the order of a seed; that of the data set itself for 0."""
    order = np.random.default_rng(seed).permutation(len(dataset.calibration)).tolist() if seed else None
    return dataset if order is None else replace(dataset, calibration=tuple(dataset.calibration[k] for k in order))


def compares(case: Case) -> bool:
    """Whether a row is held beside the 8-bit files."""
    return not {FILE, LATENCY}.isdisjoint(case.bars)


def budget(case: Case, setting: Setting) -> Mapping[str, Any]:
    """How long a row is trained, unless its options say it."""
    if setting.steps is not None:
        return {"steps": setting.steps}
    said = {"steps", "epochs", "minutes"}.intersection(case.options)
    return {} if said else {"minutes": float(case.minutes or setting.minutes)}


def opened(job: Job, made: Made, name: str) -> Entry:
    """A model, open on its place, by a name."""
    return replace(entry_of(product_of(job, made), job, THREADS), name=name)
