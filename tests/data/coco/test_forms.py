"""Annotation files as people have them, held against the sound one: the same boxes, and the mend is said."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from detquant.data import Dataset, export_scenes, fit_task, open_dataset, read_image
from detquant.data.scenes import CLASSES
from detquant.errors import DatasetError

Change = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_scenes(tmp_path_factory.mktemp("forms") / "ds", images=1, validation=12).parent


def opened(scenes: Path, change: Change, images: str = "val") -> Dataset:
    content = json.loads((scenes / "annotations" / "instances_val.json").read_text())
    change(content)
    path = scenes / "annotations" / "changed.json"
    path.write_text(json.dumps(content))
    link = scenes / "images" / "changed"
    link.unlink(missing_ok=True)
    link.symlink_to(images)
    return open_dataset(path)


def boxes(dataset: Dataset) -> list[tuple[str, int, list[float]]]:
    """File, class as the model has it, and box of every object."""
    truth = fit_task(dataset, "detect", CLASSES).ground_truth
    assert truth is not None
    names = {image["id"]: image["file_name"] for image in truth["images"]}
    return [
        (names[one["image_id"]], one["category_id"], np.round(one["bbox"], 3).tolist()) for one in truth["annotations"]
    ]


def each(key: str, **values: Callable[[dict[str, Any]], Any]) -> Change:
    """Sets fields of every entry of a list from the entry."""

    def change(content: dict[str, Any]) -> None:
        for one in content[key]:
            one.update({name: value(one) for name, value in values.items()})

    return change


def both(*changes: Change) -> Change:
    return lambda content: [change(content) for change in changes] and None


def polygon(one: dict[str, Any]) -> list[list[float]]:
    x, y, w, h = one["bbox"]
    return [[x, y, x + w, y, x + w, y + h, x, y + h]]


def root(content: dict[str, Any]) -> None:
    each("categories", id=lambda one: one["id"] + 1, supercategory=lambda _: "shapes")(content)
    each("annotations", category_id=lambda one: one["category_id"] + 1)(content)
    content["categories"].insert(0, {"id": 0, "name": "shapes", "supercategory": "none"})


def alphabetical(content: dict[str, Any]) -> None:
    ordered = sorted(content["categories"], key=lambda one: one["name"])
    ids = {one["id"]: place for place, one in enumerate(ordered, start=1)}
    each("categories", id=lambda one: ids[one["id"]])(content)
    each("annotations", category_id=lambda one: ids[one["category_id"]])(content)


def listed_twice(content: dict[str, Any]) -> None:
    content["images"].append({**content["images"][0], "id": 999})
    copies = [
        {**one, "image_id": 999} for one in content["annotations"] if one["image_id"] == content["images"][0]["id"]
    ]
    content["annotations"] += copies


def part(one: dict[str, Any]) -> list[float]:
    return [value / 256 for value in one["bbox"]]


def centred(box: list[float]) -> list[float]:
    return [box[0] + box[2] / 2, box[1] + box[3] / 2, box[2], box[3]]


def corners(box: list[float]) -> list[float]:
    return [box[0], box[1], box[0] + box[2], box[1] + box[3]]


words = both(
    each("images", id=lambda one: f"img-{one['id']}"),
    each(
        "annotations", image_id=lambda one: f"img-{one['image_id']}", category_id=lambda one: f"c{one['category_id']}"
    ),
    each("categories", id=lambda one: f"c{one['id']}"),
)

FORMS: dict[str, tuple[Change, str]] = {
    "as they are": (lambda _: None, ""),
    "categories in another order": (alphabetical, "have another number in changed.json"),
    "a root of all categories": (root, "Category 'shapes' of changed.json has no annotation and is no class"),
    "sizes of 0": (
        each("images", width=lambda _: 0, height=lambda _: 0),
        "12 sizes in changed.json are 0, missing or impossible",
    ),
    "sizes that are none": (each("images", width=lambda _: None, height=lambda _: "x"), "12 sizes"),
    "sizes of other images": (
        each("images", width=lambda _: 128, height=lambda _: 100),
        "another size of 12 images (such as 128 x 100 for 256 x 256); their boxes fit the images as they are",
    ),
    "corners": (each("annotations", bbox=lambda one: corners(one["bbox"])), "were read as x1 y1 x2 y2:"),
    "centres": (each("annotations", bbox=lambda one: centred(one["bbox"])), "were read as cx cy width height:"),
    "parts": (each("annotations", bbox=part), "read as x y width height in parts of the image"),
    "corners in parts": (each("annotations", bbox=lambda one: corners(part(one))), "x1 y1 x2 y2 in parts"),
    "centres in parts": (each("annotations", bbox=lambda one: centred(part(one))), "cx cy width height in parts"),
    "ids that are words": (words, "image ids of changed.json are words"),
    "ids in quotes": (
        both(
            each("images", id=lambda one: str(one["id"])),
            each("annotations", category_id=lambda one: f"{one['category_id']}"),
        ),
        "",
    ),
    "ids with a point": (each("annotations", image_id=lambda one: float(one["image_id"])), ""),
    "boxes in quotes": (each("annotations", bbox=lambda one: [str(value) for value in one["bbox"]]), ""),
    "empty boxes beside outlines": (
        each("annotations", segmentation=polygon, bbox=lambda _: []),
        "boxes of changed.json were taken from 'segmentation'",
    ),
    "boxes of zeros beside outlines": (
        each("annotations", segmentation=polygon, bbox=lambda _: [0] * 4),
        "segmentation",
    ),
    "no area and no crowds": (each("annotations", area=lambda _: None, iscrowd=lambda _: None), ""),
    "names with folders": (
        each("images", file_name=lambda one: f"C:\\set\\val\\{one['file_name']}"),
        "12 images of changed.json were found by the last parts of 'file_name'",
    ),
    "an image listed twice": (listed_twice, "1 images of changed.json are listed under a second id"),
    "an entry that is repeated": (lambda content: content["images"].append(content["images"][0]), "1 repeated entries"),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_same_boxes_in_other_forms(form: str, scenes: Path) -> None:
    change, words = FORMS[form]
    dataset = opened(scenes, change)
    assert boxes(dataset) == boxes(open_dataset(scenes / "annotations" / "instances_val.json"))
    assert dataset.skipped == () and len(dataset.validation) == 12
    said = " ".join((*fit_task(dataset, "detect", CLASSES).notes, *dataset.warnings))
    assert words in said


def test_boxes_of_images_that_were_made_smaller_are_scaled(scenes: Path) -> None:
    small = scenes / "images" / "small"
    small.mkdir(exist_ok=True)
    for file in (scenes / "images" / "val").iterdir():
        cv2.imwrite(str(small / file.name), cv2.resize(cv2.imread(str(file)), (192, 192)))
    dataset = opened(scenes, lambda _: None, "small")
    sound = open_dataset(scenes / "annotations" / "instances_val.json")
    for (name, kind, box), (same, same_kind, larger) in zip(boxes(dataset), boxes(sound), strict=True):
        assert (name, kind) == (same, same_kind) and np.allclose(box, np.multiply(larger, 0.75), atol=2e-3)
    assert dataset.ground_truth is not None and dataset.ground_truth["images"][0]["width"] == 192
    assert dataset.ground_truth["annotations"][0]["area"] == pytest.approx(
        0.75**2 * sound.ground_truth["annotations"][0]["area"], rel=1e-3
    )
    [warning] = dataset.warnings
    assert "another size of 12 images (such as 256 x 256 for 192 x 192); their boxes were scaled" in warning


def test_images_of_another_shape_are_left_out_by_name(scenes: Path) -> None:
    odd = scenes / "images" / "odd"
    shutil.copytree(scenes / "images" / "val", odd, dirs_exist_ok=True)
    first = sorted(odd.iterdir())[0]
    cv2.imwrite(str(first), np.zeros((100, 180, 3), np.uint8))
    dataset = opened(scenes, lambda _: None, "odd")
    [skip] = dataset.skipped
    assert skip.path.name == first.name and "180 x 100 pixels and changed.json says 256 x 256" in skip.reason
    assert len(dataset.validation) == 11 and first.name not in {name for name, _, _ in boxes(dataset)}


def test_boxes_without_area_and_outline_are_left_out_and_counted(scenes: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        for one, box in zip(
            content["annotations"], ([], None, [1, 2, 0, 4], [1, 2, -3, 4], [1, 2, 1e999, 4]), strict=False
        ):
            one["bbox"] = box

    dataset = opened(scenes, change)
    assert "5 annotations of changed.json were left out, as their 'bbox' has no area." in dataset.notes
    assert len(boxes(dataset)) == len(boxes(opened(scenes, lambda _: None))) - 5


def test_boxes_in_no_form_are_a_warning(scenes: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        rng = np.random.default_rng(0)
        for one in content["annotations"]:
            one["bbox"] = (rng.random(4) * 300 + 1).tolist()

    dataset = opened(scenes, change)
    assert any("stick out of their images, read as x y width height: check 'bbox'" in one for one in dataset.warnings)

    def parts(content: dict[str, Any]) -> None:
        for one in content["annotations"]:
            one["bbox"] = [0.9, 0.9, 0.4, 0.4]

    with pytest.raises(
        DatasetError, match=r"every 'bbox' is between 0 and 1, and read as .* not all of them lie inside"
    ):
        opened(scenes, parts)


def test_names_that_several_images_end_in_are_nobodys(scenes: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        name = content["images"][0]["file_name"]
        content["images"][0]["file_name"], content["images"][1]["file_name"] = f"one/{name}", f"two/{name}"

    dataset = opened(scenes, change)
    assert len(dataset.skipped) == 2 and "lists several images whose last parts are" in dataset.skipped[0].reason


@pytest.mark.parametrize(
    ("key", "field", "value", "words"),
    [
        ("images", "id", None, r"images\[1\] has 'id' None, but a number or a word"),
        ("images", "id", True, r"images\[1\] has 'id' True"),
        ("images", "id", 1.5, r"images\[1\] has 'id' 1\.5"),
        ("images", "file_name", 7, r"images\[1\] has 'file_name' 7, but the name of a file"),
        ("annotations", "image_id", [], r"annotations\[1\] has 'image_id' \[\]"),
        ("annotations", "category_id", {}, r"annotations\[1\] has 'category_id' \{\}"),
        ("annotations", "category_id", 10**400, r"annotations\[1\] has category 10+\.\.\. \('category_id'\)"),
        ("annotations", "bbox", [1, 2, 3], r"annotations\[1\] has 'bbox' \[1, 2, 3\], but four numbers"),
        ("annotations", "bbox", [1, 2, "a", 4], r"annotations\[1\] has 'bbox'"),
        ("annotations", "bbox", {"x": 1}, r"annotations\[1\] has 'bbox'"),
        ("annotations", "bbox", 5, r"annotations\[1\] has 'bbox' 5"),
        ("annotations", "iscrowd", 7, r"annotations\[1\] has 'iscrowd' 7, but 0 or 1"),
        ("categories", "name", ["a"], r"categories\[1\] has 'name' \['a'\], but a text"),
        ("categories", "id", 0, r"category id twice \(0\)"),
    ],
)
def test_refusals_name_entry_and_field(key: str, field: str, value: object, words: str, scenes: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        content[key][1][field] = value

    with pytest.raises(DatasetError, match=words):
        opened(scenes, change)


@pytest.mark.parametrize("key", ["images", "annotations", "categories"])
def test_entries_that_are_no_objects(key: str, scenes: Path) -> None:
    with pytest.raises(DatasetError, match=rf"malformed entry: {key}\[0\] is 'x', not an object"):
        opened(scenes, lambda content: content[key].__setitem__(0, "x"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[" * 100_000, "cannot be read as JSON: it nests too deeply"),
        (b'{"images": ' + b"9" * 6000 + b"}", "cannot be read as JSON: .*4300"),
        (b'{"images": "\xff"}', "byte 12 is not UTF-8 text"),
        (b"", "cannot be read as JSON"),
    ],
)
def test_text_that_is_no_annotations(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(DatasetError, match=words):
        open_dataset(tmp_path / "a.json")


def test_text_of_windows(scenes: Path) -> None:
    path = scenes / "annotations" / "instances_val.json"
    wide = scenes / "annotations" / "val.json"
    wide.write_bytes(path.read_text().encode("utf-16"))
    assert boxes(open_dataset(wide)) == boxes(open_dataset(path))


def test_a_train_folder_beside_as_roboflow_has_it(tmp_path: Path, scenes: Path) -> None:
    for split in ("train", "valid"):
        shutil.copytree(scenes / "images" / "val", tmp_path / split)
    shutil.copy(scenes / "annotations" / "instances_val.json", tmp_path / "valid" / "_annotations.coco.json")
    dataset = open_dataset(tmp_path / "valid" / "_annotations.coco.json")
    assert dataset.overlap == 0 and "Calibration images are those of train, beside valid." in dataset.notes


@pytest.mark.parametrize("turn", [5, 6, 7, 8])
def test_boxes_of_images_stored_lying_are_turned_with_them(turn: int, tmp_path: Path) -> None:
    lying = np.full((60, 90, 3), 255, np.uint8)
    lying[10:20, 30:70] = 0
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, turn, 0, 0)
    exif = b"\xff\xe1" + struct.pack(">H", len(tiff) + 8) + b"Exif\0\0" + tiff
    jpeg = cv2.imencode(".jpg", lying, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    (tmp_path / "a.jpg").write_bytes(jpeg[:2] + exif + jpeg[2:])
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 90, "height": 60}],
        "annotations": [{"image_id": 1, "category_id": 0, "bbox": [30, 10, 40, 10]}],
        "categories": [{"id": 0, "name": "a"}],
    }
    (tmp_path / "a.json").write_text(json.dumps(content))
    dataset = open_dataset(tmp_path / "a.json")
    rows, columns = np.nonzero(read_image(tmp_path / "a.jpg")[:, :, 0] < 128)
    [box] = [one["bbox"] for one in dataset.ground_truth["annotations"]]
    assert box == [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1] and dataset.skipped == ()
    assert "the boxes were turned with them" in dataset.warnings[0]
