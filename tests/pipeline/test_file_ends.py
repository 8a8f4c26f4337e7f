"""One detector in the forms in which people export it: whatever its file takes, it sees what the original sees."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from detquant.data.scenes.embedded import open_scenes
from detquant.embedded import embedded_model
from detquant.errors import ModelError
from detquant.graph.half_precision import to_half
from detquant.graph.original_ends import End, Ends, ends_of, with_original_ends
from detquant.graph.prepare import prepare
from detquant.graph.values import new_initializer
from detquant.pipeline.benchmark import benchmark
from detquant.pipeline.detector import Detector, load
from detquant.pipeline.evaluate import evaluate
from detquant.pipeline.export import export
from detquant.pipeline.inspection import inspect, plan
from detquant.pipeline.predict import predict
from detquant.pipeline.quantize import quantize
from detquant.recipes import Fixed, load_recipe
from detquant.targets import load_target

AP = 57.11
"""Of the original on the first 40 scenes."""
SIDE = 256
WHOLE = load_recipe("w8a8")
PLAIN = replace(WHOLE, steps=())
LAST = (1, SIDE, SIDE, 3)
FIRST = (1, 3, SIDE, SIDE)


def original() -> ir.Model:
    return prepare(ir.load(embedded_model("yolov8-pico")))


def behind_the_image(model: ir.Model, *rows: tuple[str, list[np.ndarray], dict[str, object]]) -> ir.Model:
    """Puts operators with constants between the image and the network, the first next to the image."""
    graph, [image] = model.graph, model.graph.inputs
    uses, value, made = list(image.uses()), image, []
    for number, (kind, constants, words) in enumerate(rows):
        inputs = [value, *(new_initializer(graph, f"k{number}_{k}", one) for k, one in enumerate(constants))]
        made.append(ir.node(kind, inputs, words, name=f"step{number}"))
        value = made[-1].outputs[0]
        value.name = f"step{number}"
    for use in uses:
        use.node.replace_input_with(use.idx, value)
    for node in reversed(made):
        graph.insert_before(graph[0], node)
    return model


def f32(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def ended(model: ir.Model, dtype: ir.DataType, shape=FIRST, gives=ir.DataType.FLOAT) -> ir.Model:
    image = End(dtype=dtype, channels_last=shape == LAST, shape=shape)
    return with_original_ends(model, Ends(inputs={"images": image}, outputs={"output0": End(dtype=gives)}))


DIVIDE = ("Div", [f32(255)], {})
TURN = ("Gather", [np.array([2, 1, 0])], {"axis": 1})
HALF, BYTES = ir.DataType.FLOAT16, ir.DataType.UINT8

FORMS = {
    "divided": lambda: behind_the_image(original(), DIVIDE),
    "divided and turned": lambda: behind_the_image(original(), TURN, DIVIDE),
    "turned": lambda: behind_the_image(original(), TURN),
    "from -1 to 1": lambda: behind_the_image(original(), ("Add", [f32(1)], {}), ("Mul", [f32(0.5)], {})),
    "bytes": lambda: ended(behind_the_image(original(), DIVIDE), BYTES),
    "bytes, channels last": lambda: ended(behind_the_image(original(), TURN, DIVIDE), BYTES, LAST),
    "signed bytes": lambda: ended(behind_the_image(original(), ("Add", [f32(128)], {}), DIVIDE), ir.DataType.INT8),
    "channels last": lambda: ended(original(), ir.DataType.FLOAT, LAST),
    "half": lambda: ended(to_half(original()), HALF, gives=HALF),
    "half inside": lambda: to_half(original()),
    "double": lambda: ended(original(), ir.DataType.DOUBLE, gives=ir.DataType.DOUBLE),
}
NEARLY = ("half", "half inside")


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("forms")
    paths = {}
    for number, (name, make) in enumerate(FORMS.items()):
        paths[name] = folder / f"form{number}.onnx"
        model = make()
        onnx.checker.check_model(ir.to_proto(model), full_check=True)
        ir.save(model, paths[name])
    return paths


@pytest.fixture(scope="module")
def scenes():
    return open_scenes(calibration=8, validation=40)


def found(detector: Detector, scenes, target: str = "ort", count: int = 2) -> list[np.ndarray]:
    seen = predict(detector, scenes.validation[:count], target=target)
    return [np.column_stack([one.detections.xyxy, one.detections.confidence]) for one in seen]


@pytest.fixture(scope="module")
def expected(scenes) -> list[np.ndarray]:
    return found(load("yolov8-pico"), scenes)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_sees_the_same(files, scenes, expected, form):
    detector = load(files[form])
    for theirs, ours in zip(found(detector, scenes), expected, strict=True):
        assert theirs.shape == ours.shape
        np.testing.assert_allclose(theirs, ours, atol=1.0 if form in NEARLY else 0.02)
    names = {value.name: value.dtype for value in (*detector.model.graph.inputs, *detector.model.graph.outputs)}
    assert set(names.values()) == {ir.DataType.FLOAT}
    assert tuple(detector.model.graph.inputs[0].shape) == FIRST


@pytest.mark.parametrize("form", ["bytes, channels last", "half"])
def test_their_accuracy_is_that_of_the_original(files, scenes, form):
    accuracy = evaluate(load(files[form]), scenes).accuracy
    assert accuracy is not None and accuracy.figures()["ap"] == pytest.approx(AP, abs=0.15)


@pytest.mark.parametrize("target", ["openvino", "opencv", "tflite"])
@pytest.mark.parametrize("form", ["bytes, channels last", "half"])
def test_every_place_runs_them_and_says_where_it_brings_them_to_its_own(files, scenes, expected, form, target):
    place = load_target(target)
    if place.missing():
        pytest.skip(f"the runtime of {target} is not installed")
    detector = load(files[form])
    for theirs, ours in zip(found(detector, scenes, target), expected, strict=True):
        assert theirs.shape == ours.shape
        np.testing.assert_allclose(theirs, ours, atol=1.0 if form in NEARLY else 0.1)
    notes = evaluate(detector, scenes, target=target, val_limit=1).notes
    assert any("float32" in note for note in notes) is not place.keeps_ends


@pytest.mark.parametrize(
    ("form", "recipe"),
    [
        ("bytes, channels last", PLAIN),
        ("half", PLAIN),
        pytest.param("bytes, channels last", WHOLE, marks=pytest.mark.slow),
        pytest.param("divided", PLAIN, marks=pytest.mark.slow),
        pytest.param("channels last", PLAIN, marks=pytest.mark.slow),
    ],
    ids=lambda one: one if isinstance(one, str) else f"{len(one.steps)} steps",
)
def test_what_is_quantised_takes_and_gives_what_the_file_did(files, scenes, tmp_path, form, recipe):
    result = quantize(files[form], scenes, recipe=recipe, calib=4, val_limit=8)
    assert result.report.drop < 4
    notes = result.report.figures()["notes"]
    assert any("it is fed" in note for note in notes) is (form not in ("half", "channels last"))
    assert not any(note.startswith("The file takes") for note in notes)
    result.save(tmp_path / "made")
    before, after = (ends_of(ir.load(path).graph) for path in (files[form], tmp_path / "made" / "model.onnx"))
    assert after.inputs == before.inputs
    assert {name: end.dtype for name, end in after.outputs.items()} == {"output0": before.outputs["output0"].dtype}
    again = load(tmp_path / "made" / "model.onnx")
    assert again.family.form == load(files[form]).family.form
    measured = evaluate(again, scenes, val_limit=8).accuracy
    assert measured is not None
    assert measured.figures()["ap"] == pytest.approx(result.report.row("quantized").value("ap"), abs=1e-6)


def test_bytes_are_rounded_to_nothing_else(files, scenes):
    """The image's grid is that of pixels, so nothing is lost before the first convolution."""
    detector = load(files["bytes, channels last"])
    assert detector.family.pixel_range == (0, 255) and detector.ranges == {"images": (0, 255)}
    assert [node.op_type for node in detector.model.graph][:2] == ["Conv", "Sigmoid"]


