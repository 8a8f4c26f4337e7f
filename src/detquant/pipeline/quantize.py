"""The main job: a detector in, a quantised detector and the evidence out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from detquant.calibration import QuantModel
from detquant.data import Dataset
from detquant.errors import OptionError, RecipeError
from detquant.pipeline.arrays import arrays_of
from detquant.pipeline.between import steps_between
from detquant.pipeline.calibration_images import as_dataset, require_calibration
from detquant.pipeline.compare import compare
from detquant.pipeline.decisions import decisions_about, read_decisions
from detquant.pipeline.decode_file import decode_file
from detquant.pipeline.detector import Detector, as_detector
from detquant.pipeline.doctor import require_sound
from detquant.pipeline.engines import load_engine
from detquant.pipeline.entries import entry_of, own_file, quantized_entry
from detquant.pipeline.evaluate import measurable
from detquant.pipeline.evidence_of import evidence_of
from detquant.pipeline.inside.node_data import node_data
from detquant.pipeline.job import Job
from detquant.pipeline.keywords import Keywords
from detquant.pipeline.losses import Losses, read_losses, require_about
from detquant.pipeline.memory import FOLDER
from detquant.pipeline.mixed_precision import require_solver
from detquant.pipeline.options import QuantizeOptions
from detquant.pipeline.outputs import PICTURE_FOLDER, RECIPE, REPORT, REPORT_PAGE, REPORT_TEXT
from detquant.pipeline.sensitivity import require_widths
from detquant.pipeline.wish import place_for, read_recipe
from detquant.pipeline.within_budget import Searched, within_budget
from detquant.pipeline.within_drop import within_drop
from detquant.recipes import Recipe
from detquant.recipes.writing import to_toml
from detquant.report.files import require_writable, staged, to_json
from detquant.report.html import to_html
from detquant.report.markdown import to_markdown
from detquant.report.remarks import slower_than_float, useless
from detquant.report.report import Report
from detquant.search import parse_budget
from detquant.targets import Artefact

QUANTIZED = "quantized"
"""Name of the row that the report is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A quantised detector and the evidence.

    Attributes:
        artefact: files in the target's format.
        report: what was measured and decided; a row has all files of its artefact, and the size of what ran.
        model: the quantised model, for those who go on; None where another engine made it.
        inputs: files that it was made from, as far as they were named; saving does not replace them.
        recipe: the recipe with the widths that a search has chosen; None where there was none.
        missed: a sentence on an aim of a search that no model met, this being the best; None where it was met.
        beside: files that are written beside the artefact, by name.

    Examples:
        >>> import detquant
        >>> result = detquant.quantize("yolov8-pico", "scenes", recipe="dynamic", val_limit=2)
        >>> list(result.artefact.files), result.artefact.size_bytes < 1_000_000
        (['model.onnx'], True)
        >>> result.save("out")
    """

    artefact: Artefact
    report: Report
    model: QuantModel | None
    inputs: tuple[Path, ...] = ()
    recipe: Recipe | None = None
    missed: str | None = None
    beside: Mapping[str, bytes] = field(default_factory=dict)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Writes the artefact and what is beside it, the reports, and ``recipe.toml`` after a search: all or none.

        What an earlier run wrote there is replaced, and in folders of the artefact goes; anything else stays, see
        `detquant.report.owned`.

        Raises:
            OutputError: the folder cannot be written, or something that detquant did not write is in the way.
        """
        with staged(folder, self.inputs, whole=True, alone={PICTURE_FOLDER}) as put:
            for name, content in {**self.artefact.files, **self.beside}.items():
                put(name, content)
            put(REPORT, to_json(self.report.figures()))
            put(REPORT_TEXT, to_markdown(self.report))
            put(REPORT_PAGE, to_html(self.report, self.beside))
            if self.recipe is not None:
                put(RECIPE, to_toml(self.recipe))


