"""A whole project in one command: fetch, convert, quantise, predict on both, accuracy and latency before and after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from detquant.data import Dataset, iter_images, open_coco, open_dataset, read_image
from detquant.errors import FetchError
from detquant.evaluation.scorers import figures
from detquant.pipeline.as_planned import require_as_planned
from detquant.pipeline.calibration_images import require_calibration
from detquant.pipeline.decisions import KEY, decisions_about, read_decisions
from detquant.pipeline.detector import Detector, load
from detquant.pipeline.doctor import require_sound
from detquant.pipeline.entries import Entry, compared_by, float_entries, quantized_entry
from detquant.pipeline.evaluate import Measured, measurable, run_over
from detquant.pipeline.figures import skip_figures
from detquant.pipeline.job import Job, Progress
from detquant.pipeline.wish import read_recipe
from detquant.recipes import load_recipe
from detquant.recipes.workflow import Workflow, ZooData, ZooModel
from detquant.report.files import require_place, staged, to_json
from detquant.report.markdown import workflow_to_markdown
from detquant.report.pictures import distinct, encode
from detquant.report.side_by_side import Panel, side_by_side
from detquant.targets import load_target
from detquant.targets.latency import compare_latency, ratio
from detquant.zoo import fetch, find

FETCHED, PREDICTIONS = "fetched", "predictions"
REPORT, REPORT_TEXT = "workflow.json", "workflow.md"
CONFIDENCE = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a workflow is run.

    Attributes:
        out: folder for everything.
        models: files to take instead of those of the zoo.
        data: a data set to take instead of that of the zoo.
        threads: of the runtime.
        runs: timed runs of each precision.
        seed: chooses the calibration images.
        decisions: a `workflow.json` or `report.json` whose measured decisions are taken again.
        force: whether to go on with a float model that finds nothing, or that is probably read wrongly.
        progress: called with (what, done, total).
    """

    out: Path
    models: Sequence[Path] = ()
    data: Path | None = None
    threads: int = 1
    runs: int = 20
    seed: int = 0
    decisions: Path | None = None
    force: bool = False
    progress: Progress | None = None


def run_workflow(workflow: Workflow, settings: Settings) -> dict[str, Any]:
    """Runs all of it; what was fetched and calibrated before is taken as it is.

    Args:
        workflow: what to do.
        settings: how.

    Returns:
        Plain values: the workflow's own, and "models", each with "rows" by precision: the task's measures,
        "latency_ms", "ratio" to the first, "size_bytes", "files".

    Raises:
        DetquantError: in a sentence; what was written before stays.
    """
    require_place(settings.out, (REPORT, REPORT_TEXT))
    wish = read_recipe(workflow.recipe)
    if settings.decisions:
        read_decisions(settings.decisions)  # what is wrong with the file is said before anything is fetched
    dataset = _data(workflow.data, settings)
    require_calibration(dataset, wish)
    paths = list(settings.models) or [_model(model, settings) for model in workflow.models]
    folders = distinct([path.stem for path in paths], {FETCHED, REPORT, REPORT_TEXT})
    for path, folder in zip(paths, folders, strict=True):
        require_place(settings.out, _planned(workflow, dataset, folder), _inputs(settings, path))
    told = [_one_model(workflow, settings, *each, dataset) for each in zip(paths, folders, strict=True)]
    found = {
        "workflow": workflow.name,
        "description": workflow.description,
        "target": workflow.target,
        "recipe": workflow.recipe,
        "data": dataset.name,
        "threads": settings.threads,
        "models": told,
    }
    with staged(settings.out) as put:
        put(REPORT, to_json(found))
        put(REPORT_TEXT, workflow_to_markdown(found))
    return found


def _fetched(name: str, settings: Settings) -> Path:
    return fetch(find(name), settings.out / FETCHED, progress=settings.progress).path


def _model(model: ZooModel, settings: Settings) -> Path:
    came = _fetched(model.zoo, settings)
    if not came.is_dir():
        return came
    found = sorted(came.rglob(model.file or "*.onnx"))
    if not found:
        raise FetchError(f"'{came}' was fetched, but there is no '{model.file or '*.onnx'}' in it.")
    return found[0]


def _data(data: ZooData, settings: Settings) -> Dataset:
    if settings.data:
        return open_dataset(settings.data, settings.seed)
    for name in data.zoo:
        _fetched(name, settings)
    folder = settings.out / FETCHED
    return open_coco(folder / data.annotations, settings.seed, folder / data.images)


def _inputs(settings: Settings, model: Path) -> list[Path]:
    """What is read of a model, and for all of them."""
    return [model, *([settings.data] if settings.data else [])]


