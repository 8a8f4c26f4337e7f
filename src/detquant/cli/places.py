"""Commands about the places to run."""

# ruff: noqa: B008 (options are frozen, so one default may serve all calls)

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from detquant.cli.app import app
from detquant.cli.options import Json, Together, check_json, check_out, write_figures
from detquant.pipeline.options import ExportOptions


@app.command
def export(
    model: Path,
    /,
    *,
    target: Annotated[str, Parameter(metavar="TARGET")],
    out: Path | None = None,
    options: Annotated[ExportOptions, Together] = ExportOptions(),
    json_file: Json = None,
) -> None:
    """Write a float model in a target's own format, and run it there beside the original before saying so.

    Args:
        model: ONNX, Darknet .cfg, checkpoint, TensorFlow, OpenVINO; or yolov8-pico, resnet-pico.
        target: Where it is to run, such as openvino or tflite; see detquant targets.
        out: Folder for the files; by default MODEL-TARGET in the current one.
        options: See `detquant.pipeline.options`.
        json_file: Write the figures to this file.
    """
    from detquant.pipeline.export import export as run
    from detquant.pipeline.keywords import as_keywords
    from detquant.report.table import show_export
    from detquant.targets import load_target

    folder = out or Path("-".join(filter(None, (model.stem, target, options.precision))))
    read = (model, *options.files)
    check_out(folder, load_target(target).writes, json_file, *read)
    exported = run(model, target, **as_keywords(options))
    exported.save(folder)
    figures = exported.figures()
    write_figures(json_file, figures, *read)
    show_export(figures)
    print(f"Written to {folder}.")


@app.command
def targets(*, json_file: Json = None) -> None:
    """List the places to run: what each takes, and whether its runtime is installed here.

    Args:
        json_file: Write the list to this file.
    """
    from detquant.report.table import show_targets
    from detquant.targets import target_figures

    check_json(json_file)
    figures = target_figures()
    write_figures(json_file, figures)
    show_targets(figures)
