from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from detquant.data import open_dataset
from detquant.errors import DatasetError

CONTENT: dict[str, Any] = {
    "images": [
        {"id": 285, "file_name": "a.png", "height": 40, "width": 80},
        {"id": 7, "file_name": "b.png"},
        {"id": 8, "file_name": "gone.png", "height": 40, "width": 80},
    ],
    "annotations": [
        {"id": 5, "image_id": 285, "category_id": 90, "bbox": [1, 2, 3, 4], "area": 7.5, "iscrowd": 1},
        {"id": 6, "image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4]},
        {"id": 7, "image_id": 8, "category_id": 1, "bbox": [1, 2, 3, 4]},
        {"id": 8, "image_id": 999, "category_id": 1, "bbox": [1, 2, 3, 4]},
    ],
    "categories": [{"id": 90, "name": "toothbrush"}, {"id": 1, "name": "person"}],
}


def write(folder: Path, content: Any, images: str = "images/val2017") -> Path:
    (folder / images).mkdir(parents=True, exist_ok=True)
    for name in "ab":
        cv2.imwrite(str(folder / images / f"{name}.png"), np.zeros((40, 80, 3), np.uint8))
    path = folder / "annotations" / "instances_val2017.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize("images", ["images/val2017", "val2017", "images", "annotations"])
def test_reads_ids_with_holes_and_crowds(tmp_path: Path, images: str) -> None:
    dataset = open_dataset(write(tmp_path, CONTENT, images))
    assert dataset.classes == ("person", "toothbrush")
    assert list(dataset.image_ids.values()) == [285, 7]
    assert dataset.ground_truth is not None
    assert dataset.ground_truth["images"][1] == {"id": 7, "file_name": "b.png", "height": 40, "width": 80}
    crowd, plain = dataset.ground_truth["annotations"]
    assert (crowd["id"], crowd["category_id"], crowd["iscrowd"], crowd["area"]) == (1, 1, 1, 7.5)
    assert (plain["id"], plain["category_id"], plain["iscrowd"], plain["area"]) == (2, 0, 0, 12)
    assert [skip.path.name for skip in dataset.skipped] == ["gone.png"]
    assert "1 annotations of images that" in dataset.notes[0]
    assert dataset.overlap == 2 and "serve for calibration too" in dataset.notes[1]


def test_train_split_beside_calibrates(tmp_path: Path) -> None:
    path = write(tmp_path, CONTENT)
    (tmp_path / "images" / "train2017").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "train2017" / "t.png"), np.zeros((4, 4, 3), np.uint8))
    dataset = open_dataset(path)
    assert [image.name for image in dataset.calibration] == ["t.png"] and dataset.overlap == 0


@pytest.mark.parametrize(("stands", "name"), [("annotations", ""), ("images", "../annotations/"), ("", "annotations/")])
def test_images_are_found_from_wherever_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stands: str, name: str
) -> None:
    path = write(tmp_path, CONTENT)
    monkeypatch.chdir(tmp_path / stands)
    assert [image.name for image in open_dataset(f"{name}{path.name}").validation] == ["a.png", "b.png"]


def changed(key: str, value: Any, at: int | None = None) -> dict[str, Any]:
    content = copy.deepcopy(CONTENT)
    if at is None:
        content[key] = value
    else:
        content[key][at] = value
    return content


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "cannot be read as JSON"),
        ([], "holds a list"),
        (changed("annotations", None), "no list 'annotations'"),
        (changed("images", []), "'images' is empty"),
        (changed("images", {"file_name": "a.png"}, 0), "malformed"),
        (changed("images", {"id": 7, "file_name": "a.png"}, 0), "image id 7 twice"),
        (changed("categories", {"id": 1, "name": "x"}, 0), "category id twice"),
        (changed("annotations", {"id": 1, "image_id": 7, "category_id": 1}, 0), "no 'bbox'"),
        (
            changed("annotations", {"id": 1, "image_id": 7, "category_id": 3, "bbox": [1, 2, 3, 4]}, 0),
            "category 3",
        ),
        (
            changed("annotations", {"id": 1, "image_id": 7, "category_id": 1, "bbox": [1, 2, 3]}, 0),
            "malformed",
        ),
        (changed("images", [{"id": 1, "file_name": "elsewhere.png"}]), "elsewhere.png.*not found in any"),
        (changed("images", [1, 2]), r"images\[0\] is 1, not an object"),
        (changed("images", [{"id": 1}]), r"images\[0\] has no 'file_name'"),
    ],
)
def test_refused(tmp_path: Path, content: Any, words: str) -> None:
    with pytest.raises(DatasetError, match=words):
        open_dataset(write(tmp_path, content))


@pytest.mark.parametrize("key", ["images", "annotations", "categories"])
def test_a_list_that_is_there_twice(tmp_path: Path, key: str) -> None:
    text = f'{{"{key}": [], {json.dumps(CONTENT)[1:]}'
    with pytest.raises(DatasetError, match=f"the key '{key}' stands there twice"):
        open_dataset(write(tmp_path, text))


def test_other_keys_that_are_there_twice(tmp_path: Path) -> None:
    text = json.dumps(CONTENT).replace('"id": 5,', '"id": 4, "id": 5,')
    assert len(open_dataset(write(tmp_path, f'{{"info": 1, "info": 2, {text[1:]}')).validation) == 2
