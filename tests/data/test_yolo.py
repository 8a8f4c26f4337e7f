from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from detquant.data import Dataset, check_classes, open_dataset
from detquant.errors import DatasetError

YAML = "train: images/train\nval: images/val\nnames: [cat, dog]\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two training and three validation images of 40x80, labelled 0, 1 and 2 objects."""
    for split, names in {"train": "ab", "val": "cde"}.items():
        (tmp_path / "images" / split).mkdir(parents=True)
        (tmp_path / "labels" / split).mkdir(parents=True)
        for name in names:
            cv2.imwrite(str(tmp_path / "images" / split / f"{name}.png"), np.zeros((40, 80, 3), np.uint8))
    label(tmp_path, "c", "")
    label(tmp_path, "d", "1 0.5 0.5 0.25 0.5\n")
    label(tmp_path, "e", "0 0.1 0.1 0.2 0.2\n\n1 0.25 0.5 0.75 0.5 0.75 1.0 0.25 1.0\n")
    (tmp_path / "data.yaml").write_text(YAML)
    return tmp_path


def label(root: Path, name: str, text: str) -> None:
    (root / "labels" / "val" / f"{name}.txt").write_text(text)


def opened(root: Path, text: str | None = None) -> Dataset:
    if text is not None:
        (root / "data.yaml").write_text(text)
    return open_dataset(root / "data.yaml")


def test_boxes_and_polygons(root: Path) -> None:
    dataset = opened(root)
    assert dataset.classes == ("cat", "dog")
    assert [path.name for path in dataset.validation] == ["c.png", "d.png", "e.png"]
    assert sorted(path.name for path in dataset.calibration) == ["a.png", "b.png"]
    assert list(dataset.image_ids.values()) == [1, 2, 3]
    assert dataset.ground_truth is not None
    assert dataset.ground_truth["images"][0] == {"id": 1, "file_name": "c.png", "height": 40, "width": 80}
    boxes = [
        (one["image_id"], one["category_id"], *np.round(one["bbox"], 4).tolist())
        for one in dataset.ground_truth["annotations"]
    ]
    assert boxes == [(2, 1, 30, 10, 20, 20), (3, 0, 0, 0, 16, 8), (3, 1, 20, 20, 40, 20)]
    assert dataset.notes == ("1 validation images have an empty label file: no objects.",)
    assert dataset.skipped == () and dataset.overlap == 0


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("2 0.5 0.5 0.1 0.1", "line 2: class 2, but the classes are 0 to 1"),
        ("-1 0.5 0.5 0.1 0.1", "class -1"),
        ("0.5 0.5 0.5 0.1 0.1", "class 0.5"),
        ("1 320 240 50 60", "outside 0 to 1"),
        ("1 -0.5 0.5 0.1 0.1", "outside 0 to 1"),
        ("1 a 0.5 0.1 0.1", "not all numbers"),
        ("1 nan 0.5 0.1 0.1", "not finite"),
        ("1 0.5 0.5 0.1", "4 numbers"),
        ("1 0.5 0.5 0.1 0.1 0.9", "6 numbers"),
        ("1 0.5 0.5 0 0.1", "no area"),
    ],
)
def test_a_faulty_label_skips_its_image_by_name(root: Path, line: str, reason: str) -> None:
    label(root, "d", f"0 0.5 0.5 0.1 0.1\n{line}\n")
    dataset = opened(root)
    [skip] = dataset.skipped
    assert skip.path.name == "d.png" and "d.txt line 2" in skip.reason and reason in skip.reason
    assert len(dataset.validation) == 2


def test_missing_label_file_is_counted(root: Path) -> None:
    (root / "labels" / "val" / "d.txt").unlink()
    assert "1 validation images have no label file" in opened(root).notes[0]
    for name in "ce":
        (root / "labels" / "val" / f"{name}.txt").unlink()
    with pytest.raises(DatasetError, match=r"None of the 3 .*label file.*labels.val.c\.txt"):
        opened(root)


