"""What training brings after refit, and where it brings nothing: held to the bars of `training_rows.py`.

    python benchmarks/training.py --only yolov8-pico/w4a4 --seeds 0 1 2 --minutes 20

Of each row the model is solved, then trained, and both are measured beside the float file on validation images. With
several seeds, which order the calibration images and draw in training, a row tells means, the spread of what comes out
(largest less smallest), and whether the mean meets the bars. Each seed runs in a process of its own; a row that cannot
be had says why.
The command `checks` tries what must bring the start back, and a run that was broken off.

What is pruned stands beside the same model at a smaller input in the table of `pruning.py`.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Annotated

from alone import alone
from arguments import Count, Names
from chosen_rows import chosen_rows
from conditions import conditions
from cyclopts import App, Parameter
from cyclopts.validators import Number
from lowbit import held
from lowbit_measure import eight_bits
from markdown_table import line, markdown, refusal
from training_checks import CHECKS
from training_measure import Found, Setting, compares, measured
from training_rows import CASES, WON, Case

from detquant.errors import DetquantError, OptionError, unknown_name
from detquant.spread import processors

HEADER = (
    *("model", "recipe", "runtime", "measured", "bars", "float", "after refit", "trained", "drop", WON),
    *("spread", "seeds", "minutes"),
)
TEXTS = 5
"""Columns before those of numbers."""
UNKNOWN = "–"

Minutes = Annotated[float, Parameter(validator=Number(gt=0))]
Seeds = Annotated[list[Annotated[int, Parameter(validator=Number(gte=0))]] | None, Parameter(consume_multiple=True)]
app = App(name="training", help="Prints what training brings after refit, as a Markdown table.")


def row(case: Case, seeds: Sequence[int], setting: Setting) -> list[Found] | str:
    """One row with each seed, and before it the 8-bit files that it is compared with; why there is none."""
    if compares(case) and isinstance(why := alone(partial(eight_bits, case.eight, setting.eight)), str):
        return why
    found = list[Found]()
    for seed in seeds:
        one = alone(partial(measured, case, seed, setting))
        if isinstance(one, str):
            return one
        print(f"seed {seed}: {one.solved:.2f} -> {one.trained:.2f}. {one.said}", file=sys.stderr, flush=True)
        found.append(one)
    return found


def cells(case: Case, found: list[Found] | str) -> tuple[str, ...]:
    """What the table says of a row."""
    first = (case.model, case.wish, case.target)
    if isinstance(found, str):
        return refusal(first, found, len(HEADER))
    values = means(found)
    won = values[WON]
    trained = [one.trained for one in found]
    points = (mean(one.before for one in found), mean(one.solved for one in found), mean(trained), values["drop"])
    return (
        *(*first, f"{found[0].measure}, {found[0].images}", "; ".join(held(case.bars, values, {WON}))),
        *(UNKNOWN if one is None else f"{one:.2f}" for one in points),
        UNKNOWN if won is None else f"{won:.0f}",
        *(f"{max(trained) - min(trained):.2f}", str(len(found))),
        f"{mean(one.seconds for one in found) / 60:.1f}",
    )


def means(found: Sequence[Found]) -> dict[str, float | None]:
    """What bars are for, the mean over seeds; None where a seed does not know it."""
    together = {name: [one.values[name] for one in found] for name in found[0].values}
    return {
        name: None if None in values else mean(value for value in values if value is not None)
        for name, values in together.items()
    }


def no_worse(rows: Sequence[tuple[Case, list[Found] | str]]) -> Iterator[str]:
    """Of each row with labels, whether it is no worse than the same without."""
    plain = {(case.model, case.recipe, case.target): found for case, found in rows if not case.options}
    for case, found in rows:
        other = plain.get((case.model, case.recipe, case.target))
        if case.options.get("labels") and not isinstance(found, str) and other and not isinstance(other, str):
            with_labels, without = (mean(one.trained for one in some) for some in (found, other))
            verdict = "no worse" if with_labels >= without else "WORSE"
            yield f"{case.model} {case.recipe}: with labels {with_labels:.2f}, without {without:.2f}: {verdict}"


@app.default
def bench(
    *,
    only: Names = None,
    seeds: Seeds = None,
    minutes: Minutes = 20.0,
    steps: Count | None = None,
    calib: Count = 128,
    limit: Count | None = None,
    work: Path | None = None,
) -> None:
    """Measure each row, and print the table.

    Args:
        only: Beginnings of rows, such as yolov8-pico, yolov8-pico/w4a4 or "yolov8-pico/w4a4 labels True".
        seeds: Of the order of calibration images and of training; 0 alone if not given.
        minutes: How long each row is trained, but for rows that say their own.
        steps: How many steps each row is trained, in place of minutes: the same again with the same seed.
        calib: Number of calibration images, but for rows that say their own.
        limit: Measure on the first so many validation images only.
        work: Folder in which the 8-bit files are kept for the next run; else they are made anew.
    """
    cases, rows = chosen_rows(CASES, only or []), list[tuple[Case, list[Found] | str]]()
    with tempfile.TemporaryDirectory() as folder:
        setting = Setting(minutes=minutes, calib=calib, limit=limit, work=work or Path(folder), steps=steps)
        for case in cases:
            print(case.key, file=sys.stderr)
            rows.append((case, row(case, seeds or [0], setting)))
            print(line(cells(*rows[-1])), file=sys.stderr, flush=True)  # should the rest be cut short
    print(markdown(HEADER, [cells(*one) for one in rows], texts=TEXTS))
    print("".join(f"\n{line}.  " for line in no_worse(rows)))
    print(conditions(calib, f"{minutes:g} minutes" if steps is None else f"{steps} steps", f"{processors()} threads"))


@app.command
def checks(*, only: Names = None) -> None:
    """Try what must give the start back, and what must give the same again; print a sentence of each.

    Args:
        only: Names of checks.
    """
    for name in only or []:
        if name not in CHECKS:
            raise OptionError(unknown_name("check", name, CHECKS))
    failed = 0
    for name, check in CHECKS.items():
        if only and name not in only:
            continue
        found = alone(check)
        met, said = (False, found) if isinstance(found, str) else found
        failed += not met
        print(f"{name}: {'met' if met else 'MISSED'}. {said}  ", flush=True)
    if failed:
        raise DetquantError(f"{failed} of the checks are missed.")


if __name__ == "__main__":
    try:
        app()
    except DetquantError as error:
        sys.exit(f"training: {error}")
