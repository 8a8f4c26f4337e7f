"""Whatever stands in data.yaml, COCO json, labels or tables: a data set that can be scored, or a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from bounds import read
from hypothesis import given
from hypothesis import strategies as st
from mutations import mutated
from trees import disturbed, odd_values

from detquant.data import Dataset, fit_task, open_dataset
from detquant.errors import DatasetError
from detquant.evaluation.accuracy import CocoScorer
from detquant.families import Detections

CLASSES = ("dog", "cat")
YAML = {
    "path": ".",
    "train": "images/train",
    "val": ["images/val", "list.txt"],
    "nc": 2,
    "names": {0: "cat", "1": "dog"},
    "kpt_shape": [4, 2],
    "download": "http://x",
}
TEXT = b"# a\npath: .\ntrain: &t images/train\nval: [images/val]\nnc: 2\nnames:\n  0: cat\n  '1': dog\nmore: *t\n"
LABELS = b"1 0.5 0.5 0.25 0.5\n0 0.1 0.1 0.2 0.2 0.1 0.3 0.4 0.5\n"
TABLE = b"filename,class_index\nimages/val/b.png,1\nimages\\val\\c.png,0\n"
COCO: dict[str, Any] = {
    "images": [
        {"id": 1, "file_name": "b.png", "height": 40, "width": 80},
        {"id": 2, "file_name": "val/c.png", "height": 20, "width": 40},
    ],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 4], "area": 120, "iscrowd": 0},
        {"id": 2, "image_id": 2, "category_id": 2, "bbox": [1, 2, 3.5, 4], "segmentation": [[1, 2, 4, 2, 4, 6]]},
        {
            "id": 3,
            "image_id": 2,
            "category_id": 2,
            "bbox": [],
            "segmentation": {"size": [20, 40], "counts": [25, 3, 17, 3, 752]},
            "iscrowd": 1,
        },
    ],
    "categories": [{"id": 1, "name": "dog", "supercategory": "a"}, {"id": 2, "name": "cat"}, {"id": 3, "name": "a"}],
}


def opened(path: Path) -> object:
    """What `open_dataset` makes of a file; whatever it accepts is fitted to a model and scored."""
    dataset = read(lambda: open_dataset(path), 65536)  # a file of nothing takes the imports' memory
    if isinstance(dataset, Dataset):
        scored(dataset)
    else:
        assert isinstance(dataset, DatasetError)
    return dataset


def scored(dataset: Dataset) -> None:
    for note in (*dataset.notes, *dataset.warnings):
        assert note.isprintable() and note.endswith(".") and len(note) < 1000
    try:
        dataset = fit_task(dataset, "detect" if dataset.ground_truth else "classify", CLASSES)
    except DatasetError as error:
        assert str(error).isprintable()
        return
    truth = dataset.ground_truth
    if truth is None:
        return
    for one in truth["annotations"]:
        assert np.isfinite(one["bbox"]).all() and np.isfinite(one["area"]) and min(one["bbox"][2:]) > 0
        assert 0 <= one["category_id"] < len(CLASSES) and one["iscrowd"] in (0, 1)
    scorer = CocoScorer(truth)
    for number in dataset.image_ids.values():
        found = np.array([[1, 2, 30, 40]], np.float32), np.array([0.9], np.float32), np.array([1], np.int64)
        scorer.add(number, Detections(*found))
    if any(not one["iscrowd"] for one in truth["annotations"]):
        assert 0 <= scorer.result().ap <= 100


@given(text=mutated(TEXT))
def test_text_of_data_yaml(text: bytes, data: Path) -> None:
    (data / "data.yaml").write_bytes(text)
    opened(data / "data.yaml")


@given(tree=disturbed(YAML))
def test_values_of_data_yaml(tree: object, data: Path) -> None:
    (data / "list.txt").write_text("images/val/b.png\n")
    (data / "data.yaml").write_text(yaml.dump(tree, allow_unicode=True), encoding="utf-8", errors="replace")
    opened(data / "data.yaml")


@given(text=mutated(b"images/val/b.png\nimages\\val\\c.png\r\nC:\\x\\val\\c.png\n"))
def test_lists_of_images(text: bytes, data: Path) -> None:
    (data / "list.txt").write_bytes(text)
    (data / "data.yaml").write_text("train: images/train\nval: list.txt\nnames: [cat, dog]\n")
    opened(data / "data.yaml")


@given(text=mutated(LABELS), shape=st.sampled_from(["", "kpt_shape: [2, 2]\n"]))
def test_labels(text: bytes, shape: str, data: Path) -> None:
    (data / "labels" / "val" / "b.txt").write_bytes(text)
    (data / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [cat, dog]\n" + shape)
    opened(data / "data.yaml")


@given(text=mutated(TABLE))
def test_tables(text: bytes, data: Path) -> None:
    (data / "labels.csv").write_bytes(text)
    opened(data / "labels.csv")


@given(tree=disturbed(COCO))
def test_values_of_coco(tree: object, data: Path) -> None:
    path = data / "annotations" / "instances_val.json"
    path.write_text(json.dumps(tree))
    opened(path)


@given(tree=odd_values)
def test_any_json(tree: object, data: Path) -> None:
    path = data / "annotations" / "instances_val.json"
    path.write_text(json.dumps(tree))
    opened(path)


@given(text=mutated(json.dumps(COCO).encode(), most=2))
def test_text_of_coco(text: bytes, data: Path) -> None:
    path = data / "annotations" / "instances_val.json"
    path.write_bytes(text)
    opened(path)


@given(tree=disturbed(COCO, most=2))
def test_coco_beside_data_yaml(tree: object, data: Path) -> None:
    (data / "annotations" / "instances_val.json").write_text(json.dumps(tree))
    (data / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [cat, dog]\n")
    opened(data / "data.yaml")
