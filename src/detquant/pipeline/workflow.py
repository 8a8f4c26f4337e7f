"""A whole project in one command: fetch, convert, quantise, predict on both, accuracy and latency before and after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from detquant.data import Dataset, iter_images
from detquant.errors import RecipeError
from detquant.pipeline.calibration_images import require_calibration, require_labels
from detquant.pipeline.choose import evidence_of_best
from detquant.pipeline.compare import compare
from detquant.pipeline.decisions import decisions_about, read_decisions
from detquant.pipeline.decode_file import decode_file
from detquant.pipeline.detector import Detector, load
from detquant.pipeline.doctor import require_sound
from detquant.pipeline.entries import Entry, float_entries, own_file, quantized_entry
from detquant.pipeline.evaluate import measurable
from detquant.pipeline.job import Job
from detquant.pipeline.options import WorkflowOptions
from detquant.pipeline.outputs import DECODE, REPORT_PAGE, WORKFLOW_REPORT, WORKFLOW_TEXT
from detquant.pipeline.outputs import pictures as pictures_of_changes
from detquant.pipeline.saved_runs import page_of, runs_of
from detquant.pipeline.wish import FLOAT_ROWS, integer_place, integer_recipe
from detquant.pipeline.workflow_inputs import FETCHED, SEEDED, GivenModel, Inputs
from detquant.recipes import Recipe
from detquant.recipes.workflow import Workflow
from detquant.report.files import require_place, staged, to_json
from detquant.report.markdown import workflow_to_markdown
from detquant.report.pictures import distinct, encode
from detquant.report.project import Project
from detquant.report.remarks import slower
from detquant.report.report import Report
from detquant.report.sheets.numbers import plural
from detquant.report.side_by_side import Panel, side_by_side
from detquant.targets import fitted, load_target, read_by

PREDICTIONS = "predictions"
REPORTS = (WORKFLOW_REPORT, WORKFLOW_TEXT, REPORT_PAGE)
CONFIDENCE = 0.25


@dataclass(frozen=True, kw_only=True)
class Settings(WorkflowOptions):
    """How a workflow is run, and where to.

    Attributes:
        out: folder for everything.
    """

    out: Path

    def overrule(self, workflow: Workflow) -> Workflow:
        """The workflow with what is taken instead of what it says."""
        return replace(
            workflow,
            target=self.target or workflow.target,
            recipes=self.recipes or workflow.recipes,
            calib=self.calib or workflow.calib,
            images=self.val_limit or workflow.images,
        )


def run_workflow(workflow: Workflow, settings: Settings) -> Project:
    """Runs all of it; what was fetched and calibrated before is taken as it is.

    Args:
        workflow: what to do.
        settings: how.

    Returns:
        A report of each model, with a row for each precision.

    Raises:
        DetquantError: in a sentence; what was written before stays.
    """
    workflow = settings.overrule(workflow)
    require_place(settings.out, REPORTS)
    wishes = _wishes(workflow)
    integer_place(workflow.target)
    if settings.decisions:
        read_decisions(settings.decisions)  # what is wrong with the file is said before anything is fetched
    inputs = Inputs(out=settings.out, seed=settings.seed, progress=settings.progress)
    dataset = inputs.images(settings.data, workflow.data)
    for wish in wishes:
        require_calibration(dataset, wish)
    models = list(inputs.models(settings.models, workflow.models))
    folders = distinct([one.path.stem for one in models], {FETCHED, SEEDED, *REPORTS})
    for one, folder in zip(models, folders, strict=True):
        require_place(settings.out, _planned(workflow, wishes, dataset, folder), _inputs(settings, one.path))
    project = Project(
        name=workflow.name,
        description=workflow.description,
        target=workflow.target,
        recipe=", ".join(workflow.recipes),
        data=dataset.name,
        threads=settings.threads,
        models=tuple(
            _one_model(workflow, settings, wishes, *each, dataset) for each in zip(models, folders, strict=True)
        ),
    )
    with staged(settings.out) as put:
        put(WORKFLOW_REPORT, to_json(project.figures()))
        put(WORKFLOW_TEXT, workflow_to_markdown(project))
        put(REPORT_PAGE, page_of(runs_of(project, settings.out)))
    return project


def _wishes(workflow: Workflow) -> list[Recipe]:
    """The recipes, each of another name: by it their models are told apart.

    Raises:
        RecipeError: one cannot be read, or two have one name.
    """
    wishes = [integer_recipe(recipe, FLOAT_ROWS) for recipe in workflow.recipes]
    names = [wish.name for wish in wishes]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise RecipeError(f"There are two recipes '{twice[0]}': give each a name of its own, or leave one out.")
    return wishes


def _inputs(settings: Settings, model: Path) -> list[Path]:
    """The files that are read for a model: its own, and those for all models."""
    return [model, *([settings.data] if settings.data else [])]


def _planned(workflow: Workflow, wishes: Sequence[Recipe], dataset: Dataset, folder: str) -> list[str]:
    """Names of what will be written for one model, as far as they are known before it is read."""
    place = load_target(workflow.target)
    precisions = (*place.precisions, *(wish.name for wish in wishes))
    pictures = _picture_names(dataset, workflow.predict).values()
    return [
        *(f"{folder}/{name}" for name in pictures_of_changes()),
        *(f"{folder}/{_folder_of(wish.name)}/{DECODE}" for wish in wishes),
        *(f"{folder}/{_folder_of(precision)}/{name}" for precision in precisions for name in place.writes),
        *(f"{folder}/{PREDICTIONS}/{name}" for name in pictures),
    ]


def _folder_of(precision: str) -> str:
    return precision.replace(" ", "-")


def _one_model(
    workflow: Workflow, settings: Settings, wishes: Sequence[Recipe], given: GivenModel, folder: str, dataset: Dataset
) -> Report:
    """Converts, quantises, compares, draws and writes."""
    detector = load(given.path)
    dataset, warned = given.measured_on(dataset), [*given.warnings]
    if not given.seeded:  # seeded weights find nothing, however they are fed
        warned += require_sound(detector, dataset, force=settings.force, progress=settings.progress)
    dataset = measurable(detector.family, dataset, workflow.images)
    for wish in wishes:
        require_labels(detector, dataset, wish)
    entries = _entries(workflow, settings, wishes, detector, folder, dataset)
    found = compare(
        entries,
        detector.family,
        dataset,
        limit=workflow.images,
        runs=settings.runs,
        confidence=settings.confidence,
        keeps=settings.keeps,
        progress=settings.progress,
    )
    report = found.report(detector, dataset, settings.threads)
    evidence, seen = evidence_of_best(
        detector, dataset, found, report, f"{folder}/", call="detquant workflow", threads=settings.threads
    )
    made = [one for one in found.finished if one.entry.quantization]
    beside = {name: content for one in made for name, content in decode_file(detector, one).items()}
    pictures = {
        f"{folder}/{PREDICTIONS}/{name}": data for name, data in _pictures(detector, entries, dataset, workflow.predict)
    }
    with staged(settings.out, _inputs(settings, given.path)) as put:
        for name, content in (found.files | beside | pictures | seen).items():
            put(name, content)
    only = entries[-1] if len(wishes) == 1 else None
    return replace(
        report,
        about=only.name if only else None,
        target=workflow.target,
        recipe=only.precision if only else None,
        seed=settings.seed,
        calibration_images=workflow.calib,
        warnings=(*slower(report), *warned, *report.warnings),
        predictions=tuple(pictures),
        evidence=evidence,
    )


def _entries(
    workflow: Workflow,
    settings: Settings,
    wishes: Sequence[Recipe],
    detector: Detector,
    folder: str,
    dataset: Dataset,
) -> list[Entry]:
    """The float precisions of the place, then the model by each recipe; each in a folder of its own.

    A place that takes no float model has none of these: there the user's own file is what all is compared with.
    """
    place = load_target(workflow.target)
    before = [*float_entries(detector, place, settings.threads)] or [own_file(detector, place, settings.threads)]
    entries = before
    for wish in wishes:
        job = Job(
            detector=detector,
            dataset=dataset,
            recipe=wish,
            target=place,
            calib=workflow.calib,
            work=settings.out / folder,
            progress=settings.progress,
        )
        if settings.decisions:
            given = read_decisions(settings.decisions)
            job = replace(job, decisions=decisions_about(job.about({}), given, settings.decisions))
        entries = [*entries, quantized_entry(job, settings.threads)]
    return [replace(one, folder=f"{folder}/{_folder_of(one.precision)}/") for one in entries]


def _pictures(
    detector: Detector, entries: Sequence[Entry], dataset: Dataset, count: int
) -> Iterator[tuple[str, bytes]]:
    """A few images, each as every precision sees it, side by side."""
    family = detector.family
    if family.task != "detect":
        return
    names = _picture_names(dataset, count)
    runners = [(one, one.runner) for one in entries if one.runner is not None]
    for path, image in iter_images(dataset.validation[:count], []):
        tensor, geometry = family.preprocess(image)
        panels = []
        for entry, runner in runners:
            outputs = runner.run(fitted(runner, family.feeds(tensor)))
            found = read_by(runner, family).decode(outputs, geometry, CONFIDENCE)
            panels.append(Panel(title=entry.precision, caption=plural(len(found), "object"), detections=found))
        yield names[path], encode(side_by_side(image, panels, family.classes, zoom=1), names[path])


def _picture_names(dataset: Dataset, count: int) -> dict[Path, str]:
    """Names of the pictures that are made of the first images."""
    shown = dataset.validation[:count]
    return dict(zip(shown, distinct([f"{path.stem}.jpg" for path in shown]), strict=True))
