"""Objects of calibration images: from every kind of file, in the model's class numbers, and read when asked for."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from detquant.data import fit_task, images_alone, open_dataset
from detquant.data.objects import CalibrationObjects, Objects
from detquant.data.scenes import layout, scene_path
from detquant.errors import DatasetError


def picture(path: Path, height: int = 40, width: int = 60) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((height, width, 3), np.uint8))


def annotations(
    path: Path, names: list[str], classes: list[str], boxes: list[tuple[int, int, list[float], int]]
) -> None:
    content = {
        "images": [{"id": k, "file_name": name, "height": 40, "width": 60} for k, name in enumerate(names)],
        "annotations": [
            {"id": k, "image_id": image, "category_id": category, "bbox": box, "area": 4, "iscrowd": crowd}
            for k, (image, category, box, crowd) in enumerate(boxes, start=1)
        ],
        "categories": [{"id": k, "name": name} for k, name in enumerate(classes)],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def plain(found: Objects | None) -> object:
    return found if found is None else (found.xyxy.tolist(), found.class_id.tolist())


@pytest.fixture
def yolo(tmp_path: Path) -> Path:
    """Two classes; of four images to calibrate with one has no object, and one no label file."""
    for name in "abcd":
        picture(tmp_path / f"images/train/{name}.png")
    picture(tmp_path / "images/val/v.png")
    for name, text in {
        "train/a": "1 0.5 0.5 0.5 0.5\n0 0.1 0.1 0.2 0.2",
        "train/b": "",
        "train/d": "",
        "val/v": "0 0.5 0.5 1 1",
    }.items():
        (tmp_path / f"labels/{name}.txt").parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"labels/{name}.txt").write_text(text)
    (tmp_path / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [cat, dog]")
    return tmp_path


def test_label_files(yolo):
    dataset = open_dataset(yolo / "data.yaml")
    a, b, c = dataset.calibration_objects.of([yolo / f"images/train/{name}.png" for name in "abc"])
    assert plain(a) == ([[15, 10, 45, 30], [0, 0, 12, 8]], [1, 0])
    assert plain(b) == ([], []) and c is None


def test_a_faulty_label_file_is_named_when_it_is_read(yolo):
    (yolo / "labels/train/b.txt").write_text("7 0.5 0.5 0.5 0.5")
    dataset = open_dataset(yolo / "data.yaml")
    with pytest.raises(DatasetError, match=r"b\.png cannot be used: b\.txt line 1: class 7"):
        dataset.calibration_objects.of(dataset.calibration)


def test_without_label_files_those_of_the_annotations_beside_images(yolo):
    for name in "abd":
        (yolo / f"labels/train/{name}.txt").unlink()
    names, boxes = ["a.png", "b.png"], [(0, 0, [1, 2, 3, 4], 0), (0, 0, [9, 9, 9, 9], 1)]
    annotations(yolo / "annotations/instances_train.json", names, ["dog", "cat"], boxes)
    dataset = open_dataset(yolo / "data.yaml")
    a, b, c = dataset.calibration_objects.of([yolo / f"images/train/{name}.png" for name in "abc"])
    assert plain(a) == ([[1, 2, 4, 6]], [1])  # a dog by its number here; the crowd is no object
    assert plain(b) == ([], []) and c is None
    picture(yolo / "images/more/e.png")  # each folder has its own
    annotations(yolo / "annotations/instances_more.json", ["e.png"], ["cat", "dog"], [(0, 0, [1, 2, 3, 4], 0)])
    both = [yolo / "images/train/a.png", yolo / "images/more/e.png"]
    assert [one.class_id.tolist() for one in open_dataset(yolo / "data.yaml").calibration_objects.of(both)] == [
        [1],
        [0],
    ]


@pytest.mark.parametrize("form", ["coco", "roboflow"])
def test_annotations_of_the_train_split(tmp_path, form):
    """By the names of its own classes, and in the end by the model's numbers."""
    roboflow = form == "roboflow"
    val = tmp_path / ("valid/_annotations.coco.json" if roboflow else "annotations/instances_val9.json")
    train = tmp_path / ("train/_annotations.coco.json" if roboflow else "annotations/instances_train9.json")
    folders = ("train", "valid") if roboflow else ("images/train9", "images/val9")
    for name in "ab":
        picture(tmp_path / folders[0] / f"{name}.png")
    picture(tmp_path / folders[1] / "v.png")
    annotations(val, ["v.png"], ["cat", "dog"], [(0, 0, [0, 0, 4, 4], 0), (0, 1, [0, 0, 4, 4], 0)])
    annotations(train, ["a.png"], ["dog", "cat"], [(0, 0, [1, 1, 2, 2], 0), (0, 1, [5, 5, 2, 2], 0)])
    dataset = open_dataset(val)
    paths = [tmp_path / folders[0] / f"{name}.png" for name in "ab"]
    a, b = dataset.calibration_objects.of(paths)
    assert plain(a) == ([[1, 1, 3, 3], [5, 5, 7, 7]], [1, 0]) and b is None
    fitted = fit_task(dataset, "detect", ("bird", "dog", "cat"))
    assert plain(fitted.calibration_objects.of(paths)[0]) == ([[1, 1, 3, 3], [5, 5, 7, 7]], [1, 2])
    assert images_alone(fitted).calibration_objects is None


def test_without_a_train_split_those_of_the_images_themselves(tmp_path):
    picture(tmp_path / "v.png")
    annotations(tmp_path / "x.json", ["v.png"], ["cat", "dog"], [(0, 1, [0, 0, 4, 4], 0)])
    dataset = open_dataset(tmp_path / "x.json")
    assert plain(dataset.calibration_objects.of(dataset.calibration)[0]) == ([[0, 0, 4, 4]], [1])


def test_scenes_know_theirs():
    path = scene_path("train", 3)
    one, none = open_dataset("scenes").calibration_objects.of([path, Path("a.png")])
    plan = layout("train", 3)
    assert np.array_equal(one.xyxy, plan.boxes) and one.class_id.tolist() == plan.class_id.tolist() and none is None


def test_nothing_is_read_before_it_is_asked_for_and_then_once():
    asked = []

    def read(paths):
        asked.append(list(paths))
        return {path: Objects.of([[0, 0, 1, 1], [0, 0, 2, 2]], [0, 1]) for path in paths}

    known = CalibrationObjects(read=read, where="memory")
    fewer = known.with_numbers((None, 5))
    assert not asked
    assert [plain(one) for one in fewer.of([Path("a"), Path("a")])] == [([[0, 0, 2, 2]], [5])] * 2
    assert len(known.of([Path("a"), Path("b")])[0].class_id) == 2
    assert asked == [[Path("a")], [Path("b")]]


def test_images_without_labels_have_none(yolo):
    assert open_dataset(yolo / "images").calibration_objects is None
