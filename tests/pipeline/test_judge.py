from __future__ import annotations

from pathlib import Path

import numpy as np

from detquant.data import Dataset
from detquant.evaluation.found import Found
from detquant.families import Detections
from detquant.pipeline.evaluate import Measured, Side
from detquant.pipeline.judge import Judge

PATHS = (Path("a.png"), Path("b.png"))


def rows(*given):
    table = np.array(given, np.float32).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 4], table[:, 5])


def side(*images):
    return Side(accuracy=None, inference_ms=1.0, decode_ms=1.0, confident=(), found=Found.of(images))


MEASURED = Measured(
    sides={
        "float": side(rows((0, 0, 20, 20, 0.9, 0)), rows((0, 0, 20, 20, 0.5, 1))),
        "made": side(rows((0, 0, 20, 20, 0.3, 0)), rows((0, 0, 20, 20, 0.2, 1))),
    },
    preprocess_ms=1.0,
    images=2,
    skipped=(),
    notes=(),
    paths=PATHS[::-1],
)
KNOWN = {
    "images": [{"id": 5, "width": 50, "height": 50}, {"id": 9, "width": 50, "height": 50}],
    "annotations": [{"image_id": 9, "bbox": [0, 0, 20, 20], "category_id": 0, "area": 400, "iscrowd": 0}],
    "categories": [{"id": 0, "name": "a"}, {"id": 1, "name": "b"}],
}


def dataset(known):
    return Dataset(name="d", classes=("a", "b"), calibration=(), validation=PATHS, ground_truth=known)


def test_objects_are_those_of_the_images_in_the_order_in_which_they_were_measured():
    judge = Judge.of(MEASURED, dataset(KNOWN), "float", 0.4, "recall")
    assert judge.truth.known and judge.truth.starts.tolist() == [0, 1, 1]
    chosen = judge.thresholds("made")
    assert chosen.labelled and chosen.proposed is not None and 0 < chosen.proposed < 0.3
    assert chosen.before_at_asked.recall == chosen.after_at_proposed.recall == 100
    assert judge.matches("made") is judge.matches("made")


def test_without_labels_the_float_models_boxes_stand_for_them():
    judge = Judge.of(MEASURED, dataset(None), "float", 0.6, "recall")
    assert not judge.truth.known and len(judge.truth.class_id) == 1
    chosen = judge.thresholds("made")
    assert not chosen.labelled and 0.2 < chosen.proposed < 0.3 and chosen.after_at_proposed.boxes == 1
