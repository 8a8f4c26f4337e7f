"""TensorRT's EfficientNMS and BatchedNMS by ONNX's operators give what the plug-ins' documentation says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from detquant.errors import UnsupportedOperator
from detquant.graph.running import as_bytes
from detquant.importers import load_model

MOST, CELLS, CLASSES = 10, 21, 3
ENDS = {
    "num_dets": (TensorProto.INT32, (1, 1)),
    "det_boxes": (TensorProto.FLOAT, (1, MOST, 4)),
    "det_scores": (TensorProto.FLOAT, (1, MOST)),
    "det_classes": (TensorProto.INT32, (1, MOST)),
}


def write(path: Path, **attributes: object) -> Path:
    """A file whose only node is the plug-in, in opset 12 as YOLOv7's exporter takes it."""
    settings = {"max_output_boxes": MOST, "iou_threshold": 0.5, "score_threshold": 0.3, **attributes}
    node = helper.make_node("EfficientNMS_TRT", ["boxes", "scores"], list(ENDS), "nms", **settings)
    inputs = [
        helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, CELLS, 4]),
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, CELLS, CLASSES]),
    ]
    outputs = [helper.make_tensor_value_info(name, *end) for name, end in ENDS.items()]
    graph = helper.make_graph([node], "nms", inputs, outputs)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=7), path)
    return path


def iou(a: np.ndarray, b: np.ndarray) -> float:
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    inner = np.prod(np.clip(high - low, 0, None))
    return float(inner / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - inner))


def plain(boxes: np.ndarray, scores: np.ndarray, agnostic: bool) -> list[tuple]:
    """Greedy suppression within each class, one candidate after the other."""
    candidates = [(scores[cell, k], cell, k) for cell in range(CELLS) for k in range(CLASSES)]
    if agnostic:
        candidates = [(scores[cell].max(), cell, int(scores[cell].argmax())) for cell in range(CELLS)]
    kept: list[tuple] = []
    for score, cell, k in sorted(candidates, reverse=True):
        rivals = [one for one in kept if agnostic or one[2] == k]
        if score > 0.3 and all(iou(boxes[cell], boxes[one[1]]) <= 0.5 for one in rivals):
            kept.append((score, cell, k))
    return kept[:MOST]


@pytest.mark.parametrize("agnostic", [False, True])
@pytest.mark.parametrize("coding", [0, 1])
@pytest.mark.parametrize("activation", [0, 1])
def test_it_finds_what_plain_suppression_finds(tmp_path: Path, agnostic: bool, coding: int, activation: int) -> None:
    path = write(tmp_path / "x.onnx", box_coding=coding, score_activation=activation, class_agnostic=int(agnostic))
    imported = load_model(path)
    assert "NonMaxSuppression" in imported.reason
    rng = np.random.default_rng(1)
    centre, sides = rng.uniform(20, 60, (CELLS, 2)), rng.uniform(10, 40, (CELLS, 2))
    corners = np.hstack([centre - sides / 2, centre + sides / 2]).astype(np.float32)
    chance = rng.uniform(0, 0.9, (CELLS, CLASSES)).astype(np.float32)
    given = np.hstack([centre, sides]).astype(np.float32) if coding else corners
    scores = np.log(chance / (1 - chance)) if activation else chance
    session = ort.InferenceSession(as_bytes(imported.model), providers=["CPUExecutionProvider"])
    number, boxes, score, label = session.run(list(ENDS), {"boxes": given[None], "scores": scores[None]})
    expected = plain(corners, chance, agnostic)
    assert number.tolist() == [[len(expected)]] and len(expected) > 0
    for row, (best, cell, k) in enumerate(expected):
        np.testing.assert_allclose(boxes[0, row], corners[cell], atol=1e-4)
        assert (round(float(score[0, row]), 5), int(label[0, row])) == (round(float(best), 5), k)
    assert not score[0, len(expected) :].any()


def test_a_background_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedOperator, match="class for the background: export"):
        load_model(write(tmp_path / "x.onnx", background_class=0))


BATCHED_ENDS = {
    "num_detections": (TensorProto.INT32, (1, 1)),
    "nmsed_boxes": (TensorProto.FLOAT, (1, MOST, 4)),
    "nmsed_scores": (TensorProto.FLOAT, (1, MOST)),
    "nmsed_classes": (TensorProto.FLOAT, (1, MOST)),
}


def write_batched(
    path: Path, kind: str = "BatchedNMSDynamic_TRT", classes_of_boxes: int = 1, **attributes: int
) -> Path:
    settings = {"shareLocation": 1, "backgroundLabelId": -1, "numClasses": CLASSES, "topK": CELLS, "keepTopK": MOST}
    limits = {"iouThreshold": 0.5, "scoreThreshold": 0.3}
    node = helper.make_node(kind, ["boxes", "scores"], list(BATCHED_ENDS), "nms", **settings, **limits | attributes)
    inputs = [
        helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, CELLS, classes_of_boxes, 4]),
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, CELLS, CLASSES]),
    ]
    outputs = [helper.make_tensor_value_info(name, *end) for name, end in BATCHED_ENDS.items()]
    graph = helper.make_graph([node], "nms", inputs, outputs)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=7), path)
    return path


@pytest.mark.parametrize("kind", ["BatchedNMS_TRT", "BatchedNMSDynamic_TRT"])
@pytest.mark.parametrize("in_parts", [False, True])
def test_batched_nms_finds_the_same(tmp_path: Path, kind: str, in_parts: bool) -> None:
    imported = load_model(write_batched(tmp_path / "x.onnx", kind, isNormalized=int(in_parts)))
    assert "TensorRT's BatchedNMS became ONNX's NonMaxSuppression" in imported.reason
    assert imported.metadata == ({"detquant.reading": '["parts"]'} if in_parts else {})
    rng = np.random.default_rng(1)
    centre, sides = rng.uniform(0, 60, (CELLS, 2)), rng.uniform(10, 40, (CELLS, 2))
    corners = (np.hstack([centre - sides / 2, centre + sides / 2]) / (60 if in_parts else 1)).astype(np.float32)
    chance = rng.uniform(0, 0.9, (CELLS, CLASSES)).astype(np.float32)
    session = ort.InferenceSession(as_bytes(imported.model), providers=["CPUExecutionProvider"])
    found = session.run(list(BATCHED_ENDS), {"boxes": corners[None, :, None], "scores": chance[None]})
    number, boxes, score, label = found
    expected = plain(corners, chance, agnostic=False)
    assert number.tolist() == [[len(expected)]] and label.dtype == np.float32
    for row, (best, cell, k) in enumerate(expected):
        whole = np.clip(corners[cell], 0, 1) if in_parts else corners[cell]
        np.testing.assert_allclose(boxes[0, row], whole, atol=1e-5)
        assert (round(float(score[0, row]), 5), int(label[0, row])) == (round(float(best), 5), k)


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"backgroundLabelId": 0}, "class for the background: export"),
        ({"shareLocation": 0, "classes_of_boxes": CLASSES}, "has boxes for each class .*: export the model without"),
    ],
)
def test_what_batched_nms_has_besides_is_refused(tmp_path: Path, attributes: dict, words: str) -> None:
    settings = {key: value for key, value in attributes.items() if key != "classes_of_boxes"}
    path = write_batched(tmp_path / "x.onnx", classes_of_boxes=attributes.get("classes_of_boxes", 1))
    model = onnx.load(path)
    for attribute in model.graph.node[0].attribute:
        if attribute.name in settings:
            attribute.i = settings[attribute.name]
    onnx.save(model, path)
    with pytest.raises(UnsupportedOperator, match=words):
        load_model(path)
