"""How a search goes faster with more workers: sensitivities on Dask clusters of this machine, taking turns.

    python benchmarks/scaling.py yolov8-pico scenes --workers 1 2

The model is calibrated once; what is timed is the search alone, from sending the model to the last loss, on workers
that have done one search before. Losses are compared to the last bit. More workers than idle processors gain nothing.
"""

from __future__ import annotations

import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Annotated

from arguments import Count
from cyclopts import App, Parameter
from markdown_table import markdown

from detquant.errors import DetquantError, MissingExtra, WorkerError
from detquant.pipeline.options import SensitivityOptions
from detquant.pipeline.processor import processor_name
from detquant.pipeline.sensitivity import job_of, losing
from detquant.pipeline.workers import workers as executor_of
from detquant.spread import processors

HEADER = ("workers", "seconds, median", "times as fast", "efficiency")
TEXTS = 0

Counts = Annotated[list[Count], Parameter(consume_multiple=True)]
app = App(name="scaling", help="Prints how long a search takes on clusters of several sizes, as a Markdown table.")


@contextmanager
def clusters(sizes: Sequence[int]) -> Iterator[dict[int, str]]:
    """Schedulers of this machine by their number of workers, each worker a process with one thread.

    Raises:
        MissingExtra: Dask is not installed.
    """
    try:
        from distributed import LocalCluster
    except ImportError as error:
        raise MissingExtra("Dask is not installed: pip install 'detquant[cluster]'.") from error
    with ExitStack() as stack, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Dask says of the machine is not about us
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        common = {"threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50, "local_directory": folder}
        yield {
            size: stack.enter_context(LocalCluster(n_workers=size, **common)).scheduler_address
            for size in dict.fromkeys(sizes)
        }


@app.default
def scaling(
    model: str,
    data: str,
    *,
    workers: Counts = [1, 2],  # noqa: B006 (read and never changed)
    recipe: str = "w4a8",
    calib: Count = 32,
    images: Count = 8,
    rounds: Count = 5,
) -> None:
    """Measure the same search on clusters of several sizes, and print the table.

    Args:
        model: Its file, or the name of an embedded one.
        data: Data set.
        workers: Numbers of workers; the first is what the others are compared with.
        recipe: Gives the widths.
        calib: Number of calibration images.
        images: Number of images that losses are measured on.
        rounds: Searches on each cluster that are timed, one after another in turns.
    """
    options = SensitivityOptions(recipe=recipe, calib=calib, images=images)
    took: dict[int, list[float]] = {size: [] for size in workers}
    tables = set[str]()
    with job_of(model, data, options).begun() as begun, clusters(workers) as addresses:
        for turn in range(rounds + 1):
            for size, address in addresses.items():
                with executor_of(None, None, address) as executor:
                    started = time.perf_counter()
                    found = losing(job_of(model, data, options), begun, options, executor)
                    seconds = time.perf_counter() - started
                tables.add(str(found.table.figures()))
                if turn:
                    took[size].append(seconds)
    if len(tables) > 1:
        raise WorkerError(f"{len(tables)} different tables of losses came back: they must be equal to the last bit.")
    base, rows = median(took[workers[0]]), list[tuple[str, ...]]()
    for size, each in took.items():
        gain = base / median(each)
        rows.append((f"{size}", f"{median(each):.1f}", f"{gain:.2f}", f"{100 * gain * workers[0] / size:.0f} %"))
    print(f"{Path(model).name}, sensitivities at the widths of {recipe}\n\n{markdown(HEADER, rows, texts=TEXTS)}")
    print(f"\n{rounds} searches each in turns, equal losses; {processors()} processors, {processor_name()}.")


if __name__ == "__main__":
    try:
        app()
    except DetquantError as error:
        sys.exit(f"scaling: {error}")
