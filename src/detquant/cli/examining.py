"""The command that looks at how a model is fed and read."""

from __future__ import annotations

from pathlib import Path

from detquant.cli.app import app
from detquant.cli.options import Json, check_json, write_figures
from detquant.pipeline.options import Count, FamilyName, Reads


@app.command
def doctor(
    model: Path,
    /,
    *,
    data: Path,
    images: Count = 16,
    family: FamilyName = "auto",
    imgsz: Count | None = None,
    reads: Reads = None,
    json_file: Json = None,
) -> None:
    """Say whether a detector is fed and read as it was trained to be, and how else it would find more.

    It shows a few labelled images to the model in other ways: grey levels 0..1, 0..255, -1..1, imagenet or caffe; rgb
    or bgr; letterbox, top-left or stretch; boxes cxcywh, xyxy, xywh, grid or ltrb, in pixels or parts; chances or
    logits; classes by-index, or with background-first or background-last. Those are words for --reads. The exit code
    is 2 where another way is clearly better, or nothing is found.

    Args:
        model: ONNX, Darknet .cfg, checkpoint, TensorFlow, OpenVINO; or yolov8-pico.
        data: As for detquant quantize.
        images: How many to look at, those with objects first.
        family: Detector family, found from the model by default; else its name, such as yolov8.
        imgsz: Side of the input in pixels, for models that leave it open.
        reads: How the model is read at present, where that is not what its family does.
        json_file: Write the figures to this file.
    """
    from detquant.data import open_dataset
    from detquant.errors import ModelError
    from detquant.pipeline.detector import load
    from detquant.pipeline.doctor import diagnose
    from detquant.report.progress import show_progress
    from detquant.report.table import show_diagnosis

    check_json(json_file, model, data)
    detector, dataset = load(model, family=family, imgsz=imgsz, reads=reads), open_dataset(data)
    with show_progress() as progress:
        figures = diagnose(detector, dataset, images=images, progress=progress)
    write_figures(json_file, figures, model, data)
    show_diagnosis(figures)
    if not figures["sound"]:
        raise ModelError(figures["verdict"])
