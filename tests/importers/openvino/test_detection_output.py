"""SSDs of Open Model Zoo's form, with PriorBox and DetectionOutput: their detections against OpenVINO's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

openvino = pytest.importorskip("openvino", reason="the extra openvino is not installed")
from openvino import opset1, opset8, opset13  # noqa: E402

from detquant.errors import UnsupportedOperator  # noqa: E402
from detquant.families import Detections, Geometry  # noqa: E402
from detquant.importers import load_model  # noqa: E402
from detquant.pipeline.detector import Detector, load  # noqa: E402

ops = opset13
SIDE, CLASSES, ANCHORS = 64, 4, 4
VARIANCES = [0.1, 0.1, 0.2, 0.2]
ATTRIBUTES = {
    "background_label_id": 0,
    "top_k": -1,
    "keep_top_k": [50],
    "code_type": "caffe.PriorBoxParameter.CENTER_SIZE",
    "share_location": True,
    "nms_threshold": 0.45,
    "confidence_threshold": 0.01,
    "normalized": True,
    "input_height": 1,
    "input_width": 1,
    "variance_encoded_in_target": False,
    "clip_before_nms": False,
    "clip_after_nms": False,
    "decrease_label_id": False,
    "objectness_score": 0.0,
}
PRIORS = {"offset": 0.5, "step": 0.0, "clip": False, "variance": VARIANCES}


def integers(*values: int) -> Any:
    return ops.constant(np.array(values, np.int64))


def conv(x: Any, outs: int, seed: int, size: int = 1, stride: int = 1) -> Any:
    ins = int(x.get_output_shape(0)[1])
    weight = np.random.default_rng(seed).standard_normal((outs, ins, size, size)) / np.sqrt(ins * size)
    pads = [size // 2] * 2
    return ops.convolution(x, ops.constant(weight.astype(np.float32)), [stride] * 2, pads, pads, [1, 1])


def sides(x: Any) -> Any:
    return ops.gather(ops.shape_of(x, "i64"), integers(2, 3), ops.constant(np.int64(0)))


def flat(x: Any) -> Any:
    return ops.reshape(ops.transpose(x, integers(0, 2, 3, 1)), integers(1, -1), False)


def ssd(priors: Any = None, change: Any = None, **changes: Any) -> Any:
    """Two maps; the first has PriorBox, the second PriorBoxClustered."""
    image = ops.parameter([1, 3, SIDE, SIDE], np.float32, "data")
    image.output(0).set_names({"data"})
    fine = ops.relu(conv(image, 8, 0, 3, 4))
    coarse = ops.relu(conv(fine, 8, 1, 3, 2))
    box = PRIORS | {"min_size": [20.0], "max_size": [30.0], "aspect_ratio": [2.0], "flip": True}
    clustered = {"width": [30.0, 20.0, 50.0, 12.0], "height": [20.0, 40.0, 50.0, 60.0]}
    made = [
        opset1.prior_box(sides(fine), sides(image), box | {"scale_all_sizes": True}),
        opset1.prior_box_clustered(sides(coarse), sides(image), PRIORS | {"step_w": 0.0, "step_h": 0.0} | clustered),
    ]
    priors = priors or ops.unsqueeze(ops.concat(made, 1), integers(0))
    codes = ops.concat([flat(conv(x, 4 * ANCHORS, seed)) for seed, x in ((2, fine), (3, coarse))], 1)
    logits = ops.concat([flat(conv(x, CLASSES * ANCHORS, seed)) for seed, x in ((4, fine), (5, coarse))], 1)
    scores = ops.softmax(ops.reshape(logits, integers(1, -1, CLASSES), False), 2)
    inputs = [codes, ops.reshape(scores, integers(1, -1), False), priors]
    inputs = change(inputs) if change else inputs
    made = opset8.detection_output(*inputs[:3], ATTRIBUTES | changes, *inputs[3:])
    return openvino.Model([made], [image], "ssd")


@pytest.fixture
def save(tmp_path: Path) -> Any:
    """save(model): its .xml."""

    def write(model: Any) -> Path:
        path = tmp_path / "ssd.xml"
        openvino.save_model(model, path, compress_to_fp16=False)
        return path

    return write


def picture(seed: int = 0) -> np.ndarray:
    """Grey levels of 0 to 2: the nets are not made for more."""
    return np.random.default_rng(seed).random((1, 3, SIDE, SIDE), np.float32) * 2


def expected(path: Path, run_openvino: Any, image: np.ndarray, labels_from: int = 1) -> Detections:
    """OpenVINO's rows of index, label, score, left, top, right, bottom; -1 ends them."""
    [rows] = run_openvino(openvino.Core().read_model(path), [image])
    rows = rows.reshape(-1, 7)
    ends = np.flatnonzero(rows[:, 0] < 0)
    rows = rows[: ends[0] if len(ends) else len(rows)]
    rows = rows[np.argsort(-rows[:, 2], kind="stable")]
    return Detections(rows[:, 3:], rows[:, 2], rows[:, 1].astype(np.int64) - labels_from)


