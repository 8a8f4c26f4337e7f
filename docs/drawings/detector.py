"""The embedded detector, calibrated by detquant on embedded scenes: what the pictures show."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import onnx_ir as ir

import detquant
from detquant.calibration import QuantModel
from detquant.data import read_image
from detquant.graph import OrtRunner
from detquant.graph.taps import with_taps_only
from detquant.numerics.arrays import Floats
from detquant.pipeline.detector import Detector
from detquant.pipeline.job import Job
from detquant.recipes import Step
from detquant.targets import load_target

MODEL, DATA, IMAGES = "yolov8-pico", "scenes", 32


@cache
def detector() -> Detector:
    """The detector in float."""
    return detquant.load(MODEL)


@cache
def calibrated(*steps: tuple[str, tuple[tuple[str, object], ...]], recipe: str = "w8a8") -> QuantModel:
    """The detector on the grids of a recipe, with these steps in place of its own.

    Args:
        steps: name and options of each.
        recipe: whose rules they are.
    """
    wish = detquant.load_recipe(recipe)
    taken = tuple(Step(name=name, options=dict(options)) for name, options in steps)
    wish = replace(wish, steps=taken, range_tolerance=0.0)
    job = Job(
        detector=detector(),
        dataset=detquant.open_dataset(DATA),
        recipe=wish,
        target=load_target("ort"),
        calib=IMAGES,
    )
    return job.run().model


@cache
def seen(tensor: str) -> Floats:
    """What a tensor of the float model holds on the first calibration scene."""
    model = calibrated().reference
    image = read_image(detquant.open_dataset(DATA).calibration[0])
    feed, _ = detector().family.preprocess(image)
    run = OrtRunner(with_taps_only(model, [tensor])).run({detector().family.input_name: feed})
    return np.asarray(run[tensor])


def layers(model: ir.Model) -> list[ir.Node]:
    """The convolutions in their order."""
    return [node for node in model.graph if node.op_type == "Conv"]
