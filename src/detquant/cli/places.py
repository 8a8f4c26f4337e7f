"""Commands about the places to run."""

from __future__ import annotations

from pathlib import Path

from detquant.cli.app import app
from detquant.cli.options import Count, Json, Reads, check_json, check_out, write_figures


@app.command
def export(
    model: Path,
    /,
    *,
    target: str,
    precision: str | None = None,
    out: Path | None = None,
    family: str = "auto",
    imgsz: Count | None = None,
    preprocess: str | None = None,
    reads: Reads = None,
    json_file: Json = None,
) -> None:
    """Write a float model in a target's own format, and run it there beside the original before saying so.

    Args:
        model: ONNX, Darknet .cfg, checkpoint, TensorFlow, OpenVINO; or yolov8-pico, resnet-pico.
        target: Where it is to run, see detquant targets.
        precision: fp32 or fp16, by default the first that the target takes.
        out: Folder for the files; by default MODEL-TARGET in the current one.
        family: Detector family, found from the model by default.
        imgsz: Side of the input in pixels, for models that leave it open.
        preprocess: Of a classifier whose file does not tell it, see detquant quantize.
        reads: How a detector is fed and read, see detquant doctor.
        json_file: Write the figures to this file.
    """
    from detquant.pipeline.detector import load
    from detquant.pipeline.export import export as run
    from detquant.report.files import staged
    from detquant.report.table import show_export
    from detquant.targets import load_target

    folder = out or Path("-".join(filter(None, (model.stem, target, precision))))
    read = (model, preprocess)
    check_out(folder, load_target(target).writes, json_file, *read)
    detector = load(model, family=family, imgsz=imgsz, preprocess=preprocess, reads=reads)
    artefact, figures = run(detector, target, precision)
    with staged(folder, filter(None, read)) as put:
        for name, content in artefact.files.items():
            put(name, content)
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
