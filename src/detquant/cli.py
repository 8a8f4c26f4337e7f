"""The command line: each command is a plain function that calls the pipeline and shows what comes back.

What a command needs is imported inside it, so `detquant --help` is quick.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter
from cyclopts.validators import Number

from detquant import __version__
from detquant.errors import DetquantError

UNREAD, FAILED, INTERRUPTED = 1, 2, 130

Count = Annotated[int, Parameter(validator=Number(gte=1))]
Seed = Annotated[int, Parameter(validator=Number(gte=0))]
Confidence = Annotated[float, Parameter(validator=Number(gte=0, lte=1))]
Json = Annotated[Path | None, Parameter(name="--json")]

NEXT = """Next, your own model:
  detquant inspect MODEL.onnx
  detquant quantize MODEL.onnx --data data.yaml
  detquant predict MODEL.onnx IMAGES"""
RESUMABLE = ("quantize", "demo", "fetch", "workflow")

app = App(
    name="detquant",
    help="Quantises object detectors to INT8 and proves that they still see.",
    version=__version__,
)


@app.command
def quantize(
    model: Path,
    /,
    *,
    data: Path,
    recipe: str = "w8a8",
    target: str = "ort",
    engine: str = "detquant",
    family: str = "auto",
    calib: Count = 128,
    out: Path | None = None,
    seed: Seed = 0,
    imgsz: Count | None = None,
    preprocess: str | None = None,
    threads: Count = 1,
    val_limit: Count | None = None,
    json_file: Json = None,
) -> None:
    """Quantise a detector or classifier, and measure it beside the float model.

    Args:
        model: The float model: ONNX, Darknet .cfg, checkpoint, TensorFlow, OpenVINO; or yolov8-pico, resnet-pico.
        data: A data.yaml, a COCO .json, a folder of images (perhaps in folders for each class), a .csv of class
            labels, or what ships with detquant: scenes, and crops for classifiers.
        recipe: A built-in recipe or a .toml file.
        target: Where the result is to run.
        engine: Who quantises: detquant, or nncf (for ort and openvino) to compare with; it follows no recipe.
        family: Detector family, found from the model by default.
        calib: Number of calibration images.
        out: Folder for the result; by default MODEL-RECIPE in the current one.
        seed: Chooses the calibration images.
        imgsz: Side of the input in pixels, for models that leave it open.
        preprocess: Of a classifier whose file does not tell it: unit, imagenet, imagenet-uncropped, tensorflow,
            caffe, or a .toml file.
        threads: Of the runtime.
        val_limit: Measure on the first so many validation images only.
        json_file: Write the figures to this file.
    """
    from detquant.pipeline.quantize import quantize as run
    from detquant.report.files import require_writable
    from detquant.report.progress import show_progress
    from detquant.report.table import show_quantization

    folder = out or Path(f"{model.stem}-{Path(recipe).stem if engine == 'detquant' else engine}")
    require_writable(folder)
    _check_json(json_file)
    with show_progress() as progress:
        result = run(
            model,
            data,
            recipe=recipe,
            target=target,
            engine=engine,
            family=family,
            imgsz=imgsz,
            preprocess=preprocess,
            calib=calib,
            seed=seed,
            threads=threads,
            val_limit=val_limit,
            work=folder,
            progress=progress,
        )
    result.save(folder)
    _write_json(json_file, result.report)
    show_quantization(result.report)
    print(f"Written to {folder}.")


@app.command
def evaluate(
    model: Path,
    /,
    *,
    data: Path,
    target: str = "ort",
    family: str = "auto",
    imgsz: Count | None = None,
    preprocess: str | None = None,
    threads: Count = 1,
    val_limit: Count | None = None,
    json_file: Json = None,
) -> None:
    """Measure a model, float or quantised: AP or top-1, and the time of preprocessing, inference and decoding.

    Args:
        model: ONNX, Darknet .cfg, checkpoint, TensorFlow, OpenVINO; or yolov8-pico, resnet-pico.
        data: A data.yaml, a COCO .json, a folder of images (perhaps in folders for each class), a .csv of class
            labels, or what ships with detquant: scenes, and crops for classifiers.
        target: Whose runtime it runs in, see detquant targets.
        family: Detector family, found from the model by default.
        imgsz: Side of the input in pixels, for models that leave it open.
        preprocess: Of a classifier whose file does not tell it: unit, imagenet, imagenet-uncropped, tensorflow,
            caffe, or a .toml file.
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

    _check_json(json_file)
    detector = load(model, family=family, imgsz=imgsz, preprocess=preprocess)
    dataset = open_dataset(data)
    with show_progress() as progress:
        found = run(detector, dataset, target=target, threads=threads, limit=val_limit, progress=progress)
    figures = evaluation_figures(detector, dataset, found)
    _write_json(json_file, figures)
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
    threads: Count = 1,
    val_limit: Count | None = None,
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
        threads: Of each runtime.
        val_limit: Measure on the first so many validation images only.
        json_file: Write the figures to this file.
    """
    from detquant.data import open_dataset
    from detquant.pipeline.choose import choose as run
    from detquant.pipeline.detector import load
    from detquant.report.progress import show_progress
    from detquant.report.table import show_choice

    _check_json(json_file)
    detector, dataset = load(model, family=family, imgsz=imgsz, preprocess=preprocess), open_dataset(data, seed)
    with show_progress() as progress:
        figures = run(
            detector, dataset, recipe=recipe, calib=calib, threads=threads, limit=val_limit, progress=progress
        )
    _write_json(json_file, figures)
    show_choice(figures)


@app.command
def benchmark(
    models: list[Path],
    /,
    *,
    target: str = "ort",
    family: str = "auto",
    imgsz: Count | None = None,
    threads: Count = 1,
    runs: Count = 20,
    json_file: Json = None,
) -> None:
    """Time detectors side by side, taking turns in one process; ratios are to the first.

    Args:
        models: Model files, the first of them the reference.
        target: Whose runtime it runs in, see detquant targets.
        family: Family of all of them, found from each by default.
        imgsz: Side of the input in pixels, for models that leave it open.
        threads: Of the runtime.
        runs: Timed runs of each.
        json_file: Write the figures to this file.
    """
    from detquant.pipeline.benchmark import benchmark as run
    from detquant.pipeline.figures import benchmark_figures
    from detquant.report.table import show_benchmark

    _check_json(json_file)
    timed = run(models, family=family, imgsz=imgsz, target=target, threads=threads, runs=runs)
    figures = benchmark_figures(timed, threads=threads, runs=runs)
    _write_json(json_file, figures)
    show_benchmark(figures)


@app.command
def inspect(
    model: Path,
    /,
    *,
    recipe: str = "w8a8",
    target: str = "ort",
    family: str = "auto",
    imgsz: Count | None = None,
    json_file: Json = None,
) -> None:
    """Show what a detector is made of, and how much of it would be quantised.

    Args:
        model: ONNX, Darknet .cfg, checkpoint, TensorFlow, OpenVINO; or yolov8-pico, resnet-pico.
        recipe: A built-in recipe or a .toml file.
        target: Where the result would run.
        family: Detector family, found from the model by default.
        imgsz: Side of the input in pixels, for models that leave it open.
        json_file: Write the figures to this file.
    """
    from detquant.pipeline.detector import load
    from detquant.pipeline.inspection import inspect as run
    from detquant.report.table import show_inspection

    _check_json(json_file)
    figures = run(load(model, family=family, imgsz=imgsz), recipe=recipe, target=target)
    _write_json(json_file, figures)
    show_inspection(figures)


@app.command
def plan(
    model: Path,
    /,
    *,
    recipe: str = "w8a8",
    target: str = "ort",
    family: str = "auto",
    imgsz: Count | None = None,
    json_file: Json = None,
) -> None:
    """Show what a recipe comes to on a detector and a target, tensor by tensor, before any image is read.

    Args:
        model: The float model: ONNX, Darknet .cfg, checkpoint, TensorFlow, OpenVINO; or yolov8-pico, resnet-pico.
        recipe: A built-in recipe or a .toml file.
        target: Where the result would run.
        family: Detector family, found from the model by default.
        imgsz: Side of the input in pixels, for models that leave it open.
        json_file: Write the plan to this file.
    """
    from detquant.pipeline.detector import load
    from detquant.pipeline.inspection import describe_plan, make_plan
    from detquant.report.table import show_plan

    _check_json(json_file)
    figures = describe_plan(make_plan(load(model, family=family, imgsz=imgsz), recipe, target))
    _write_json(json_file, figures)
    show_plan(figures)


@app.command
def predict(
    model: Path,
    images: list[Path],
    /,
    *,
    out: Path = Path("predictions"),
    confidence: Confidence = 0.25,
    target: str = "ort",
    family: str = "auto",
    imgsz: Count | None = None,
    preprocess: str | None = None,
    threads: Count = 1,
    json_file: Json = None,
) -> None:
    """Find objects in images and draw them.

    Args:
        model: ONNX, Darknet .cfg, checkpoint, TensorFlow or OpenVINO file, float or quantised.
        images: Image files, or folders of them.
        out: Folder for the drawn images.
        confidence: Objects score more than this.
        target: Whose runtime it runs in, see detquant targets.
        family: Detector family, found from the model by default.
        imgsz: Side of the input in pixels, for models that leave it open.
        preprocess: Of a classifier whose file does not tell it: unit, imagenet, imagenet-uncropped, tensorflow,
            caffe, or a .toml file.
        threads: Of the runtime.
        json_file: Write the objects to this file.
    """
    from detquant.data import Skip
    from detquant.pipeline.detector import load
    from detquant.pipeline.figures import prediction_figures, skip_figures
    from detquant.pipeline.predict import predict as run
    from detquant.report.drawing import draw
    from detquant.report.files import require_writable, staged
    from detquant.report.pictures import encode, free_name
    from detquant.report.table import show_predictions

    require_writable(out)
    _check_json(json_file)
    detector = load(model, family=family, imgsz=imgsz, preprocess=preprocess)
    classes, skipped, drawn = detector.family.classes, list[Skip](), dict[str, dict[str, object]]()
    with staged(out) as put:
        for one in run(detector, images, skipped, confidence=confidence, target=target, threads=threads):
            name = free_name(one.path, out, drawn)
            put(name, encode(draw(one.image, one.detections, classes), name))
            drawn[name] = prediction_figures(one, classes, str(out / name))
    figures = {
        "model": str(model),
        "confidence": confidence,
        "images": list(drawn.values()),
        "skipped": skip_figures(skipped),
    }
    _write_json(json_file, figures)
    show_predictions(figures)


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
        json_file: Write the figures to this file.
    """
    from detquant.pipeline.detector import load
    from detquant.pipeline.export import export as run
    from detquant.report.files import require_writable, staged
    from detquant.report.table import show_export

    folder = out or Path("-".join(filter(None, (model.stem, target, precision))))
    require_writable(folder)
    _check_json(json_file)
    artefact, figures = run(load(model, family=family, imgsz=imgsz, preprocess=preprocess), target, precision)
    with staged(folder) as put:
        for name, content in artefact.files.items():
            put(name, content)
    _write_json(json_file, figures)
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

    _check_json(json_file)
    figures = target_figures()
    _write_json(json_file, figures)
    show_targets(figures)