def test_repeated_lines_count_once(root: Path) -> None:
    label(root, "d", "1 0.5 0.5 0.25 0.5\n" * 3)
    truth = opened(root).ground_truth
    assert truth is not None and len(truth["annotations"]) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("train: images/train\nnames: [a]\n", r"data\.yaml has no key 'val'"),
        ("train: images/train\nval: images/val\n", r"data\.yaml has no key 'names'"),
        ("train: images/train\nval: images/gone\nnames: [a]\n", "'images/gone', which does not exist"),
        ("train: images/train\nval: labels\nnames: [a]\n", "'val' of .* has no images"),
        (YAML + "nc: 3\n", "2 names, but 'nc' is 3"),
        (YAML + "nc: two\n", "'nc' is 'two'"),
        ("train: images/train\nval: images/val\nnames: {0: a, 2: b}\n", "without holes"),
        ("train: images/train\nval: images/val\nnames: cat\n", "'names' must be a list"),
        ("train: images/train\nval: [images/val, 3]\nnames: [a]\n", "'val'"),
        ("a: [", "not valid YAML"),
        ("just words", "holds no keys"),
    ],
)
def test_refused(root: Path, text: str, words: str) -> None:
    with pytest.raises(DatasetError, match=words):
        opened(root, text)


@pytest.mark.parametrize(
    "text",
    [
        "path: .\n" + YAML,
        "path: {root}\n" + YAML,
        "train: ../images/train\nval: ../images/val\nnc: 2\n",
        "train: [images/train]\nvalidation: images/val\nnames: {0: cat, 1: dog}\n",
        "train: images/train\nval: list.txt\nnames: [cat, dog]\n",
    ],
)
def test_ways_to_name_the_splits(root: Path, text: str) -> None:
    (root / "list.txt").write_text("".join(f"./images/val/{name}.png\n" for name in "cde"))
    assert len(opened(root, text.replace("{root}", str(root))).validation) == 3


def test_path_from_where_one_stands(root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (root / "sub").mkdir()
    (root / "sub" / "data.yaml").write_text("path: .\n" + YAML)
    monkeypatch.chdir(root)
    assert len(open_dataset("sub/data.yaml").validation) == 3


def test_listed_but_missing_is_a_named_skip(root: Path) -> None:
    (root / "list.txt").write_text("images/val/d.png\nimages/val/gone.png\n")
    dataset = opened(root, YAML.replace("images/val", "list.txt"))
    assert [(s.path.name, s.reason) for s in dataset.skipped] == [
        ("gone.png", "listed in list.txt, but there is no such file")
    ]


def test_overlap_follows_links(root: Path) -> None:
    (root / "images" / "train" / "link.png").symlink_to(root / "images" / "val" / "d.png")
    assert opened(root).overlap == 1


def test_cut_image_is_skipped(root: Path) -> None:
    image = root / "images" / "val" / "d.png"
    image.write_bytes(image.read_bytes()[:60])
    [skip] = opened(root).skipped
    assert skip.path == image and "cut short" in skip.reason


def test_prefers_the_annotations_beside(root: Path) -> None:
    content = {
        "images": [{"id": 17, "file_name": "d.png", "height": 40, "width": 80}],
        "annotations": [{"id": 0, "image_id": 17, "category_id": 9, "bbox": [1, 2, 3, 4], "iscrowd": 1, "area": 5}],
        "categories": [{"id": 4, "name": "dog"}, {"id": 9, "name": "cat"}],
    }
    (root / "annotations").mkdir()
    (root / "annotations" / "instances_val.json").write_text(json.dumps(content))
    dataset = opened(root)
    assert dataset.ground_truth is not None
    assert "annotations/instances_val.json" in dataset.notes[0]
    assert dataset.image_ids == {root / "images" / "val" / "d.png": 17}
    assert dataset.ground_truth["annotations"][0]["category_id"] == 0
    assert dataset.ground_truth["annotations"][0]["iscrowd"] == 1
    assert [skip.reason for skip in dataset.skipped] == ["not in instances_val.json"] * 2


def test_check_classes(root: Path) -> None:
    check_classes(opened(root), 2)
    with pytest.raises(DatasetError, match=r"data\.yaml has 2 classes, the model has 80"):
        check_classes(opened(root), 80)


@pytest.mark.parametrize(
    ("train", "why"),
    [
        ("", "has no key 'train'"),
        ("train: images/gone", "'images/gone', which does not exist"),
        ("train: labels", "'train' of .* has no images"),
        ("train: [images/train, 3]", "'train'"),
    ],
)
def test_who_does_not_calibrate_needs_no_train(root: Path, train: str, why: str) -> None:
    dataset = opened(root, f"{train}\nval: images/val\nnames: [cat, dog]\n")
    assert len(dataset.validation) == 3 and dataset.calibration == () and re.search(why, dataset.uncalibrated)
    assert opened(root, YAML).uncalibrated is None
