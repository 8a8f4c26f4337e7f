"""Pruned channels against the same model at a smaller input and at fewer bits, on equal images.

    python benchmarks/pruning.py yolov8-pico scenes --shares 0.1 0.2 0.3 --sides 224 192 --recipes w4a8 --limit 200

All rows are quantised by one recipe, the pruned ones with the step `prune` before its others, and those at a smaller
input as they are; rows of fewer bits have recipes of their own. With `--train 20m` each pruned row stands a second
time, solved anew and trained in codes for so long. Latency is that of all files, taken by turns in one process. What is
better is told in the end: of a pruned row, whether its AP is above what the model has at the inputs that take as long,
on the line between those beside it; and what no other row beats in points, latency and size.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Annotated

from arguments import Count, Counts, Names
from conditions import conditions, how_timed, with_measure
from cyclopts import App, Parameter
from cyclopts.validators import Number
from markdown_table import markdown
from smaller_input import at_side

import detquant
from detquant.algorithms import build_algorithm
from detquant.errors import DetquantError
from detquant.graph import summarize
from detquant.pipeline.detector import Detector
from detquant.recipes import Recipe, Stage, Step, load_recipe

HEADER = ("row", "MACs, million", "to all", "{measure}", "drop", "latency, ms", "to float", "size, MB")
FLOAT = "float"
LEARNT = 500
"""Images that are trained on at most."""
PRUNED, SMALLER, NARROWER, WHOLE = "pruned", "smaller", "narrower", "whole"

Share = Annotated[float, Parameter(validator=Number(gt=0, lte=0.9))]
Shares = Annotated[list[Share] | None, Parameter(consume_multiple=True)]
app = App(name="pruning", help="Prints what pruned channels cost and save beside a smaller input, as a Markdown table.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A file that was measured.

    Attributes:
        name: what the table calls it.
        kind: "float", or what was done to it besides quantising: "whole", "pruned", "smaller", "narrower".
        macs: multiply-accumulates of one run.
        points: AP or top-1.
        size_bytes: of the file.
        latency_ms: median; 0 until it is known.
    """

    name: str
    kind: str
    macs: int
    points: float
    size_bytes: int
    latency_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all rows share.

    Attributes:
        data: the data set.
        recipe: all rows are quantised by it.
        calib: number of calibration images.
        limit: number of validation images, or None for all.
    """

    data: str
    recipe: Recipe
    calib: int
    limit: int | None


def pruned(recipe: Recipe, share: float, train: str | None = None) -> Recipe:
    """The recipe with channels pruned first, and perhaps trained for so long before biases are corrected."""
    before = [step for step in recipe.steps if build_algorithm(step.name, step.options).stage < Stage.WEIGHTS]
    behind = list(recipe.steps[len(before) :])
    name = f"{recipe.name}, {share:.0%} pruned"
    if train is not None:
        taught = [Step("refit", {}), Step("finetune", {"minutes": train, "images": LEARNT})]
        behind = [*taught, *(step for step in behind if step.name not in ("refit", "finetune"))]
        name += f", trained {train}"
    return replace(recipe, name=name, steps=(Step("prune", {"share": share}), *before, *behind))


def quantized(detector: Detector, kind: str, name: str, setting: Setting, folder: Path) -> tuple[Row, Row, Path]:
    """The row of the float file and of the quantised one, and where that lies."""
    print(name, file=sys.stderr)
    made = detquant.quantize(
        detector, setting.data, recipe=setting.recipe, calib=setting.calib, val_limit=setting.limit
    )
    (file, content), *_ = made.artefact.files.items()
    path = folder / f"{len(list(folder.iterdir()))}-{file}"
    path.write_bytes(content)
    before, after = (
        Row(
            name=title,
            kind=of,
            macs=summarize(model.graph).macs,
            points=one.value(made.report.measure) or 0.0,
            size_bytes=size,
        )
        for title, of, model, one, size in (
            (FLOAT, FLOAT, detector.model, made.report.reference, detector.imported.size_bytes),
            (
                name,
                kind,
                made.model.reference if made.model else detector.model,
                made.report.subject,
                made.artefact.size_bytes,
            ),
        )
    )
    return before, after, path


def cells(row: Row, first: Row) -> tuple[str, ...]:
    """What the table says of a row."""
    return (
        row.name,
        f"{row.macs / 1e6:.1f}",
        f"{row.macs / first.macs:.2f}",
        f"{row.points:.2f}",
        f"{first.points - row.points:.2f}",
        f"{row.latency_ms:.2f}",
        f"{row.latency_ms / first.latency_ms:.2f}",
        f"{row.size_bytes / 1e6:.2f}",
    )


def at_latency(rows: Sequence[Row], latency_ms: float) -> float | None:
    """Points of the model at the input that takes this long, on the line between its neighbours; None beyond them."""
    known = sorted((row.latency_ms, row.points) for row in rows)
    for (low, less), (high, more) in pairwise(known):
        if low <= latency_ms <= high:
            return less + (more - less) * (latency_ms - low) / max(high - low, 1e-9)
    return None


def recommended(rows: Sequence[Row]) -> Iterator[str]:
    """Of each pruned row whether a smaller input is better, and what is on the frontier of all quantised rows."""
    inputs = [row for row in rows if row.kind in (WHOLE, SMALLER)]
    for row in rows:
        other = at_latency(inputs, row.latency_ms) if row.kind == PRUNED else None
        if other is not None:
            better = "pruning" if row.points > other else "the smaller input"
            yield f"{row.name}: {row.points:.2f}, a smaller input of its latency {other:.2f}: take {better}"
        elif row.kind == PRUNED and (best := no_worse(row, inputs)):
            yield f"{row.name}: {row.points:.2f}, and {best.name} is no slower with {best.points:.2f}: take that"
        elif row.kind == PRUNED:
            yield f"{row.name}: no input that was measured takes as long: nothing to compare it with"
    ours = [row for row in rows if row.kind != FLOAT]
    best = [one for one in ours if not any(beats(other, one) for other in ours)]
    yield f"Beaten by no other in points, latency and size: {'; '.join(row.name for row in best)}"


def no_worse(row: Row, inputs: Sequence[Row]) -> Row | None:
    """The input that sees most of those that take no longer and see no less; None where there is none."""
    found = [one for one in inputs if one.latency_ms <= row.latency_ms and one.points >= row.points]
    return max(found, key=lambda one: one.points, default=None)


def beats(one: Row, other: Row) -> bool:
    """Whether a row is no worse in all, and better in one."""
    pairs = (
        (one.points, other.points),
        (-one.latency_ms, -other.latency_ms),
        (-one.size_bytes, -other.size_bytes),
    )
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


@app.default
def table(
    model: str,
    data: str,
    *,
    recipe: str = "w8a8",
    shares: Shares = None,
    sides: Counts = None,
    recipes: Names = None,
    train: str | None = None,
    calib: Count = 128,
    limit: Count | None = None,
    runs: Count = 50,
) -> None:
    """Measure each row, and print the table.

    Args:
        model: Its file, or the name of an embedded one.
        data: Data set.
        recipe: By which all rows are quantised.
        shares: Of the multiply-accumulates that are pruned, a row each; 0.1, 0.2 and 0.3 unless given.
        sides: Of smaller inputs, pixels, a row each.
        recipes: Of fewer bits, a row each.
        train: How long pruned rows are trained, a row more each: "20m"; needs the extra torch.
        calib: Number of calibration images.
        limit: Measure on the first so many validation images only.
        runs: How often each file is timed.
    """
    detector, basis = detquant.load(model), load_recipe(recipe)
    setting = Setting(data=data, recipe=basis, calib=calib, limit=limit)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first, whole, path = quantized(detector, WHOLE, basis.name, setting, folder)
        rows, files = [first, whole], list[Detector | Path]([detector, path])
        made = [
            pruned(basis, share, time) for share in shares or (0.1, 0.2, 0.3) for time in dict.fromkeys((None, train))
        ]
        narrower = [load_recipe(name) for name in recipes or ()]
        for kind, several in ((PRUNED, made), (NARROWER, narrower)):
            for one in several:
                _, row, path = quantized(detector, kind, one.name, replace(setting, recipe=one), folder)
                rows, files = [*rows, row], [*files, path]
        for side in sides or ():
            title = f"{basis.name} at {side} px"
            _, row, path = quantized(at_side(model, side), SMALLER, title, setting, folder)
            rows, files = [*rows, row], [*files, path]
        timed = detquant.benchmark([one if isinstance(one, Detector) else str(one) for one in files], runs=runs)
    rows = [replace(row, latency_ms=one.latency.median_ms) for row, one in zip(rows, timed, strict=True)]
    print(markdown(with_measure(HEADER, detector.family.task), [cells(row, rows[0]) for row in rows], texts=1))
    print("".join(f"\n{line}." for line in recommended(rows)))
    print(conditions(calib, *how_timed(limit, runs)))


if __name__ == "__main__":
    try:
        app()
    except DetquantError as error:
        sys.exit(f"pruning: {error}")