def _planned(workflow: Workflow, dataset: Dataset, folder: str) -> list[str]:
    """Names of what will be written for one model, as far as they are known before it is read."""
    place = load_target(workflow.target)
    precisions = (*place.precisions, load_recipe(workflow.recipe).name)
    pictures = _picture_names(dataset, workflow.predict).values()
    return [
        *(f"{folder}/{_folder_of(precision)}/{name}" for precision in precisions for name in place.writes),
        *(f"{folder}/{PREDICTIONS}/{name}" for name in pictures),
    ]


def _folder_of(precision: str) -> str:
    return precision.replace(" ", "-")


def _one_model(workflow: Workflow, settings: Settings, path: Path, folder: str, dataset: Dataset) -> dict[str, Any]:
    """Converts, quantises, compares, draws and writes."""
    detector = load(path)
    warned = require_sound(detector, dataset, force=settings.force, progress=settings.progress)
    dataset = measurable(detector.family, dataset, workflow.images)
    entries = _entries(workflow, settings, detector, folder, dataset)
    measured = _measured(workflow, settings, detector, dataset, entries)
    files = {
        one.precision: {
            f"{folder}/{_folder_of(one.precision)}/{name}": data for name, data in one.artefact.files.items()
        }
        for one in entries
    }
    image, _ = detector.family.preprocess(read_image(dataset.validation[0]))
    runners = {one.precision: one.runner for one in entries}
    timed = compare_latency(runners, {detector.family.input_name: image}, settings.runs)
    task = detector.family.task
    measure, values = compared_by(task, measured)
    rows = [
        {
            "precision": name,
            **figures(task, measured.sides[name].accuracy),
            measure: values[name],
            "latency_ms": latency.median_ms,
            "ratio": ratio(latency, timed[entries[0].precision]),
            "size_bytes": one.artefact.size_bytes,
            "files": list(files[name]),
        }
        for one in entries
        for name, latency in [(one.precision, timed[one.precision])]
    ]
    pictures = {
        f"{folder}/{PREDICTIONS}/{name}": data for name, data in _pictures(detector, entries, dataset, workflow.predict)
    }
    with staged(settings.out, _inputs(settings, path)) as put:
        for some in (*files.values(), pictures):
            for name, content in some.items():
                put(name, content)
    return {
        "model": path.name,
        "model_sha256": detector.imported.sha256,
        "family": detector.family.name,
        "measure": measure,
        "images": measured.images,
        "rows": rows,
        "predictions": list(pictures),
        KEY: entries[-1].decisions,
        "notes": list(measured.notes),
        "warnings": [*warned, *measured.warnings],
        "skipped": skip_figures(measured.skipped),
    }


def _entries(workflow: Workflow, settings: Settings, detector: Detector, folder: str, dataset: Dataset) -> list[Entry]:
    """The float precisions of the place, then the quantised model."""
    place = load_target(workflow.target)
    job = Job(
        detector=detector,
        dataset=dataset,
        recipe=read_recipe(workflow.recipe),
        target=place,
        calib=workflow.calib,
        work=settings.out / folder,
        progress=settings.progress,
    )
    if settings.decisions:
        given = read_decisions(settings.decisions)
        job = replace(job, decisions=decisions_about(job.about({}), given, settings.decisions))
    return [*float_entries(detector, place, settings.threads), quantized_entry(job, settings.threads)]


def _measured(
    workflow: Workflow, settings: Settings, detector: Detector, dataset: Dataset, entries: Sequence[Entry]
) -> Measured:
    """Accuracy of all on the same images; a quantised model that misses its plan is refused."""
    family, limit, progress = detector.family, workflow.images, settings.progress
    runners = {one.precision: one.runner for one in entries}
    measured = run_over(family, runners, dataset, limit=limit, progress=progress)
    before, place = measured.sides[entries[0].precision], load_target(workflow.target)
    for one in entries:
        if one.qdq is not None:
            after = measured.sides[one.precision]
            require_as_planned(
                family, dataset, one.qdq, place, before=before, after=after, limit=limit, progress=progress
            )
    return measured


def _pictures(
    detector: Detector, entries: Sequence[Entry], dataset: Dataset, count: int
) -> Iterator[tuple[str, bytes]]:
    """A few images, each as every precision sees it, side by side."""
    family = detector.family
    if family.task != "detect":
        return
    names = _picture_names(dataset, count)
    for path, image in iter_images(dataset.validation[:count], []):
        tensor, geometry = family.preprocess(image)
        panels = []
        for entry in entries:
            found = family.decode(entry.runner.run({family.input_name: tensor}), geometry, CONFIDENCE)
            panels.append(Panel(title=entry.precision, caption=f"{len(found)} objects", detections=found))
        yield names[path], encode(side_by_side(image, panels, family.classes, zoom=1), names[path])


def _picture_names(dataset: Dataset, count: int) -> dict[Path, str]:
    """What the pictures made of the first images are called."""
    shown = dataset.validation[:count]
    return dict(zip(shown, distinct([f"{path.stem}.jpg" for path in shown]), strict=True))
