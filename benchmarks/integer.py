"""What each part costs that runs in whole numbers: the network, its last layers, the suppression; accuracy and time.

    python benchmarks/integer.py yolov8-pico scenes --limit 100
    python benchmarks/integer.py yolov8n.pt coco300.yaml --imgsz 320 --recipes w8a8 w4a8 --limit 100

The first row is the float file, the others are the same quantised graph: with its last layers and its suppression in
float, with either in whole numbers, and with both, the class logits in codes of 8 bits and of 16. A network on codes
throughout has no float to fall back on, so the steps that would leave layers in float are left out. Times are medians
of one thread, in NumPy and ONNX Runtime, from the network input to its last result; candidates left out are those that
found no place in the memory, over all images.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import onnx_ir as ir
from arguments import Count, Names
from conditions import conditions, with_measure
from cyclopts import App
from markdown_table import markdown, refusal

import detquant
from detquant.data import Dataset, open_dataset
from detquant.errors import DetquantError
from detquant.families import Family
from detquant.integer.detector import IntegerDetector
from detquant.integer.head import HeadOptions
from detquant.integer.head.reading import LEFT_OUT
from detquant.numerics.arrays import Array
from detquant.pipeline.detector import Detector
from detquant.pipeline.evaluate import Side, run_over
from detquant.pipeline.job import Job
from detquant.recipes import Recipe, load_recipe
from detquant.targets import Runner, load_target

HEADER = ("recipe", "last layers", "suppression", "bits", "{measure}", "drop", "left out", "ms", "decode ms")
TEXTS = 4
RECIPES = ("w8a8",)
FALL_BACK = ("guard", "placement")
WAYS = (
    HeadOptions(last_layers="float", nms="float"),
    HeadOptions(last_layers="float", nms="int"),
    HeadOptions(nms="float"),
    HeadOptions(),
    HeadOptions(bits=16),
)

app = App(name="integer", help="Prints what whole numbers cost in accuracy, part by part, as a Markdown table.")


@dataclass(slots=True)
class Counting:
    """An integer detector as a runner, which counts the candidates that found no place."""

    detector: IntegerDetector
    left_out: int = 0

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """What the detector gives."""
        outputs = self.detector.run(feeds)
        self.left_out += int(outputs.get(LEFT_OUT, 0))
        return outputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all rows share.

    Attributes:
        detector: the float model.
        dataset: gives calibration and validation images.
        calib: number of calibration images.
        limit: number of validation images, or None for all.
    """

    detector: Detector
    dataset: Dataset
    calib: int
    limit: int | None

    def side(self, family: Family, runner: Runner) -> tuple[float, Side]:
        """Points and times of a model."""
        side = run_over(family, {"model": runner}, self.dataset, limit=self.limit).sides["model"]
        if side.accuracy is None:
            raise DetquantError(f"{self.dataset.name} has no labels, so there is no accuracy to measure.")
        return next(iter(side.accuracy.figures().values())), side


def in_integers(recipe: Recipe, setting: Setting) -> ir.Model:
    """The QDQ graph of a recipe, heads in integers too.

    Raises:
        RecipeError: there is no such recipe, or it leaves all in float.
    """
    steps = tuple(step for step in recipe.steps if step.name not in FALL_BACK)
    job = Job(
        detector=setting.detector,
        dataset=setting.dataset,
        recipe=replace(recipe, head="int", steps=steps),
        target=load_target("verilog"),
        calib=setting.calib,
    )
    return job.run().model.qdq()


def rows_of(name: str, setting: Setting, points: float) -> Iterator[tuple[str, ...]]:
    """The rows of a recipe.

    Args:
        name: of the recipe.
        setting: what all rows share.
        points: the float file's.

    Raises:
        DetquantError: there is no such recipe, or it cannot run in integers.
    """
    qdq = in_integers(load_recipe(name), setting)
    for way in WAYS:
        print(name, way, file=sys.stderr)
        detector = IntegerDetector(qdq, setting.detector.family, way)
        counting = Counting(detector)
        found, side = setting.side(detector.family, counting)
        words = (name, way.last_layers, way.nms, "" if way.in_float else str(way.bits))
        figures = (f"{found:.2f}", f"{points - found:.2f}", str(counting.left_out) if way.nms == "int" else "")
        yield (*words, *figures, f"{side.inference_ms:.0f}", f"{side.decode_ms:.1f}")


@app.default
def table(
    model: str,
    data: str,
    *,
    recipes: Names = None,
    imgsz: Count | None = None,
    calib: Count = 64,
    limit: Count | None = None,
) -> None:
    """Measure each row, and print the table.

    Args:
        model: Its file, or the name of an embedded one.
        data: Data set.
        recipes: A block of rows each; w8a8 unless given.
        imgsz: Side of the network input, where the file leaves it open.
        calib: Number of calibration images.
        limit: Measure on the first so many validation images only.
    """
    detector = detquant.load(model, imgsz=imgsz)
    setting = Setting(detector=detector, dataset=open_dataset(data), calib=calib, limit=limit)
    points, side = setting.side(detector.family, detector.open())
    rows = [("float", "", "", "", f"{points:.2f}", "", "", f"{side.inference_ms:.0f}", f"{side.decode_ms:.1f}")]
    for name in recipes or RECIPES:
        try:
            rows.extend(rows_of(name, setting, points))
        except DetquantError as error:
            rows.append(refusal([name], str(error), len(HEADER)))
    print(markdown(with_measure(HEADER, detector.family.task), rows, texts=TEXTS))
    print(conditions(calib, f"{limit or 'all'} validation images", "one thread", model))


if __name__ == "__main__":
    try:
        app()
    except DetquantError as error:
        sys.exit(f"integer: {error}")
