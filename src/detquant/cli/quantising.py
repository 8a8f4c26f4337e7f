"""Commands that quantise, or show what quantising would do."""

# ruff: noqa: B008 (options are frozen, so one default may serve all calls)

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from detquant.cli.app import app
from detquant.cli.options import Json, Together, check_json, check_out, write_figures
from detquant.pipeline.options import Count, PlanOptions, QuantizeOptions, Seed, WorkflowOptions, name_of

NEXT = """Next, your own model:
  detquant inspect MODEL.onnx
  detquant quantize MODEL.onnx --data data.yaml
  detquant predict MODEL.onnx IMAGES"""


@app.command
def quantize(
    model: Path,
    /,
    *,
    data: Path,
    options: Annotated[QuantizeOptions, Together] = QuantizeOptions(),
    out: Path | None = None,
    json_file: Json = None,
) -> None:
    """Quantise a detector or classifier, and measure it beside the float model.

    Args:
        model: The float model: ONNX, Darknet .cfg, checkpoint, TensorFlow, OpenVINO; or yolov8-pico, resnet-pico.
        data: A data.yaml, a COCO .json, a folder of images (perhaps in folders for each class), a .csv of class
            labels, or what ships with detquant: scenes, and crops for classifiers.
        options: See `detquant.pipeline.options`.
        out: Folder for the result; by default MODEL-RECIPE in the current one.
        json_file: Write the figures to this file.
    """
    from detquant.errors import NotReached
    from detquant.pipeline.keywords import as_keywords
    from detquant.pipeline.outputs import REPORT_PAGE, files_of_quantize
    from detquant.pipeline.quantize import quantize as run
    from detquant.report.progress import show_progress
    from detquant.report.table import show_quantization

    maker = Path(name_of(options.wished)).stem if options.engine == "detquant" else options.engine
    folder = out or Path(f"{model.stem}-{maker}")
    read = (model, data, *options.files)
    check_out(folder, files_of_quantize(name_of(options.target), searches=options.searches), json_file, *read)
    with show_progress() as progress:
        result = run(model, data, **as_keywords(options, work=folder, progress=progress))
    result.save(folder)
    write_figures(json_file, result.report.figures(), *read)
    show_quantization(result.report)
    print(f"Written to {folder}; look at {folder / REPORT_PAGE}.")
    if result.missed:
        raise NotReached(result.missed)


@app.command
def plan(model: Path, /, *, options: Annotated[PlanOptions, Together] = PlanOptions(), json_file: Json = None) -> None:
    """Show what a recipe comes to on a detector and a target, tensor by tensor, before any image is read.

    Args:
        model: The float model: ONNX, Darknet .cfg, checkpoint, TensorFlow, OpenVINO; or yolov8-pico, resnet-pico.
        options: See `detquant.pipeline.options`.
        json_file: Write the plan to this file.
    """
    from detquant.pipeline.inspection import describe_plan
    from detquant.pipeline.inspection import plan as run
    from detquant.pipeline.keywords import as_keywords
    from detquant.report.table import show_plan

    read = (model, *options.files)
    check_json(json_file, *read)
    figures = describe_plan(run(model, **as_keywords(options)))
    write_figures(json_file, figures, *read)
    show_plan(figures)


@app.command
def inspect(
    model: Path, /, *, options: Annotated[PlanOptions, Together] = PlanOptions(), json_file: Json = None
) -> None:
    """Show what a model is made of, of what family it is, and how much of it would be quantised.

    Args:
        model: ONNX, Darknet .cfg, checkpoint, TensorFlow, OpenVINO; or yolov8-pico, resnet-pico.
        options: See `detquant.pipeline.options`.
        json_file: Write the figures to this file.
    """
    from detquant.pipeline.inspection import inspect as run
    from detquant.pipeline.keywords import as_keywords
    from detquant.report.table import show_inspection

    read = (model, *options.files)
    check_json(json_file, *read)
    figures = run(model, **as_keywords(options))
    write_figures(json_file, figures, *read)
    show_inspection(figures)


@app.command
def recipes(*, json_file: Json = None) -> None:
    """List the recipes that are built in, and the names that say the widths of weights and activations.

    Args:
        json_file: Write the list to this file.
    """
    from detquant.recipes.named import recipe_figures
    from detquant.report.table import show_recipes

    check_json(json_file)
    figures = recipe_figures()
    write_figures(json_file, figures)
    show_recipes(figures)


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
        threads: Number of threads of the runtime.
        seed: Chooses the calibration images.
        json_file: Write the figures to this file.
    """
    from detquant.pipeline.demo import demo as run
    from detquant.pipeline.outputs import REPORT_PAGE, files_of_demo
    from detquant.report.progress import show_progress
    from detquant.report.table import show_demo

    check_out(out, files_of_demo(), json_file)
    with show_progress() as progress:
        result = run(images=images, calib=calib, threads=threads, seed=seed, work=out, progress=progress)
    result.save(out)
    write_figures(json_file, result.report.figures())
    show_demo(result.report)
    print(f"Written to {out}; look at {out / REPORT_PAGE}.\n{NEXT}")


@app.command
def workflow(
    name: str,
    /,
    *,
    out: Path | None = None,
    options: Annotated[WorkflowOptions, Together] = WorkflowOptions(),
    json_file: Json = None,
) -> None:
    """Run a whole project: fetch, convert, quantise, predict, accuracy and latency before and after, in one table.

    Args:
        name: ssd-mobilenet-v1, yolov4, opencv-zoo, distiller, ssd300, or a .toml file.
        out: Folder for everything; by default of the workflow's name in the current one.
        options: See `detquant.pipeline.options`.
        json_file: Write the figures to this file.
    """
    from detquant.pipeline.keywords import as_keywords
    from detquant.pipeline.outputs import REPORT_PAGE
    from detquant.pipeline.workflow import Settings, run_workflow
    from detquant.recipes.workflow import load_workflow
    from detquant.report.progress import show_progress
    from detquant.report.table import show_workflow

    read = (name, *options.models, options.data, *options.recipes)
    check_json(json_file, *read)
    found, folder = load_workflow(name), out or Path(Path(name).stem)
    with show_progress() as progress:
        project = run_workflow(found, Settings(out=folder, **as_keywords(options, progress=progress)))
    write_figures(json_file, project.figures(), *read)
    show_workflow(project)
    print(f"Written to {folder}; look at {folder / REPORT_PAGE}.")