@Keywords(QuantizeOptions)
def quantize(
    model: str | os.PathLike[str] | Detector,
    data: str | os.PathLike[str] | Dataset,
    options: QuantizeOptions,
) -> Result:
    """Quantises a detector and measures it beside the float model.

    Args:
        model: a float detector, or the path of its file.
        data: a data set, or its path: data.yaml, COCO json, or a folder of images.
        options: see `QuantizeOptions`.

    Raises:
        DetquantError: a ModelError, DatasetError, RecipeError, TargetError, CalibrationError, OptionError or
            OutputError, in a sentence.

    Examples:
        >>> import detquant
        >>> result = detquant.quantize("yolov8-pico", "scenes", recipe="w8a8", target="ort", calib=4, val_limit=4)
        >>> result.report.drop < 5
        True
        >>> result.save("yolov8-pico-w8a8")
    """
    work = Path(options.work) if options.work else None
    if work:
        require_writable(work / FOLDER)
    given = read_decisions(options.decisions) if options.decisions is not None else ()
    if given and options.engine != "detquant":
        raise RecipeError(f"Engine {options.engine} takes no decisions of detquant's: leave them out, or the engine.")
    if options.searches and options.engine != "detquant":
        raise OptionError(f"Engine {options.engine} takes no budget and no max_drop: leave them out, or the engine.")
    if not options.searches and any(one is not None for one in (options.jobs, options.cluster, options.sensitivity)):
        raise OptionError("jobs, cluster and sensitivity are of searches: give a budget or max_drop with them.")
    if options.train is not None and (options.searches or options.engine != "detquant"):
        raise OptionError(
            "A training loop trains one model of detquant's: leave train out, or budget, max_drop and engine. A search "
            "writes recipe.toml, which can be given as the recipe beside train."
        )
    if options.budget is not None and options.max_drop is not None:
        raise OptionError("A budget and max_drop are two ends of one rope: give one of them.")
    if options.budget is not None:
        parse_budget(options.budget)
        require_solver("exact")
    losses = read_losses(options.sensitivity) if options.sensitivity is not None else None
    wish = read_recipe(options.wished)
    if options.searches:
        require_widths(wish)
    if options.train is not None and wish.precision is not None:
        raise RecipeError(
            f"Recipe '{wish.name}' leaves all in {wish.precision}, so there is nothing on the grids of integers to "
            f"train: leave train out, or give a recipe of integers."
        )
    place = place_for(wish, options.target).with_options(**options.of_place)
    if options.bits is not None and place.one_width:
        wish = wish.no_wider(options.bits)
    load_engine(options.engine)  # an unknown one is refused before any work
    detector = as_detector(model, options)
    detector.require_float()
    dataset = as_dataset(data, options.seed)
    require_calibration(dataset, wish)
    warned = require_sound(detector, dataset, force=options.force, progress=options.progress)
    dataset = measurable(detector.family, dataset, options.val_limit)

    job = Job(
        detector=detector,
        dataset=dataset,
        recipe=wish,
        target=place,
        calib=options.calib,
        work=work,
        executor=options.executor,
        progress=options.progress,
        looks=options.searches,
        train=options.train,
    )
    if losses is not None:
        require_about(losses, detector.imported.sha256, place.name)
    if options.decisions is not None:
        job = replace(job, decisions=decisions_about(job.about({}), given, options.decisions))
    searched = _searched(job, dataset, options, losses)
    if searched is not None:
        quantized = entry_of(searched.product, job, options.threads)
    else:
        quantized = quantized_entry(job, options.threads, engine=options.engine)
    between = steps_between(job, quantized, options.threads)
    entries = [own_file(detector, place, options.threads), *between, replace(quantized, name=QUANTIZED)]
    found = compare(
        entries,
        detector.family,
        dataset,
        limit=options.val_limit,
        confidence=options.confidence,
        keeps=options.keeps,
        progress=options.progress,
    )
    evidence, pictures = evidence_of(
        detector, dataset, found, QUANTIZED, call="detquant.quantize", threads=options.threads
    )
    basis = found.report(detector, dataset, options.threads)
    slow = [] if place.untimed else slower_than_float(basis.row(QUANTIZED), options.threads)
    missed = [searched.missed] if searched and searched.missed else []
    report = replace(
        basis,
        about=QUANTIZED,
        target=place.name,
        recipe=quantized.precision,
        seed=options.seed,
        calibration_images=options.calib,
        widths=searched.widths if searched else None,
        tried=searched.tried if searched else (),
        warnings=(*missed, *warned, *basis.warnings, *slow),
        evidence=evidence,
    )
    report = replace(report, warnings=(*useless(report), *report.warnings))
    named = (detector.imported.path, data) if isinstance(data, (str, os.PathLike)) else (detector.imported.path,)
    artefact = found.artefact(QUANTIZED)
    return Result(
        artefact=artefact,
        report=report,
        model=quantized.model,
        inputs=tuple(map(Path, named)),
        recipe=searched.recipe if searched else None,
        missed=searched.missed if searched else None,
        beside={
            **arrays_of(job, quantized),
            **decode_file(detector, found.finished[-1]),
            **node_data(evidence, artefact),
            **pictures,
        },
    )


def _searched(job: Job, dataset: Dataset, options: QuantizeOptions, losses: Losses | None) -> Searched | None:
    """The model with widths of a search, where one is asked for."""
    if options.budget is not None:
        return within_budget(job, options.budget, options, losses)
    if options.max_drop is not None:
        return within_drop(job, options.max_drop, dataset, options, losses)
    return None