@app.command
def workflow(
    name: str,
    /,
    *,
    out: Path | None = None,
    model: list[Path] | None = None,
    data: Path | None = None,
    target: str | None = None,
    recipe: str | None = None,
    calib: Count | None = None,
    val_limit: Count | None = None,
    seed: Seed = 0,
    threads: Count = 1,
    runs: Count = 20,
    json_file: Json = None,
) -> None:
    """Run a whole project: fetch, convert, quantise, predict, accuracy and latency before and after, in one table.

    Args:
        name: ssd-mobilenet-v1, yolov4, opencv-zoo, or a .toml file.
        out: Folder for everything; by default of the workflow's name in the current one.
        model: A file to take instead of the zoo's; may be given several times.
        data: A data set to take instead of the zoo's, as for detquant quantize.
        target: Instead of the workflow's.
        recipe: Instead of the workflow's.
        calib: Number of calibration images, instead of the workflow's.
        val_limit: Measure on the first so many validation images, instead of the workflow's number.
        seed: Chooses the calibration images.
        threads: Of the runtime.
        runs: Timed runs of each precision.
        json_file: Write the figures to this file.
    """
    from dataclasses import replace

    from detquant.pipeline.workflow import Settings, run_workflow
    from detquant.recipes.workflow import load_workflow
    from detquant.report.progress import show_progress
    from detquant.report.table import show_workflow

    _check_json(json_file)
    found, folder = load_workflow(name), out or Path(Path(name).stem)
    wanted = replace(
        found,
        target=target or found.target,
        recipe=recipe or found.recipe,
        calib=calib or found.calib,
        images=val_limit or found.images,
    )
    with show_progress() as progress:
        settings = Settings(
            out=folder, models=model or (), data=data, threads=threads, runs=runs, seed=seed, progress=progress
        )
        figures = run_workflow(wanted, settings)
    _write_json(json_file, figures)
    show_workflow(figures)
    print(f"Written to {folder}.")


