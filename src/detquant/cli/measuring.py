"""Commands that measure models, and look through them."""

from __future__ import annotations

from pathlib import Path

from detquant.cli.app import app
from detquant.cli.options import Confidence, Count, Json, Reads, Seed, check_json, check_out, write_figures


@app.command
def evaluate(
    model: Path,
    /,
    *,
    data: Path,
    target: str = "auto",
    family: str = "auto",
    imgsz: Count | None = None,
    preprocess: str | None = None,
    reads: Reads = None,
    threads: Count = 1,
    val_limit: Count | None = None,
    json_file: Json = None,
) -> None:
    """Measure a model, float or quantised: AP or top-1, and the time of preprocessing, inference and decoding.

    Args:
        model: ONNX, Darknet .cfg, checkpoint, TensorFlow, OpenVINO; or yolov8-pico, resnet-pico.
        data: A data.yaml, a COCO .json, a folder of images (perhaps in folders for each class), a .csv of class
            labels, or what ships with detquant: scenes, and crops for classifiers.
        target: Whose runtime it runs in, see detquant targets; auto is the one that the file was written for:
            LiteRT for .tflite, OpenVINO for its IR, PyTorch for .pt2, ONNX Runtime for all else.
        family: Detector family, found from the model by default.
        imgsz: Side of the input in pixels, for models that leave it open.
        preprocess: Of a classifier whose file does not tell it: unit, imagenet, imagenet-uncropped, tensorflow,
            caffe, or a .toml file.
        reads: How a detector is fed and read, where that is not what its family does: words such as "bgr 0..255 xyxy",
            see detquant doctor.
        threads: Of the runtime.
        val_limit: Measure on the first so many validation images only.
        json_file: Write the figures to this file.
    """
    from detquant.data import open_dataset
    from detquant.pipeline.detector import load
    from detquant.pipeline.evaluate import evaluate as run
    from detquant.pipeline.figures import evaluation_figures
    from detquant.report.progress import show_progress
    from detquant.report.table import show_evaluation

    check_json(json_file, model, data, preprocess)
    detector = load(model, family=family, imgsz=imgsz, preprocess=preprocess, reads=reads)
    dataset = open_dataset(data)
    with show_progress() as progress:
        found = run(detector, dataset, target=target, threads=threads, limit=val_limit, progress=progress)
    figures = evaluation_figures(detector, dataset, found)
    write_figures(json_file, figures, model, data, preprocess)
    show_evaluation(figures)


@app.command
def choose(
    model: Path,
    /,
    *,
    data: Path,
    recipe: str = "w8a8",
    family: str = "auto",
    calib: Count = 128,
    seed: Seed = 0,
    imgsz: Count | None = None,
    preprocess: str | None = None,
    reads: Reads = None,
    threads: Count = 1,
    val_limit: Count | None = None,
    decisions: Path | None = None,
    force: bool = False,
    json_file: Json = None,
) -> None:
    """Show what to run on this machine: the model in float and quantised on every runtime that is installed.

    Args:
        model: The float model: ONNX, Darknet .cfg, checkpoint, TensorFlow, OpenVINO; or yolov8-pico, resnet-pico.
        data: As for detquant quantize.
        recipe: A built-in recipe or a .toml file.
        family: Detector family, found from the model by default.
        calib: Number of calibration images.
        seed: Chooses the calibration images.
        imgsz: Side of the input in pixels, for models that leave it open.
        preprocess: Of a classifier whose file does not tell it, see detquant quantize.
        reads: How a detector is fed and read, see detquant doctor.
        threads: Of each runtime.
        val_limit: Measure on the first so many validation images only.
        decisions: The --json of an earlier run, or a report.json, whose decisions by the clock are taken again.
        force: Go on with a float model that finds nothing, or that is probably read wrongly.
        json_file: Write the figures to this file.
    """
    from detquant.data import open_dataset
    from detquant.pipeline.choose import choose as run
    from detquant.pipeline.detector import load
    from detquant.report.progress import show_progress
    from detquant.report.table import show_choice

    check_json(json_file, model, data, recipe, preprocess)
    detector = load(model, family=family, imgsz=imgsz, preprocess=preprocess, reads=reads)
    dataset = open_dataset(data, seed)
    with show_progress() as progress:
        report = run(
            detector,
            dataset,
            recipe=recipe,
            calib=calib,
            threads=threads,
            limit=val_limit,
            decisions=decisions,
            force=force,
            progress=progress,
        )
    write_figures(json_file, report.figures(), model, data, recipe, preprocess)
    show_choice(report)


