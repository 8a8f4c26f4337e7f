from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from detquant.data import iter_images, open_dataset
from detquant.errors import DatasetError
from detquant.evaluation.accuracy import Accuracy, CocoScorer
from detquant.families import Detections, Signature, find_family

ASSETS = Path(__file__).resolve().parents[3] / "shared" / "assets"
needs_assets = pytest.mark.skipif(not ASSETS.is_dir(), reason=f"no trained detectors at {ASSETS}")

TRUTH = {
    "images": [{"id": 4, "height": 100, "width": 200}, {"id": 9, "height": 100, "width": 200}],
    "annotations": [
        {"id": 1, "image_id": 4, "category_id": 0, "bbox": [10, 10, 40, 40], "area": 1600, "iscrowd": 0},
        {"id": 2, "image_id": 4, "category_id": 2, "bbox": [60, 10, 40, 40], "area": 1600, "iscrowd": 0},
        {"id": 3, "image_id": 9, "category_id": 0, "bbox": [10, 10, 40, 40], "area": 1600, "iscrowd": 0},
    ],
    "categories": [{"id": index, "name": name} for index, name in enumerate("abc")],
}


def found(*rows: tuple[float, ...]) -> Detections:
    """Rows of x1, y1, x2, y2, confidence, class."""
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 4], table[:, 5])


def test_perfect_is_a_hundred(capfd: pytest.CaptureFixture[str]) -> None:
    scorer = CocoScorer(TRUTH)
    scorer.add(4, found((10, 10, 50, 50, 0.9, 0), (60, 10, 100, 50, 0.8, 2)))
    scorer.add(9, found((10, 10, 50, 50, 0.7, 0)))
    result = scorer.result()
    assert (result.ap, result.ap50, result.ap75, result.images) == pytest.approx((100, 100, 100, 2))
    assert result.per_class == pytest.approx({"a": 100, "c": 100})
    assert capfd.readouterr() == ("", "")


def test_iou_decides() -> None:
    scorer = CocoScorer(TRUTH)
    scorer.add(9, found((10, 10, 50, 38, 0.9, 0)))  # IoU 0.7
    result = scorer.result()
    assert (result.ap50, result.ap75) == pytest.approx((100, 0))
    assert result.ap == pytest.approx(50, abs=10.1)


def test_only_added_images_count_and_boxes_are_clipped() -> None:
    truth = TRUTH | {"annotations": [TRUTH["annotations"][2] | {"bbox": [0, 0, 200, 100], "area": 20000}]}
    scorer = CocoScorer(truth)
    scorer.add(9, found((-900, -900, 900, 900, 0.9, 0)))
    assert scorer.result() == Accuracy(
        ap=pytest.approx(100), ap50=pytest.approx(100), ap75=pytest.approx(100),
        per_class={"a": pytest.approx(100)}, images=1,
    )  # fmt: skip


def test_finding_nothing_is_zero() -> None:
    scorer = CocoScorer(TRUTH)
    scorer.add(4, Detections.empty())
    assert scorer.result().ap == 0
    assert scorer.result().per_class == {"a": 0, "c": 0}


def test_refuses_to_score_nothing() -> None:
    with pytest.raises(DatasetError, match="No image was evaluated"):
        CocoScorer(TRUTH).result()
    scorer = CocoScorer(TRUTH | {"annotations": []})
    scorer.add(4, Detections.empty())
    with pytest.raises(DatasetError, match="labelled object"):
        scorer.result()


def measure(model: str, images: int) -> Accuracy:
    """Accuracy of a float model on the first validation images, on one thread."""
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = ort.InferenceSession(str(ASSETS / "weights" / "detect" / model), options)
    inputs = {node.name: tuple(node.shape) for node in session.get_inputs()}
    outputs = {node.name: tuple(node.shape) for node in session.get_outputs()}
    metadata = session.get_modelmeta().custom_metadata_map
    family, _ = find_family(Signature(inputs, outputs, metadata))
    dataset = open_dataset(ASSETS / "coco" / "coco300.yaml")
    assert dataset.ground_truth is not None
    scorer = CocoScorer(dataset.ground_truth)
    for path, image in iter_images(dataset.validation[:images], []):
        tensor, geometry = family.preprocess(image)
        raw = dict(zip(outputs, session.run(None, {family.input_name: tensor}), strict=True))
        scorer.add(dataset.image_ids[path], family.decode(raw, geometry))
    return scorer.result()


@needs_assets
def test_a_real_model_sees() -> None:
    result = measure("yolox_nano.onnx", images=24)
    assert result.images == 24
    assert 25 < result.ap < result.ap50 < 80


@needs_assets
@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "ap", "ap50", "ap75"),
    [
        ("yolov8n.onnx", 41.49, 56.59, 45.32),
        ("yolox_nano.onnx", 29.08, 45.27, 30.77),
        ("nanodet_m_416.onnx", 24.67, 41.38, 25.18),
        ("nanodet_m_320.onnx", 23.31, 38.16, 23.14),
    ],
)
def test_reference_accuracy(model: str, ap: float, ap50: float, ap75: float) -> None:
    result = measure(model, images=300)
    assert (result.ap, result.ap50, result.ap75) == pytest.approx((ap, ap50, ap75), abs=0.05)
