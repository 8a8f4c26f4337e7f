"""One graph is inspected, planned and quantised, and it is the same for either export of a network."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import onnx_ir as ir
import pytest

from detquant.calibration import QuantModel
from detquant.data.scenes import open_scenes
from detquant.graph.half_precision import to_half
from detquant.graph.values import constant
from detquant.pipeline.detector import load
from detquant.pipeline.inspection import inspect, integer_share, plan
from detquant.pipeline.job import Job
from detquant.recipes import load_recipe
from detquant.targets import load_target


def calibrated(model, target="ort") -> QuantModel:
    recipe = replace(load_recipe("w8a8"), steps=())
    scenes = open_scenes(calibration=2, validation=1)
    return Job(detector=load(model), dataset=scenes, recipe=recipe, target=load_target(target)).run().model


@pytest.mark.parametrize("target", ["ort", "openvino", "tflite", "opencv"])
def test_inspect_plan_and_quantize_show_one_graph(target):
    made = calibrated("yolov8-pico", target)
    detector = load("yolov8-pico")
    assert plan(detector, recipe="w8a8", target=target) == made.plan
    share = integer_share(made.reference, made.plan, load_target(target).capability)
    assert inspect(detector, target=target)["int8"] == asdict(share)


def test_a_float16_export_gives_the_codes_of_the_float32_one(tmp_path):
    ir.save(to_half(load("yolov8-pico").model), tmp_path / "half.onnx")
    full, half = (
        {name: constant(value) for name, value in calibrated(model).qdq().graph.initializers.items()}
        for model in ("yolov8-pico", tmp_path / "half.onnx")
    )
    assert full.keys() == half.keys()
    for name, array in full.items():
        np.testing.assert_array_equal(array, half[name], name)
