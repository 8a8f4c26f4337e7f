"""A whole project in one command: fetch, convert, quantise, predict on both, accuracy and latency before and after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detquant.data import Dataset, iter_images, open_coco, open_dataset, read_image
from detquant.errors import FetchError
from detquant.evaluation.scorers import figures
from detquant.pipeline.as_planned import require_as_planned
from detquant.pipeline.detector import Detector, load
from detquant.pipeline.entries import Entry, compared_by, float_entries, quantized_entry
from detquant.pipeline.evaluate import Measured, measurable, run_over
from detquant.pipeline.figures import skip_figures
from detquant.pipeline.job import Job, Progress
from detquant.recipes import load_recipe
from detquant.recipes.workflow import Workflow, ZooData, ZooModel
from detquant.report.files import require_writable, staged, to_json
from detquant.report.markdown import workflow_to_markdown
from detquant.report.pictures import encode
from detquant.report.side_by_side import Panel, side_by_side
from detquant.targets import load_target
from detquant.targets.latency import compare_latency, ratio
from detquant.zoo import fetch, find

FETCHED, PREDICTIONS = "fetched", "predictions"
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
        progress: called with (what, done, total).
    """

    out: Path
    models: Sequence[Path] = ()
    data: Path | None = None
    threads: int = 1
    runs: int = 20
    seed: int = 0
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
    require_writable(settings.out)
    dataset = _data(workflow.data, settings)
    paths = list(settings.models) or [_model(model, settings) for model in workflow.models]
    told = [_one_model(workflow, settings, path, dataset) for path in paths]
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
        put("workflow.json", to_json(found))
        put("workflow.md", workflow_to_markdown(found))
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


def _one_model(workflow: Workflow, settings: Settings, path: Path, dataset: Dataset) -> dict[str, Any]:
    """Converts, quantises, compares, writes and draws."""
    detector, folder = load(path), path.stem
    dataset = measurable(detector.family, dataset, workflow.images)
    entries = _entries(workflow, settings, detector, dataset)
    measured = _measured(workflow, settings, detector, dataset, entries)
    files = {
        one.precision: _write(settings.out, f"{folder}/{one.precision.replace(' ', '-')}", one.artefact.files)
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
            "files": files[name],
        }
        for one in entries
        for name, latency in [(one.precision, timed[one.precision])]
    ]
    pictures = dict(_pictures(detector, entries, dataset, workflow.predict))
    return {
        "model": path.name,
        "model_sha256": detector.imported.sha256,
        "family": detector.family.name,
        "measure": measure,
        "images": measured.images,
        "rows": rows,
        "predictions": _write(settings.out, f"{folder}/{PREDICTIONS}", pictures),
        "notes": list(measured.notes),
        "warnings": list(measured.warnings),
        "skipped": skip_figures(measured.skipped),
    }


def _entries(workflow: Workflow, settings: Settings, detector: Detector, dataset: Dataset) -> list[Entry]:
    """The float precisions of the place, then the quantised model."""
    place = load_target(workflow.target)
    job = Job(
        detector=detector,
        dataset=dataset,
        recipe=load_recipe(workflow.recipe),
        target=place,
        calib=workflow.calib,
        work=settings.out / detector.imported.path.stem,
        progress=settings.progress,
    )
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
    for path, image in iter_images(dataset.validation[:count], []):
        tensor, geometry = family.preprocess(image)
        panels = []
        for entry in entries:
            found = family.decode(entry.runner.run({family.input_name: tensor}), geometry, CONFIDENCE)
            panels.append(Panel(title=entry.precision, caption=f"{len(found)} objects", detections=found))
        name = f"{path.stem}.jpg"
        yield name, encode(side_by_side(image, panels, family.classes, zoom=1), name)


def _write(out: Path, folder: str, files: Mapping[str, bytes]) -> list[str]:
    """The files' names in the workflow's folder."""
    names = {f"{folder}/{name}": content for name, content in files.items()}
    with staged(out) as put:
        for name, content in names.items():
            put(name, content)
    return list(names)