@app.command
def benchmark(
    models: list[Path],
    /,
    *,
    target: str = "auto",
    family: str = "auto",
    imgsz: Count | None = None,
    reads: Reads = None,
    threads: Count = 1,
    runs: Count = 20,
    json_file: Json = None,
) -> None:
    """Time detectors side by side, taking turns in one process; ratios are to the first.

    Args:
        models: Model files, the first of them the reference.
        target: Whose runtime it runs in, see detquant targets; auto is the one that the file was written for:
            LiteRT for .tflite, OpenVINO for its IR, PyTorch for .pt2, ONNX Runtime for all else.
        family: Family of all of them, found from each by default.
        imgsz: Side of the input in pixels, for models that leave it open.
        reads: How all of them are fed and read, see detquant doctor.
        threads: Of the runtime.
        runs: Timed runs of each.
        json_file: Write the figures to this file.
    """
    from detquant.pipeline.benchmark import benchmark as run
    from detquant.pipeline.figures import benchmark_figures
    from detquant.report.table import show_benchmark

    check_json(json_file, *models)
    timed = run(models, family=family, imgsz=imgsz, reads=reads, target=target, threads=threads, runs=runs)
    figures = benchmark_figures(timed, threads=threads, runs=runs)
    write_figures(json_file, figures, *models)
    show_benchmark(figures)


@app.command
def predict(
    model: Path,
    images: list[Path],
    /,
    *,
    out: Path = Path("predictions"),
    confidence: Confidence = 0.25,
    target: str = "auto",
    family: str = "auto",
    imgsz: Count | None = None,
    preprocess: str | None = None,
    reads: Reads = None,
    threads: Count = 1,
    json_file: Json = None,
) -> None:
    """Find objects in images and draw them.

    Args:
        model: ONNX, Darknet .cfg, checkpoint, TensorFlow or OpenVINO file, float or quantised.
        images: Image files, or folders of them.
        out: Folder for the drawn images.
        confidence: Objects score more than this.
        target: Whose runtime it runs in, see detquant targets; auto is the one that the file was written for:
            LiteRT for .tflite, OpenVINO for its IR, PyTorch for .pt2, ONNX Runtime for all else.
        family: Detector family, found from the model by default.
        imgsz: Side of the input in pixels, for models that leave it open.
        preprocess: Of a classifier whose file does not tell it: unit, imagenet, imagenet-uncropped, tensorflow,
            caffe, or a .toml file.
        reads: How a detector is fed and read, where that is not what its family does: words such as "bgr 0..255 xyxy",
            see detquant doctor.
        threads: Of the runtime.
        json_file: Write the objects to this file.
    """
    from detquant.data import Skip
    from detquant.pipeline.detector import load
    from detquant.pipeline.figures import prediction_figures
    from detquant.pipeline.predict import image_paths, require_apart
    from detquant.pipeline.predict import predict as run
    from detquant.report.drawing import draw
    from detquant.report.files import staged
    from detquant.report.pictures import encode, free_names
    from detquant.report.report import skip_figures
    from detquant.report.table import show_predictions

    paths = image_paths(images)
    require_apart(images, out)
    names, read = free_names(paths, out), (model, preprocess, *paths)
    check_out(out, [name for some in names.values() for name in some], json_file, *read)
    detector = load(model, family=family, imgsz=imgsz, preprocess=preprocess, reads=reads)
    classes, skipped, drawn = detector.family.classes, list[Skip](), list[dict[str, object]]()
    opening = detector.opening(threads, target)
    with staged(out, filter(None, read)) as put:
        for one in run(detector, paths, skipped, confidence=confidence, opening=opening):
            name = names[one.path].pop(0)
            put(name, encode(draw(one.image, one.detections, classes), name))
            drawn.append(prediction_figures(one, classes, str(out / name)))
    figures = {
        "model": str(model),
        "target": opening.target,
        "confidence": confidence,
        "images": drawn,
        "notes": list(opening.notes),
        "skipped": skip_figures(skipped),
    }
    write_figures(json_file, figures, *read)
    show_predictions(figures)