def decoded(detector: Detector, image: np.ndarray, confidence: float = 0.01) -> Detections:
    outputs = detector.open().run({"data": image})
    return detector.family.decode(outputs, Geometry(height=1, width=1, scale_x=SIDE, scale_y=SIDE), confidence)


def check(path: Path, run_openvino: Any, labels_from: int = 1) -> Detector:
    detector = load(path)
    assert (detector.family.name, detector.family.num_classes) == ("ssd-raw", CLASSES - 1)
    assert ", DetectionOutput cut off" in detector.imported.reason
    for seed in range(3):
        found, other = decoded(detector, picture(seed)), expected(path, run_openvino, picture(seed), labels_from)
        clipped = np.clip(other.xyxy, 0, 1)
        inside = (clipped[:, 2:] > clipped[:, :2]).all(axis=1)  # the family leaves out what is beside the image
        other = Detections(clipped, other.confidence, other.class_id).select(inside)
        assert 10 < len(other) <= len(found)
        found = found.select(np.arange(len(other)))
        np.testing.assert_allclose(found.confidence, other.confidence, atol=1e-5)
        np.testing.assert_array_equal(found.class_id, other.class_id)
        np.testing.assert_allclose(found.xyxy, other.xyxy, atol=1e-4)
    return detector


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"code_type": "caffe.PriorBoxParameter.CORNER"},
        {"variance_encoded_in_target": True},
        {"clip_before_nms": True, "nms_threshold": 0.3},
        {"clip_after_nms": True},
    ],
    ids=str,
)
def test_the_same_detections(changes: dict[str, Any], save: Any, run_openvino: Any) -> None:
    def change(inputs: list[Any]) -> list[Any]:
        if changes.get("variance_encoded_in_target"):
            first = ops.gather(inputs[2], integers(0), ops.constant(np.int64(1)))
            return [ops.multiply(inputs[0], ops.constant(np.float32(0.2))), inputs[1], first]
        if "CORNER" in changes.get("code_type", ""):  # so that no box is turned inside out
            return [ops.multiply(inputs[0], ops.constant(np.float32(0.1))), *inputs[1:]]
        return inputs

    path = save(ssd(change=change, **changes))
    kinds = {node.get_type_name() for node in openvino.Core().read_model(path).get_ops()}
    assert {"PriorBox", "PriorBoxClustered", "DetectionOutput"} <= kinds
    family = check(path, run_openvino).family
    assert family.nms_iou == changes.get("nms_threshold", 0.45)
    assert family.max_detections == 50
    assert (family.form.rgb, family.form.mean, family.form.std) == (False, (0.0,) * 3, (1.0,) * 3)
    assert family.layout.variances == ((1.0,) * 4 if "variance_encoded_in_target" in changes else (0.1, 0.1, 0.2, 0.2))


