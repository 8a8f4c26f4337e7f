"""Commands that search for widths."""

# ruff: noqa: B008 (options are frozen, so one default may serve all calls)

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from detquant.cli.app import app
from detquant.cli.options import Json, Together, check_out, write_figures
from detquant.pipeline.options import MixedPrecisionOptions, SensitivityOptions, name_of


@app.command
def sensitivity(
    model: Path,
    /,
    *,
    data: Path,
    options: Annotated[SensitivityOptions, Together] = SensitivityOptions(),
    out: Path | None = None,
    json_file: Json = None,
) -> None:
    """Show what each layer's weight, and each tensor, costs alone at each width; an interrupted run goes on.

    Args:
        model: The float model: ONNX, Darknet .cfg, checkpoint, TensorFlow, OpenVINO; or yolov8-pico, resnet-pico.
        data: As for detquant quantize.
        options: See `detquant.pipeline.options`.
        out: Folder for the losses, which --sensitivity takes; by default MODEL-sensitivity in the current one.
        json_file: Write the figures to this file.
    """
    from detquant.pipeline.keywords import as_keywords
    from detquant.pipeline.outputs import LOSSES
    from detquant.pipeline.sensitivity import sensitivity as run
    from detquant.report.progress import show_progress
    from detquant.report.table import show_losses

    folder = out or Path(f"{model.stem}-sensitivity")
    read = (model, data, *options.files)
    check_out(folder, [LOSSES], json_file, *read)
    with show_progress() as progress:
        found = run(model, data, **as_keywords(options, work=folder, progress=progress))
    found.save(folder)
    write_figures(json_file, found.figures(), *read)
    show_losses(found.figures())
    print(f"Written to {folder}.")


@app.command
def mixed_precision(
    model: Path,
    /,
    *,
    data: Path,
    options: Annotated[MixedPrecisionOptions, Together] = MixedPrecisionOptions(),
    out: Path | None = None,
    json_file: Json = None,
) -> None:
    """Choose the width of each layer that costs least within a budget, and write the recipe that says so.

    Args:
        model: The float model: ONNX, Darknet .cfg, checkpoint, TensorFlow, OpenVINO; or yolov8-pico, resnet-pico.
        data: As for detquant quantize.
        options: See `detquant.pipeline.options`.
        out: Folder for recipe.toml and the losses; by default MODEL-RECIPE-mixed in the current one.
        json_file: Write the figures to this file.
    """
    from detquant.pipeline.keywords import as_keywords
    from detquant.pipeline.mixed_precision import mixed_precision as run
    from detquant.pipeline.outputs import LOSSES, RECIPE
    from detquant.report.progress import show_progress
    from detquant.report.table import show_widths

    folder = out or Path(f"{model.stem}-{Path(name_of(options.recipe)).stem}-mixed")
    read = (model, data, *options.files)
    check_out(folder, [RECIPE, LOSSES], json_file, *read)
    with show_progress() as progress:
        found = run(model, data, **as_keywords(options, work=folder, progress=progress))
    found.save(folder)
    write_figures(json_file, found.figures(), *read)
    show_widths(found.widths, f"{found.assignment.sentence()}.")
    print(f"Written to {folder}. Next:  detquant quantize {model} --data {data} --recipe {folder / RECIPE}")
