"""Clustered weights beside weights of fewer bits: accuracy, bytes raw and zipped, and time, on equal images.

    python benchmarks/clustering.py yolov8-pico mobilenet_v2_1.0_224 --clusters 16 8 4 --limit 100

Each model is quantised for ONNX Runtime with 8 bits, with weights of 4 bits, and with k codes of 8 bits a layer: 16
codes take the bytes of 4 bits, so these are held against each other; 4 codes take half of that. What the clock decides
is decided once for a model, so all its rows have the same operators in integers. Latency is that of all files, taken by
turns in one process.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from arguments import Count, Counts
from conditions import conditions, how_timed
from cyclopts import App
from lowbit_measure import net_of
from markdown_table import markdown
from ways import choices

from detquant.data import Dataset, iter_images
from detquant.errors import DetquantError
from detquant.pipeline.compare import compare
from detquant.pipeline.detector import Detector, load
from detquant.pipeline.entries import Entry, own_file, quantized_entry
from detquant.pipeline.job import Job
from detquant.recipes import Recipe, Step, load_recipe
from detquant.targets import load_target
from detquant.targets.latency import Latency, compare_latency

TARGET, EIGHT, FOUR, CLUSTERED, STEP = "ort", "w8a8", "w4a8", "cluster16-w8a8", "cluster"
MODELS = ("yolov8-pico", "mobilenet_v2_1.0_224")
HEADER = ("model", "recipe", "measured", "float", "quantised", "drop", "MB", "zip, MB", "to int8", "latency to int8")
TEXTS = 3
"""Columns before those of numbers."""

app = App(name="clustering", help="Prints what few codes a layer cost and save beside fewer bits, as a Markdown table.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A file that was measured.

    Attributes:
        model: name of the model.
        recipe: name of the recipe.
        measure: name of the measure, and of how many images.
        before: the float file's, per cent.
        after: that of this file.
        size_bytes: of the file.
        zipped_bytes: of a zip archive of it.
        latency_ms: median.
    """

    model: str
    recipe: str
    measure: str
    before: float
    after: float
    size_bytes: int
    zipped_bytes: int
    latency_ms: float


def clustered(k: int) -> Recipe:
    """The built-in recipe with so many codes a layer."""
    basis = load_recipe(CLUSTERED)
    steps = (Step(one.name, {**one.options, "clusters": k}) if one.name == STEP else one for one in basis.steps)
    return replace(basis, name=basis.name.replace("16", str(k)), steps=tuple(steps))


def entries(detector: Detector, dataset: Dataset, recipes: Sequence[Recipe], calib: int) -> Iterator[Entry]:
    """The model by each recipe, with the decisions of the first."""
    place, taken = load_target(TARGET), None
    for recipe in recipes:
        print(recipe.name, file=sys.stderr)
        job = Job(detector=detector, dataset=dataset, recipe=recipe, target=place, calib=calib)
        if taken is None:
            with replace(job, recipe=replace(recipe, steps=choices(recipe))).begun() as begun:
                taken = begun.context.measurements.all()
        yield quantized_entry(replace(job, decisions=job.about(taken)), 1)


def measured(model: str, recipes: Sequence[Recipe], *, calib: int, limit: int | None, runs: int) -> list[Row]:
    """The rows of one model.

    Raises:
        DetquantError: it cannot be had, or not quantised.
    """
    with tempfile.TemporaryDirectory() as folder:
        net = net_of(model)
        file, dataset = net.unpacked(Path(folder)), net.data(Path(folder))
        detector = load(file, imgsz=net.imgsz, preprocess=net.preprocess)
    made = list(entries(detector, dataset, recipes, calib))
    own = own_file(detector, load_target(TARGET), 1)
    report = compare([own, *made], detector.family, dataset, limit=limit).report(detector, dataset, 1)
    times = timed(made, detector, dataset, runs)
    return [
        Row(
            model=model,
            recipe=recipe.name,
            measure=f"{report.measure}, {report.images}",
            before=report.reference.value(report.measure) or 0.0,
            after=report.row(entry.name).value(report.measure) or 0.0,
            size_bytes=entry.artefact.size_bytes,
            zipped_bytes=entry.artefact.zipped_bytes(),
            latency_ms=times[entry.name].median_ms,
        )
        for recipe, entry in zip(recipes, made, strict=True)
        if entry.artefact is not None
    ]


def timed(made: Sequence[Entry], detector: Detector, dataset: Dataset, runs: int) -> dict[str, Latency]:
    """Latency of all files on one image, by turns."""
    _, pixels = next(iter_images(dataset.validation, []))
    runners = {entry.name: entry.runner for entry in made if entry.runner is not None}
    return compare_latency(runners, {detector.family.input_name: detector.family.preprocess(pixels)[0]}, runs)


def cells(row: Row, eight: Row) -> tuple[str, ...]:
    """What the table says of a row beside the 8-bit file of its model."""
    points = (f"{value:.2f}" for value in (row.before, row.after, row.before - row.after))
    sizes = (f"{size / 1e6:.3f}" for size in (row.size_bytes, row.zipped_bytes))
    to_eight = (row.size_bytes / eight.size_bytes, row.latency_ms / eight.latency_ms)
    return (row.model, row.recipe, row.measure, *points, *sizes, *(f"{one:.2f}" for one in to_eight))


@app.default
def clustering(
    *models: str,
    clusters: Counts = None,
    calib: Count = 64,
    limit: Count | None = None,
    runs: Count = 100,
) -> None:
    """Measure each row, and print the table.

    Args:
        models: Names of models at hand, as `benchmarks/generality.py` has them; two unless given.
        clusters: Codes of a layer, a row each; 16, 8 and 4 unless given.
        calib: Number of calibration images.
        limit: Measure on the first so many validation images only.
        runs: How often each file is timed.
    """
    recipes = [load_recipe(EIGHT), load_recipe(FOUR), *(clustered(k) for k in clusters or (16, 8, 4))]
    rows = list[tuple[str, ...]]()
    for model in models or MODELS:
        found = measured(model, recipes, calib=calib, limit=limit, runs=runs)
        rows += [cells(row, found[0]) for row in found]
    print(markdown(HEADER, rows, texts=TEXTS))
    print(conditions(calib, *how_timed(limit, runs)))


if __name__ == "__main__":
    try:
        app()
    except DetquantError as error:
        sys.exit(f"clustering: {error}")