def test_priors_in_pixels(save: Any, run_openvino: Any) -> None:
    rng = np.random.default_rng(7)
    count = (16 * 16 + 8 * 8) * ANCHORS
    corner, size = rng.uniform(0, 50, (count, 2)), rng.uniform(5, 40, (count, 2))
    boxes = np.concatenate([np.zeros((count, 1)), corner, corner + size], axis=1)
    variances = np.zeros((count, 5))
    variances.reshape(-1)[: 4 * count] = np.tile(VARIANCES, count)
    priors = np.stack([boxes.ravel(), variances.ravel()])[None].astype(np.float32)
    path = save(ssd(ops.constant(priors), normalized=False, input_height=SIDE, input_width=SIDE))
    check(path, run_openvino)


def test_mxnets_way(save: Any, run_openvino: Any) -> None:
    """An anchor counts for its best class alone, and labels do not count the background."""
    detector = check(save(ssd(decrease_label_id=True)), run_openvino, labels_from=0)
    assert detector.family.layout.best_only


def test_what_the_file_says_about_its_input(save: Any) -> None:
    model = ssd()
    model.set_rt_info("104 117 123", ["model_info", "mean_values"])
    model.set_rt_info("57.5 58 59", ["model_info", "scale_values"])
    model.set_rt_info("YES", ["model_info", "reverse_input_channels"])
    model.set_rt_info("person big_car dog", ["model_info", "labels"])
    family = load(save(model)).family
    assert (family.form.rgb, family.form.mean, family.form.std) == (True, (104, 117, 123), (57.5, 58, 59))
    assert family.classes == ("person", "big car", "dog")


@pytest.mark.parametrize(("reverse", "rgb"), [("True", False), ("False", True)])
def test_converted_from_tensorflow(reverse: str, rgb: bool, save: Any) -> None:
    model = ssd()
    model.set_rt_info("tf", ["conversion_parameters", "framework"])
    model.set_rt_info(reverse, ["conversion_parameters", "reverse_input_channels"])
    assert load(save(model)).family.form.rgb is rgb


def uneven(inputs: list[Any]) -> list[Any]:
    factor = np.ones((1, 2, 1), np.float32).repeat(int(inputs[2].get_output_shape(0)[2]), axis=2)
    factor[0, 1, 8] = 2
    return [*inputs[:2], ops.multiply(inputs[2], ops.constant(factor))]


def refined(inputs: list[Any]) -> list[Any]:
    """Whether there is a thing at all, two values an anchor, and boxes of a first stage."""
    half = int(inputs[1].get_output_shape(0)[1]) // CLASSES * 2
    things = opset8.slice(inputs[1], integers(0), integers(half), integers(1), integers(1))
    return [*inputs, things, inputs[0]]


def seen(inputs: list[Any]) -> list[Any]:
    moved = ops.reduce_mean(inputs[0], integers(0, 1), False)
    return [*inputs[:2], ops.add(inputs[2], moved)]


@pytest.mark.parametrize(
    ("model", "what"),
    [
        (lambda: ssd(share_location=False, change=lambda inputs: [ops.tile(inputs[0], integers(1, 4)), *inputs[1:]]),
         "each class has boxes of its own"),
        (lambda: ssd(change=refined), "the refined boxes of a second stage"),
        (lambda: ssd(change=uneven), "its variances differ from prior to prior"),
        (lambda: ssd(change=seen), "its priors depend on the image"),
    ],
)  # fmt: skip
def test_forms_that_the_family_has_not(model: Any, what: str, save: Any) -> None:
    with pytest.raises(
        UnsupportedOperator, match=rf"has a DetectionOutput, 'DetectionOutput_\d+', that cannot .*{what}"
    ):
        load_model(save(model()))


def test_another_output_beside_it(save: Any) -> None:
    model = ssd()
    relu = next(node for node in model.get_ops() if node.get_type_name() == "Relu")
    model.add_outputs([relu.output(0)])
    with pytest.raises(UnsupportedOperator, match="the model has other outputs too"):
        load_model(save(model))
