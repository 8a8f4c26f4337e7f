"""The main job: a detector in, a quantised detector and the evidence out."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from detquant.calibration import QuantModel
from detquant.data import Dataset, open_dataset
from detquant.errors import CalibrationError, ModelError, RecipeError
from detquant.pipeline.calibration_images import require_calibration
from detquant.pipeline.compare import compare
from detquant.pipeline.decisions import decisions_about, read_decisions
from detquant.pipeline.detector import Detector, load
from detquant.pipeline.doctor import require_sound
from detquant.pipeline.engines import load_engine
from detquant.pipeline.entries import own_file, quantized_entry
from detquant.pipeline.evaluate import measurable
from detquant.pipeline.job import Job
from detquant.pipeline.memory import FOLDER
from detquant.pipeline.outputs import REPORT, REPORT_TEXT
from detquant.pipeline.wish import integer_place, read_recipe
from detquant.progress import Progress
from detquant.recipes import Recipe
from detquant.report.files import require_writable, staged, to_json
from detquant.report.markdown import to_markdown
from detquant.report.remarks import slower_than_float
from detquant.report.report import Report
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
    """

    artefact: Artefact
    report: Report
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
            put(REPORT, to_json(self.report.figures()))
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
        preprocess: preprocessing of a classifier whose file does not tell it, see `load`.
        reads: how a detector is fed and read, where that is not what its family does, see `load`.
        calib: number of calibration images.
        seed: chooses the calibration images.
        threads: number of threads of the runtime in the measurement.
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
    place = integer_place(target)
    load_engine(engine)  # an unknown one is refused before any work
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
    quantized = quantized_entry(job, threads, engine=engine)
    entries = [own_file(detector, place, threads), replace(quantized, name=QUANTIZED)]
    found = compare(entries, detector.family, dataset, limit=val_limit, progress=progress)
    basis = found.report(detector, dataset, threads)
    slow = [] if place.untimed else slower_than_float(basis.row(QUANTIZED), threads)
    report = replace(
        basis,
        about=QUANTIZED,
        target=place.name,
        recipe=quantized.precision,
        seed=seed,
        calibration_images=calib,
        warnings=(*warned, *basis.warnings, *slow),
    )
    named = (detector.imported.path, data) if isinstance(data, (str, os.PathLike)) else (detector.imported.path,)
    return Result(
        artefact=found.artefact(QUANTIZED), report=report, model=quantized.model, inputs=tuple(map(Path, named))
    )
