"""What each of LAPQ's three stages adds: the loss that they search by, the accuracy, and the time they take.

    python benchmarks/lapq.py yolov8-pico scenes --recipe w4a4 --limit 100

The recipe gives the widths; its own steps are left out, so nothing else has moved a step or a weight. Each row begins
with the steps that calibration finds. A classifier's loss is cross-entropy, a detector's the damage to its heads.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from arguments import Count
from cyclopts import App
from markdown_table import markdown

import detquant
from detquant.errors import DetquantError
from detquant.recipes import Recipe, Step

STAGES: Mapping[str, Mapping[str, Any] | None] = {
    "calibration alone": None,
    "layer-wise": {"quadratic": False, "joint": False},
    "layer-wise, quadratic": {"joint": False},
    "layer-wise, quadratic, joint": {},
    "joint alone": {"layerwise": False, "quadratic": False},
}
"""Options of each row's step; None for no step."""
HEADER = ("stages", "loss", "measured", "float", "quantised", "drop", "seconds to quantise")
TEXTS = 3
"""Columns before those of numbers."""

app = App(name="lapq", help="Prints what each stage of LAPQ adds, as a Markdown table.")


def recipes(widths: Recipe, evaluations: int, images: int | None) -> Iterator[tuple[str, Recipe]]:
    """The recipe of each row, by the row's name."""
    for name, options in STAGES.items():
        given = {"evaluations": evaluations} | ({} if images is None else {"images": images})
        yield name, replace(widths, steps=() if options is None else (Step("lapq", {**options, **given}),))


def cells(name: str, result: detquant.Result) -> tuple[str, ...]:
    """What the table says of a row."""
    report = result.report
    row = report.row("quantized")
    losses = [note.cost for note in row.notes if note.step == "lapq" and note.cost is not None]
    before, after = report.row("float").accuracy or {}, row.accuracy or {}
    measure = next(iter(after))
    took = row.quantization.calibration.seconds if row.quantization and row.quantization.calibration else float("nan")
    shown = (before[measure], after[measure], before[measure] - after[measure])
    return (
        name,
        f"{losses[-1]:.4f}" if losses else "",
        measure,
        *(f"{value:.2f}" for value in shown),
        f"{took:.0f}",
    )


@app.default
def table(
    model: str,
    data: str,
    *,
    recipe: str = "w4a4",
    target: str = "ort",
    calib: Count = 128,
    images: Count | None = None,
    evaluations: Count = 300,
    limit: Count | None = None,
) -> None:
    """Prints the table of one model.

    Args:
        model: its file, or the name of an embedded one.
        data: data set.
        recipe: gives the widths.
        target: place to run.
        calib: calibration images.
        images: those of them that the loss is measured on; the step's own choice if not given.
        evaluations: of the joint search.
        limit: validation images.
    """
    rows = []
    for name, one in recipes(detquant.load_recipe(recipe), evaluations, images):
        result = detquant.quantize(model, data, recipe=one, target=target, calib=calib, val_limit=limit)
        rows.append(cells(name, result))
        print(*(note.sentence for note in result.report.row("quantized").notes), sep="\n", file=sys.stderr, flush=True)
    print(f"{Path(model).name}, {recipe} on {target}\n\n{markdown(HEADER, rows, texts=TEXTS)}")


if __name__ == "__main__":
    try:
        app()
    except DetquantError as error:
        sys.exit(str(error))
