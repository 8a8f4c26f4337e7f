"""All ways to weights and grids below eight bits against each other: accuracy on the same images, time and memory.

    python benchmarks/methods.py yolov8-pico scenes --recipe w4a4 --limit 100 --calib 64 --only nearest refit

The recipe gives the widths, and the steps that choose what is rounded at all (guard, ranges, placement); what comes
after them is each row's own, see `ways.py`. What the clock decides is decided once, and is the same for all rows. Each
row quantises in a process of its own, whose time and peak memory are told: minutes, and those of all processors
together, which other work of the machine changes less. A row that fails says why.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from alone import alone
from arguments import Count, Names
from conditions import conditions
from cyclopts import App
from markdown_table import line, markdown, refusal
from methods_measure import Found, Setting, decided, measured
from ways import LEARNING, WAYS, Way

from detquant.errors import DetquantError, OptionError, unknown_name
from detquant.spread import processors

HEADER = ("way", "needs", "measured", "float", "quantised", "drop", "minutes", "of processor", "peak, GB")
TEXTS = 3
"""Columns before those of numbers."""

app = App(name="methods", help="Prints what each way to few bits costs and takes, as a Markdown table.")


def cells(way: Way, found: Found | str) -> tuple[str, ...]:
    """What the table says of a row."""
    first = (way.name, way.needs)
    if isinstance(found, str):
        return refusal(first, found, len(HEADER))
    points = (f"{value:.2f}" for value in (found.before, found.after, found.before - found.after))
    took = (*(f"{one / 60:.1f}" for one in (found.seconds, found.processor_seconds)), f"{found.peak_mb / 1e3:.2f}")
    return (*first, f"{found.measure}, {found.images}", *points, *took)


def chosen(only: Sequence[str]) -> list[Way]:
    """The rows that are asked for.

    Raises:
        OptionError: there is none of a name.
    """
    names = {way.name for way in WAYS}
    for name in only:
        if name not in names:
            raise OptionError(unknown_name("way", name, names))
    return [way for way in WAYS if not only or way.name in only]


@app.default
def table(
    model: str,
    data: str,
    *,
    recipe: str = "w4a4",
    target: str = "ort",
    calib: Count = 64,
    imgsz: Count | None = None,
    limit: Count | None = None,
    only: Names = None,
    iterations: Count | None = None,
    evaluations: Count | None = None,
) -> None:
    """Measure each way on one model, and print the table.

    Args:
        model: Its file, or the name of an embedded one.
        data: Data set.
        recipe: Gives the widths, and the steps up to the choices.
        target: Place to run.
        calib: Number of calibration images.
        imgsz: Side of the input in pixels, for models that leave it open.
        limit: Measure on the first so many validation images only.
        only: Names of rows, such as refit or refit+blocks.
        iterations: Of adaround and blocks, for each layer or block; the steps' own if not given.
        evaluations: Of the joint search of lapq; the step's own if not given.
    """
    ways, rows = chosen(only or []), list[tuple[str, ...]]()
    learning = {} if iterations is None else {key: {"iterations": iterations} for key in LEARNING}
    searching = {} if evaluations is None else {"lapq": {"evaluations": evaluations}}
    setting = Setting(
        model=model,
        data=data,
        recipe=recipe,
        target=target,
        calib=calib,
        imgsz=imgsz,
        limit=limit,
        options={**learning, **searching},
    )
    taken = decided(setting)
    for way in ways:
        found = alone(partial(measured, way, setting, taken))
        rows.append(cells(way, found))
        print(*([] if isinstance(found, str) else found.notes), sep="\n", file=sys.stderr)
        print(line(rows[-1]), file=sys.stderr, flush=True)  # should the rest be cut short
    print(f"{Path(model).name}, {recipe} on {target}\n\n{markdown(HEADER, rows, texts=TEXTS)}")
    told = "the steps' own" if iterations is None else f"{iterations}"
    print(conditions(calib, f"iterations: {told}", f"threads: {processors()}"))


if __name__ == "__main__":
    try:
        app()
    except DetquantError as error:
        sys.exit(f"methods: {error}")
