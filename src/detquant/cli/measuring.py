"""Commands that measure models, and look through them."""

# ruff: noqa: B008 (options are frozen, so one default may serve all calls)

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from detquant.cli.app import app
from detquant.cli.options import Json, Together, check_json, check_out, write_figures
from detquant.pipeline.options import BenchmarkOptions, ChooseOptions, EvaluateOptions, PredictOptions


@app.command
def evaluate(
    model: Path,
    /,
    *,
    data: Path,
    options: Annotated[EvaluateOptions, Together] = EvaluateOptions(),
    json_file: Json = None,
) -> None:
    """Measure a model, float or quantised: AP or top-1, and the time of preprocessing, inference and decoding.

    Args:
        model: ONNX, Darknet .cfg, checkpoint, TensorFlow, OpenVINO; or yolov8-pico, resnet-pico.
        data: A data.yaml, a COCO .json, a folder of images (perhaps in folders for each class), a .csv of class
            labels, or what ships with detquant: scenes, and crops for classifiers.
        options: See `detquant.pipeline.options`.
        json_file: Write the figures to this file.
    """
    from detquant.pipeline.evaluate import evaluate as run
    from detquant.pipeline.keywords import as_keywords
    from detquant.report.progress import show_progress
    from detquant.report.table import show_evaluation

    read = (model, data, *options.files)
    check_json(json_file, *read)
    with show_progress() as progress:
        figures = run(model, data, **as_keywords(options, progress=progress)).figures()
    write_figures(json_file, figures, *read)
    show_evaluation(figures)


@app.command
def choose(
    model: Path,
    /,
    *,
    data: Path,
    options: Annotated[ChooseOptions, Together] = ChooseOptions(),
    out: Path | None = None,
    json_file: Json = None,
) -> None:
    """Show what to run on this machine: the model in float and quantised on every runtime that is installed.

    Args:
        model: The float model: ONNX, Darknet .cfg, checkpoint, TensorFlow, OpenVINO; or yolov8-pico, resnet-pico.
        data: As for detquant quantize.
        options: See `detquant.pipeline.options`.
        out: Folder for report.json, report.html and its pictures; without it nothing is written.
        json_file: Write the figures to this file.
    """
    from detquant.pipeline.choose import choice, save_choice
    from detquant.pipeline.outputs import REPORT, REPORT_PAGE, pictures
    from detquant.report.progress import show_progress
    from detquant.report.table import show_choice

    read = (model, data, *options.files)
    if out is None:
        check_json(json_file, *read)
    else:
        check_out(out, [REPORT, REPORT_PAGE, *pictures()], json_file, *read)
    with show_progress() as progress:
        report, shown = choice(model, data, replace(options, progress=progress))
    if out is not None:
        save_choice(report, shown, out)
    write_figures(json_file, report.figures(), *read)
    show_choice(report)
    if out is not None:
        print(f"Written to {out}; look at {out / REPORT_PAGE}.")


@app.command
def benchmark(
    models: list[Path],
    /,
    *,
    options: Annotated[BenchmarkOptions, Together] = BenchmarkOptions(),
    json_file: Json = None,
) -> None:
    """Time detectors side by side, taking turns in one process; ratios are to the first.

    Args:
        models: Model files, the first of them the reference.
        options: See `detquant.pipeline.options`.
        json_file: Write the figures to this file.
    """
    from detquant.pipeline.benchmark import benchmark as run
    from detquant.pipeline.figures import benchmark_figures
    from detquant.pipeline.keywords import as_keywords
    from detquant.report.table import show_benchmark

    read = (*models, *options.files)
    check_json(json_file, *read)
    timed = run(models, **as_keywords(options))
    figures = benchmark_figures(timed, threads=options.threads, runs=options.runs)
    write_figures(json_file, figures, *read)
    show_benchmark(figures)


@app.command
def predict(
    model: Path,
    images: list[Path],
    /,
    *,
    out: Path = Path("predictions"),
    options: Annotated[PredictOptions, Together] = PredictOptions(),
    json_file: Json = None,
) -> None:
    """Find objects in images and draw them.

    Args:
        model: ONNX, Darknet .cfg, checkpoint, TensorFlow or OpenVINO file, float or quantised.
        images: Image files, or folders of them.
        out: Folder for the drawn images.
        options: See `detquant.pipeline.options`.
        json_file: Write the objects to this file.
    """
    from detquant.data import Skip
    from detquant.pipeline.detector import as_detector
    from detquant.pipeline.figures import prediction_figures
    from detquant.pipeline.predict import image_paths, predictions, require_apart, threshold_for
    from detquant.report.drawing import draw
    from detquant.report.files import staged
    from detquant.report.pictures import encode, free_names
    from detquant.report.report import skip_figures
    from detquant.report.table import show_predictions

    paths = image_paths(images)
    require_apart(images, out)
    names, read = free_names(paths, out), (model, *options.files, *paths)
    check_out(out, [name for some in names.values() for name in some], json_file, *read)
    detector = as_detector(model, options)
    skipped, drawn = list[Skip](), list[dict[str, object]]()
    opening = detector.opening(options.threads, options.target)
    confidence, said = threshold_for(detector, options.confidence)
    with staged(out, filter(None, read)) as put:
        for one in predictions(detector.family, opening.runner, paths, skipped, confidence):
            name = names[one.path].pop(0)
            put(name, encode(draw(one.image, one.detections, one.classes), name))
            drawn.append(prediction_figures(one, str(out / name)))
    figures = {
        "model": str(model),
        "target": opening.target,
        "confidence": confidence,
        "images": drawn,
        "notes": [*opening.notes, *said],
        "skipped": skip_figures(skipped),
    }
    write_figures(json_file, figures, *read)
    show_predictions(figures)
