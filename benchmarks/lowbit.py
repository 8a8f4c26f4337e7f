"""Below eight bits: what each recipe costs and takes, on the same images, held to the bars of `lowbit_rows.py`.

    python benchmarks/lowbit.py --only yolov8n/w4a8 nanodet_m_416

Each row quantises in a process of its own, whose time and peak memory are told, and is measured beside the float file
on validation images. The 8-bit file that size and latency are compared with is made once for a model and a runtime.
AIMET's rows want its Python in AIMET_PYTHON, see `aimet.py`; a row that cannot be had says why.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from statistics import mean

from alone import alone
from arguments import Count, Names
from chosen_rows import chosen_rows
from conditions import conditions
from cyclopts import App
from lowbit_measure import FLOAT_BITS, Found, Setting, eight_bits, measured
from lowbit_rows import CASES, DETQUANT, LEAST, MEANS, Case
from markdown_table import line, markdown, refusal

from detquant.errors import DetquantError
from detquant.targets import target_figures

HEADER = (
    *("model", "recipe", "runtime", "by", "measured", "bars", "float", "quantised", "drop", "weights by bits"),
    *("size, MB", "zipped, MB", "to the int8 file", "latency to it", "minutes", "peak, GB"),
)
TEXTS = 6
"""Columns before those of numbers."""
UNKNOWN = "–"

Rows = list[tuple[Case, "Found | str"]]
app = App(name="lowbit", help="Prints what quantisation below eight bits costs and takes, as a Markdown table.")


def row(case: Case, setting: Setting) -> Found | str:
    """One row, and before it the 8-bit files that it is compared with."""
    made = alone(partial(eight_bits, case, setting))
    return made if isinstance(made, str) else alone(partial(measured, case, setting))


def cells(case: Case, found: Found | str) -> tuple[str, ...]:
    """What the table says of a row."""
    first = (case.model, case.wish, case.target, case.by)
    if isinstance(found, str):
        return refusal(first, found, len(HEADER))
    shown = (
        *(f"{value:.2f}" for value in (found.before, found.after, found.before - found.after)),
        ", ".join(f"{name_of_width(bits)}: {share:.0f} %" for bits, share in found.shares.items()),
        *(f"{size / 1e6:.2f}" for size in (found.size_bytes, found.zipped_bytes)),
        *(UNKNOWN if ratio is None else f"{ratio:.2f}" for ratio in (found.file, found.latency)),
        *(f"{value:.1f}" for value in (found.seconds / 60, found.peak_mb / 1e3)),
    )
    return (*first, f"{found.measure}, {found.images}", "; ".join(held(case.bars, found.values)), *shown)


def name_of_width(bits: int) -> str:
    """Bits of a weight, in words."""
    return "float" if bits == FLOAT_BITS else str(bits)


def held(
    bars: Mapping[str, float], values: Mapping[str, float | None], reached: Collection[str] = LEAST
) -> Iterator[str]:
    """Each bar, and whether it is met.

    Args:
        bars: by name.
        values: what was measured.
        reached: names of bars that are to be reached; all others are not to be passed.
    """
    for name, bar in bars.items():
        least, value = name in reached, values[name]
        met = value is not None and (value >= bar if least else value <= bar)
        missed = "MISSED: not known" if value is None else f"MISSED: {value:.2f}"
        yield f"{name} {'≥' if least else '≤'} {bar:g} {'met' if met else missed}"


def means(rows: Rows) -> Iterator[str]:
    """The mean drop of each model over its runtimes, by the recipes that have a bar for it."""
    for recipe, bar in MEANS.items():
        for model in dict.fromkeys(case.model for case, _ in rows):
            of_model = [(case, found) for case, found in rows if (case.model, case.recipe) == (model, recipe)]
            drops = [found.before - found.after for _, found in of_model if isinstance(found, Found)]
            if drops:
                told = f"mean drop {mean(drops):.2f} over {len(drops)} of {len(of_model)} runtimes"
                yield f"{model} {recipe}: {told}, bar {bar:g} {'met' if mean(drops) <= bar else 'MISSED'}"


def beside_peers(rows: Rows) -> Iterator[str]:
    """Of each peer's row, whether detquant loses no more at the same widths."""
    ours = {case.peerless: found for case, found in rows if case.by == DETQUANT and isinstance(found, Found)}
    for case, found in rows:
        own = ours.get(case.peerless)
        if case.by != DETQUANT and isinstance(found, Found) and own:
            theirs, mine = found.before - found.after, own.before - own.after
            verdict = "no worse" if mine <= theirs else "WORSE"
            yield f"{case.peerless}: {case.by} loses {theirs:.2f}, detquant {mine:.2f}: {verdict}"


@app.default
def bench(
    *,
    only: Names = None,
    calib: Count = 128,
    limit: Count | None = None,
    iterations: Count = 500,
    work: Path | None = None,
) -> None:
    """Measure each row, and print the table.

    Args:
        only: Beginnings of rows, such as yolov8n, yolov8n/w4a8, "yolov8n/w4a8 max-drop 0.5" or yolov8n/w4a8/ort.
        calib: Number of calibration images, but for rows that say their own.
        limit: Measure on the first so many validation images only.
        iterations: Steps of each layer by AIMET.
        work: Folder in which the 8-bit files are kept for the next run; else they are made anew.
    """
    cases, rows = chosen_rows(CASES, only or []), Rows()
    with tempfile.TemporaryDirectory() as folder:
        setting = Setting(calib=calib, limit=limit, iterations=iterations, work=work or Path(folder))
        for case in cases:
            print(case.key, file=sys.stderr)
            rows.append((case, row(case, setting)))
            print(line(cells(*rows[-1])), file=sys.stderr)  # should the rest be cut short
    print(markdown(HEADER, [cells(*one) for one in rows], texts=TEXTS))
    told = "".join(f"\n{line}.  " for line in (*means(rows), *beside_peers(rows)))
    versions = ", ".join(f"{one['name']} {one['version']}" for one in target_figures()["targets"] if one["version"])
    print(told, conditions(calib, "1 thread", versions), sep="\n")


if __name__ == "__main__":
    try:
        app()
    except DetquantError as error:
        sys.exit(f"lowbit: {error}")
