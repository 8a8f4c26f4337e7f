"""Commands that bring models and data."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from detquant.cli.app import app
from detquant.cli.options import Json, check_json, write_figures
from detquant.pipeline.options import Count, Seed


@app.command
def scenes(folder: Path, /, *, images: Count = 500, validation: Count = 200, seed: Seed = 0) -> None:
    """Write the embedded scenes as files: an Ultralytics data set that has COCO annotations too.

    Args:
        folder: To be made; an empty one is taken.
        images: Number of images of the train split.
        validation: Number of images of the val split.
        seed: Another one gives other pictures.
    """
    from detquant.data import export_scenes
    from detquant.report.progress import show_progress

    with show_progress() as progress:
        data = export_scenes(folder, images, seed, validation=validation, progress=progress)
    print(f"Written to {folder}: {images} train and {validation} val images, with labels and COCO annotations.")
    print(f"Next: detquant quantize yolov8-pico --data {shlex.quote(os.path.relpath(data))}")


@app.command
def zoo(*, json_file: Json = None) -> None:
    """List models and data sets of the field that can be fetched: size, licence, published accuracy, source.

    Args:
        json_file: Write the list to this file.
    """
    from detquant.report.table import show_zoo
    from detquant.zoo import zoo_figures

    check_json(json_file)
    figures = zoo_figures()
    write_figures(json_file, figures)
    show_zoo(figures)


@app.command
def fetch(
    name: str,
    /,
    *,
    out: Path = Path("."),
    sha256: Annotated[str | None, Parameter(metavar="DIGITS")] = None,
    json_file: Json = None,
) -> None:
    """Download a model or data set of the zoo, check it, and unpack it; a download that was cut is resumed.

    Args:
        name: One that `detquant zoo` lists.
        out: Folder for it.
        sha256: What the file must have, where the zoo knows no checksum: 64 hex digits.
        json_file: Write what came to this file.
    """
    from detquant.report.files import require_writable
    from detquant.report.progress import show_progress
    from detquant.report.table import show_fetch
    from detquant.zoo import fetch as run
    from detquant.zoo import fetch_figures, find

    entry = find(name)
    require_writable(out)
    check_json(json_file)
    with show_progress() as progress:
        figures = fetch_figures(run(entry, out, sha256=sha256, progress=progress))
    write_figures(json_file, figures)
    show_fetch(figures)