@app.command
def scenes(folder: Path, /, *, images: Count = 500, validation: Count = 200, seed: Seed = 0) -> None:
    """Write the embedded scenes as files: an Ultralytics data set that has COCO annotations too.

    Args:
        folder: To make; an empty one is taken.
        images: Of the train split.
        validation: Images of the val split.
        seed: Of the pictures.
    """
    from detquant.data import export_scenes
    from detquant.report.progress import show_progress

    with show_progress() as progress:
        data = export_scenes(folder, images, seed, validation=validation, progress=progress)
    print(f"Written to {folder}: {images} train and {validation} val images, with labels and COCO annotations.")
    print(f"Next: detquant quantize yolov8-pico --data {shlex.quote(os.path.relpath(data))}")


@app.command
def demo(
    *,
    out: Path = Path("demo-out"),
    images: Count = 300,
    calib: Count = 128,
    threads: Count = 1,
    seed: Seed = 0,
    json_file: Json = None,
) -> None:
    """Show on the embedded detector and scenes what quantisation costs: done naively, and done by detquant.

    Args:
        out: Folder for the models, the report and the picture.
        images: Number of scenes to measure on.
        calib: Number of calibration images.
        threads: Of the runtime.
        seed: Chooses the calibration images.
        json_file: Write the figures to this file.
    """
    from detquant.pipeline.demo import demo as run
    from detquant.report.files import require_writable
    from detquant.report.progress import show_progress
    from detquant.report.table import show_demo

    require_writable(out)
    _check_json(json_file)
    with show_progress() as progress:
        result = run(images=images, calib=calib, threads=threads, seed=seed, work=out, progress=progress)
    result.save(out)
    _write_json(json_file, result.report)
    show_demo(result.report)
    print(f"Written to {out}; look at {out / result.report['picture']['file']}.\n{NEXT}")


