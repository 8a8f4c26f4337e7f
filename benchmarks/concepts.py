"""What each way to a smaller or faster detector brings and costs, one row a way, on one model and one runtime.

    python benchmarks/concepts.py yolov8-pico scenes --limit 100

The rows are recipes, those of `docs/concepts.md` unless others are named; `w8@opencv` is one that runs elsewhere than
the others. Latency is that of all files, taken by turns in one process, as a share of the float file's there; minutes
are of processor time, for all that `quantize` does, measuring included. A recipe that the runtime does not take has the
reason in its row.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from arguments import Count, Names
from conditions import conditions, how_timed, with_measure
from cyclopts import App
from markdown_table import markdown, refusal

import detquant
from detquant.errors import DetquantError
from detquant.pipeline.detector import Detector
from detquant.report.report import Report
from detquant.targets import Artefact, load_target

HEADER = ("recipe", "{measure}", "drop", "latency to float", "size, MB", "zipped, MB", "minutes")
FLOAT = "float"
AT = "@"
RECIPES = ("w8a8", "dynamic", "w8@opencv", "fp16", "w4a8", "w4a4", "w4a4-finetune", "prune30-w8a8", "cluster16-w8a8")

app = App(name="concepts", help="Prints what each recipe brings and costs on one model, as a Markdown table.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A file that was measured.

    Attributes:
        name: the recipe, and where it runs if not where all others do.
        target: where it runs.
        points: AP or top-1.
        size_bytes: of its files.
        zipped_bytes: of an archive of them.
        minutes: of processor time; None for the float file.
        latency: share of the float file's; None until it is known.
    """

    name: str
    target: str
    points: float
    size_bytes: int
    zipped_bytes: int
    minutes: float | None = None
    latency: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all rows share.

    Attributes:
        data: the data set.
        target: where those run whose name does not say it.
        calib: number of calibration images.
        limit: number of validation images, or None for all.
    """

    data: str
    target: str
    calib: int
    limit: int | None


def float_row(detector: Detector, report: Report, target: str) -> Row:
    """The row of the float file."""
    path = detector.imported.path
    content = path.read_bytes() if path.is_file() else b""
    artefact = Artefact({path.name: content}) if content else load_target("ort").lower_float(detector.model, "fp32")
    return Row(
        name=FLOAT,
        target=target,
        points=report.reference.value(report.measure) or 0.0,
        size_bytes=detector.imported.size_bytes,
        zipped_bytes=artefact.zipped_bytes(),
    )


def measured(detector: Detector, name: str, setting: Setting, folder: Path) -> tuple[Row, Report, Path]:
    """The row of a recipe, its report, and the file to open.

    Raises:
        DetquantError: there is no such recipe, or the runtime does not take it.
    """
    started = time.process_time()
    recipe, _, place = name.partition(AT)
    target = place or setting.target
    made = detquant.quantize(
        detector, setting.data, recipe=recipe, target=target, calib=setting.calib, val_limit=setting.limit
    )
    minutes = (time.process_time() - started) / 60
    where = folder / str(len(list(folder.iterdir())))
    where.mkdir()
    for file, content in made.artefact.files.items():
        (where / file).write_bytes(content)
    row = Row(
        name=name,
        target=target,
        points=made.report.subject.value(made.report.measure) or 0.0,
        size_bytes=made.artefact.size_bytes,
        zipped_bytes=made.artefact.zipped_bytes(),
        minutes=minutes,
    )
    return row, made.report, where / next(iter(made.artefact.files))


def latencies(detector: Detector, rows: Sequence[Row], files: Sequence[Path], runs: int) -> dict[str, float]:
    """The latency of each row's file as a share of the float file's in the same runtime, by the row's name.

    Args:
        detector: the float model.
        rows: the rows.
        files: the file of each.
        runs: how often each is timed.
    """
    found = dict[str, float]()
    for target in dict.fromkeys(row.target for row in rows):
        here = {row.name: str(file) for row, file in zip(rows, files, strict=True) if row.target == target}
        _, *timed = detquant.benchmark([detector, *here.values()], runs=runs, target=target)
        found.update((name, one.ratio) for name, one in zip(here, timed, strict=True))
    return found


def cells(row: Row, first: Row) -> tuple[str, ...]:
    """What the table says of a row."""
    return (
        row.name,
        f"{row.points:.2f}",
        "" if row is first else f"{first.points - row.points:.2f}",
        "" if row.latency is None else f"{row.latency:.2f}",
        f"{row.size_bytes / 1e6:.2f}",
        f"{row.zipped_bytes / 1e6:.2f}",
        "" if row.minutes is None else f"{row.minutes:.1f}",
    )


@app.default
def table(
    model: str,
    data: str,
    *,
    recipes: Names = None,
    target: str = "ort",
    calib: Count = 128,
    limit: Count | None = None,
    runs: Count = 50,
) -> None:
    """Measure each row, and print the table.

    Args:
        model: Its file, or the name of an embedded one.
        data: Data set.
        recipes: A row each; those of the page of concepts unless given.
        target: Where those run whose name does not say it.
        calib: Number of calibration images.
        limit: Measure on the first so many validation images only.
        runs: How often each file is timed.
    """
    detector = detquant.load(model)
    setting = Setting(data=data, target=target, calib=calib, limit=limit)
    rows, files, refused, report = list[Row](), list[Path](), list[tuple[str, ...]](), None
    with tempfile.TemporaryDirectory() as folder:
        for recipe in recipes or RECIPES:
            print(recipe, file=sys.stderr)
            try:
                row, report, path = measured(detector, recipe, setting, Path(folder))
            except DetquantError as error:
                refused.append(refusal([recipe], str(error), len(HEADER)))
            else:
                rows, files = [*rows, row], [*files, path]
        if report is None:
            raise DetquantError("No recipe could be measured: " + "; ".join(f"{one[0]}: {one[1]}" for one in refused))
        shares = latencies(detector, rows, files, runs)
    first = replace(float_row(detector, report, target), latency=1.0)
    rows = [first, *(replace(row, latency=shares[row.name]) for row in rows)]
    header = with_measure(HEADER, detector.family.task)
    print(markdown(header, [*(cells(row, rows[0]) for row in rows), *refused], texts=1))
    where = load_target(target).title.partition(":")[0]
    print(conditions(calib, *how_timed(limit, runs), f"{model} on {where}"))


if __name__ == "__main__":
    try:
        app()
    except DetquantError as error:
        sys.exit(f"concepts: {error}")
