"""The main job: a detector in, a quantised detector and the evidence out."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from detquant._version import __version__
from detquant.calibration import QuantModel
from detquant.data import Dataset, open_dataset
from detquant.errors import CalibrationError, ModelError, RecipeError
from detquant.families.reading import reading_text
from detquant.pipeline.as_planned import require_as_planned
from detquant.pipeline.calibration_images import require_calibration
from detquant.pipeline.decisions import decisions_about, read_decisions
from detquant.pipeline.detector import Detector, load
from detquant.pipeline.doctor import require_sound
from detquant.pipeline.engines import load_engine
from detquant.pipeline.evaluate import measurable, run_over
from detquant.pipeline.evidence import report
from detquant.pipeline.figures import file_figures
from detquant.pipeline.file_ends import said_of_ends, said_of_feeding
from detquant.pipeline.growth import growth
from detquant.pipeline.job import Job, Progress
from detquant.pipeline.memory import FOLDER
from detquant.pipeline.outputs import REPORT, REPORT_TEXT
from detquant.pipeline.wish import read_recipe
from detquant.recipes import Recipe
from detquant.report.files import require_writable, staged, to_json
from detquant.report.markdown import to_markdown
from detquant.targets import Artefact, load_target


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A quantised detector and the evidence.

    Attributes:
        artefact: files in the target's format.
        report: figures as plain values; "files" is all of the artefact, the sizes beside accuracy are of what ran.
        model: the quantised model, for those who go on; None where another engine made it.
        inputs: files that it was made from, as far as they were named; saving does not replace them.
    """

    artefact: Artefact
    report: dict[str, Any]
    model: QuantModel | None
    inputs: tuple[Path, ...] = ()

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Writes the artefact, ``report.json`` and ``report.md``: all of them or none.

        What an earlier run wrote there is replaced; anything else is not, see `detquant.report.owned`.

        Raises:
            OutputError: the folder cannot be written, or something that detquant did not write is in the way.
        """
        with staged(folder, self.inputs) as put:
            for name, content in self.artefact.files.items():
                put(name, content)
            put(REPORT, to_json(self.report))
            put(REPORT_TEXT, to_markdown(self.report))


def quantize(
    model: str | os.PathLike[str] | Detector,
    data: str | os.PathLike[str] | Dataset,
    *,
    recipe: str | Recipe = "w8a8",
    target: str = "ort",
    engine: str = "detquant",
    family: str = "auto",
    imgsz: int | None = None,
    preprocess: str | None = None,
    reads: str | None = None,
    calib: int = 128,
    seed: int = 0,
    threads: int = 1,
    val_limit: int | None = None,
    decisions: str | os.PathLike[str] | None = None,
    force: bool = False,
    work: Path | None = None,
    progress: Progress | None = None,
) -> Result:
    """Quantises a detector and measures it beside the float model.

    Args:
        model: a float detector, or the path of its file.
        data: a data set, or its path: data.yaml, COCO json, or a folder of images.
        recipe: name, TOML file or recipe.
        target: where the result runs.
        engine: a key of `detquant.pipeline.engines.ENGINES`: who quantises; others than detquant follow no recipe.
        family: detector family, or "auto".
        imgsz: side of the input in pixels, for models that leave it open.
        preprocess: of a classifier whose file does not tell it, see `load`.
        reads: how a detector is fed and read, where that is not what its family does, see `load`.
        calib: number of calibration images.
        seed: chooses the calibration images.
        threads: of the runtime in the measurement.
        val_limit: measure on the first so many validation images only.
        decisions: a `report.json` whose measured decisions are taken again: the same inputs then give the same bytes.
            Otherwise they are those of the last equal run on this machine, as far as that was kept, or are measured.
        force: whether to go on with a float model that finds nothing, or that is probably read wrongly.
        work: folder in which statistics and measurements are kept, so that an interrupted run goes on.
        progress: called with (what, done, total).

    Raises:
        ModelError, DatasetError, RecipeError, TargetError, CalibrationError, OutputError: in a sentence.
    """
    if calib < 1:
        raise CalibrationError(f"{calib} calibration images were asked for: at least 1 is needed.")
    if work:
        require_writable(work / FOLDER)
    given = read_decisions(decisions) if decisions is not None else ()
    if given and engine != "detquant":
        raise RecipeError(f"Engine {engine} takes no decisions of detquant's: leave them out, or the engine.")
    wish = read_recipe(recipe)
    place, make = load_target(target), load_engine(engine)
    place.require_integers()
    detector = (
        model
        if isinstance(model, Detector)
        else load(model, family=family, imgsz=imgsz, preprocess=preprocess, reads=reads)
    )
    if detector.is_quantized:
        where = detector.imported.path
        raise ModelError(f"'{where}' is quantised already (it has Q and DQ nodes): give the float model.")
    dataset = data if isinstance(data, Dataset) else open_dataset(os.fspath(data), seed)
    require_calibration(dataset, wish)
    warned = require_sound(detector, dataset, force=force, progress=progress)
    dataset = measurable(detector.family, dataset, val_limit)

    job = Job(
        detector=detector,
        dataset=dataset,
        recipe=wish,
        target=place,
        calib=calib,
        work=work,
        progress=progress,
    )
    if decisions is not None:
        job = replace(job, decisions=decisions_about(job.about({}), given, decisions))
    made = make(job)
    runners = {"float": detector.open(threads, place.name), "quantized": place.open(made.artefact, threads)}
    measured = run_over(detector.family, runners, dataset, limit=val_limit, progress=progress)
    if made.qdq is not None:
        sides = {"before": measured.sides["float"], "after": measured.sides["quantized"]}
        require_as_planned(detector.family, dataset, made.qdq, place, **sides, limit=val_limit, progress=progress)
    figures = report(detector, dataset, made.artefact, measured, made.skipped, threads, timed=not place.untimed)
    artefact, finished = place.finish(made.artefact, detector.family)
    figures |= {
        **made.figures,
        "files": file_figures(artefact),
        "notes": [
            *said_of_feeding(detector),
            *said_of_ends(detector, place, kept=made.qdq is not None),
            *made.figures["notes"],
            *growth(detector, made.artefact, made.qdq),
            *figures["notes"],
        ],
        "warnings": [*warned, *figures["warnings"]],
        "reading": reading_text(detector.family.reading),
        "engine": engine,
        "target": place.name,
        "runtime": [*place.remarks(runners["quantized"]), *finished],
        "seed": seed,
        "detquant_version": __version__,
    }
    named = (detector.imported.path, data) if isinstance(data, (str, os.PathLike)) else (detector.imported.path,)
    return Result(artefact=artefact, report=figures, model=made.model, inputs=tuple(map(Path, named)))