@app.command
def zoo(*, json_file: Json = None) -> None:
    """List models and data sets of the field that can be fetched: size, licence, published accuracy, source.

    Args:
        json_file: Write the list to this file.
    """
    from detquant.report.table import show_zoo
    from detquant.zoo import zoo_figures

    _check_json(json_file)
    figures = zoo_figures()
    _write_json(json_file, figures)
    show_zoo(figures)


@app.command
def fetch(name: str, /, *, out: Path = Path("."), sha256: str = "", json_file: Json = None) -> None:
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
    _check_json(json_file)
    with show_progress() as progress:
        figures = fetch_figures(run(entry, out, sha256=sha256, progress=progress))
    _write_json(json_file, figures)
    show_fetch(figures)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
        arguments: without the program's name; by default those of the process.

    Returns:
        The exit code: 0; 1 when nobody reads the output; 2 for anything the user can act on, said in one
        sentence on stderr; 130 when interrupted.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        command, bound, _ = app.parse_args(arguments, exit_on_error=False, print_error=False)
        command(*bound.args, **bound.kwargs)
        sys.stdout.flush()
    except KeyboardInterrupt:
        again = ": run the same command again to resume" if arguments and arguments[0] in RESUMABLE else ""
        return _say(f"Interrupted{again}.", INTERRUPTED)
    except BrokenPipeError:  # `detquant plan ... | head`: nobody reads on, so there is no one to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD
    except (DetquantError, CycloptsError) as error:
        return _say(str(error), FAILED)
    except OSError as error:
        place = f"'{error.filename}': " if error.filename else ""
        return _say(f"{place}{error.strerror or error}.", FAILED)
    return 0


def _say(message: str, code: int) -> int:
    """One line on stderr, whatever the message was made from."""
    print("detquant:", " ".join(line.strip() for line in message.splitlines()), file=sys.stderr)
    return code


def _check_json(path: Path | None) -> None:
    """Fails before the work if the figures could not be written after it."""
    from detquant.report.files import require_writable_file

    if path:
        require_writable_file(path)


def _write_json(path: Path | None, figures: dict[str, object]) -> None:
    from detquant.report.files import write_json

    if path:
        write_json(path, figures)