def test_where_arithmetic_stays_its_range_is_known(tmp_path):
    mean = f32(10, 20, 30).reshape(1, 3, 1, 1)
    ir.save(behind_the_image(original(), ("Sub", [mean], {}), DIVIDE), tmp_path / "mean.onnx")
    detector = load(tmp_path / "mean.onnx")  # its first convolution has a border
    assert detector.ranges == {"images": (0, 255), "step1": pytest.approx((-30 / 255, 245 / 255), abs=1e-4)}
    planned = plan(detector, recipe="w8a8", target="openvino").points["step1"]
    assert isinstance(planned, Fixed) and planned.high == pytest.approx(245 / 255, abs=1e-4)


def test_half_precision_is_said_where_a_place_takes_other_files(files, scenes):
    result = quantize(files["half"], scenes, recipe=PLAIN, target="opencv", calib=2, val_limit=2)
    assert any(
        note.startswith("The file takes") and "images as float16 1 × 3 × 256 × 256 (NCHW)" in note
        for note in result.report.figures()["notes"]
    )


@pytest.mark.parametrize("form", ["bytes, channels last", "half"])
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_exports_keep_the_ends_too(files, form, precision):
    detector = load(files[form])
    exported = export(detector, "ort", precision=precision)
    made = ir.from_proto(onnx.load_from_string(exported.artefact.files["model.onnx"]))
    assert ends_of(made.graph).inputs == ends_of(ir.load(files[form]).graph).inputs
    assert exported.difference < 0.05


def test_they_are_timed_and_inspected(files):
    timed = benchmark([files["bytes, channels last"], files["half"]], runs=2)
    assert len(timed) == 2 and all(one.latency.median_ms > 0 for one in timed)
    told = inspect(load(files["bytes, channels last"]))
    assert told["inputs"]["images"] == {
        "element": "uint8",
        "shape": [1, SIDE, SIDE, 3],
        "layout": "NHWC",
        "words": "uint8 1 × 256 × 256 × 3 (NHWC)",
    }
    assert told["fed"] == "The graph takes uint8, computes x / 255 and turns the channels: it is fed BGR 0 to 255."
    assert inspect(load("yolov8-pico"))["fed"] == "RGB 0 to 1: the graph does nothing to its image."


@pytest.mark.parametrize(
    ("shape", "said"),
    [([1, 2, 64, 64], "images of 2"), ([4, 3, 64, 64], "takes 4 images at once"), ([1, 4, 64, 64], "images of 4")],
)
def test_other_images_are_refused_in_words(build, tmp_path, shape, said):
    weight = {"w": np.ones((4, shape[1], 1, 1), np.float32)}
    model = build([("Conv", ["x", "w"], ["y"], {})], {"x": shape}, {"y": None}, weight)
    ir.save(model, tmp_path / "other.onnx")
    with pytest.raises(ModelError, match=said):
        load(tmp_path / "other.onnx")
