"""Images with one class each: in folders, in a table, cut out of the embedded scenes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from detquant.data import Dataset, fit_task, open_crops, open_dataset, read_image
from detquant.data.scenes import CLASSES, crops
from detquant.errors import DatasetError


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((8, 8, 3), np.uint8))


def labels_of(dataset: Dataset) -> dict[str, int]:
    assert dataset.labels is not None
    return {path.name: label for path, label in zip(dataset.validation, dataset.labels, strict=True)}


def test_folders_of_two_splits(tmp_path: Path) -> None:
    for name in ("calib/cat/c1.png", "calib/dog/d1.png", "test/dog/d2.png", "test/cat/c2.png", "test/cat/deep/c3.png"):
        picture(tmp_path / name)
    dataset = open_dataset(tmp_path)
    assert dataset.classes == ("cat", "dog") and labels_of(dataset) == {"c2.png": 0, "c3.png": 0, "d2.png": 1}
    assert {path.name for path in dataset.calibration} == {"c1.png", "d1.png"} and dataset.overlap == 0
    assert "test/" in dataset.notes[0] and "calib/" in dataset.notes[0]
    known = {path.name: label for path, label in dataset.calibration_labels.items()}
    assert known == {"c1.png": 0, "d1.png": 1} and dataset.calibration_labels.keys() == set(dataset.calibration)


def test_images_to_calibrate_with_may_be_of_no_class(tmp_path: Path) -> None:
    for name in ("calib/1.png", "calib/cat/2.png", "calib/cow/3.png", "test/dog/d.png", "test/cat/c.png"):
        picture(tmp_path / name)
    dataset = open_dataset(tmp_path)
    assert {path.name: label for path, label in dataset.calibration_labels.items()} == {"2.png": 0}


def test_their_classes_get_the_models_numbers_too(tmp_path: Path) -> None:
    for name in ("calib/cat/1.png", "calib/dog/2.png", "calib/cow/3.png", "test/dog/d.png", "test/cow/c.png"):
        picture(tmp_path / name)
    dataset = open_dataset(tmp_path)
    fitted = fit_task(dataset, "classify", ("horse", "dog", "cow"))
    assert {path.name: label for path, label in fitted.calibration_labels.items()} == {"2.png": 1, "3.png": 2}
    assert fit_task(dataset, "detect", ("dog", "cow")).calibration_labels == {}


def test_numbers_beyond_the_models_are_refused_in_images_to_calibrate_with(tmp_path: Path) -> None:
    for name in ("calib/0/1.png", "calib/7/2.png", "test/0/a.png", "test/7/b.png"):
        picture(tmp_path / name)
    dataset = open_dataset(tmp_path)
    assert sorted(dataset.calibration_labels.values()) == [0, 7]
    with pytest.raises(DatasetError, match="has a class 7"):
        fit_task(dataset, "classify", tuple("abcd"))


def test_folders_of_classes_alone(tmp_path: Path) -> None:
    for name in ("b/1.png", "a/2.png"):
        picture(tmp_path / name)
    dataset = open_dataset(tmp_path)
    assert dataset.classes == ("a", "b") and labels_of(dataset) == {"2.png": 0, "1.png": 1} and dataset.overlap == 2


@pytest.mark.parametrize(
    "names",
    [("train2017/1.png", "val2017/2.png"), ("a/1.png",), ("a/1.png", "b/2.png", "3.png"), ("a/x.txt", "b/1.png")],
)
def test_other_folders_are_plain_images(names: tuple[str, ...], tmp_path: Path) -> None:
    for name in names:
        picture(tmp_path / name) if name.endswith("png") else (tmp_path / name).parent.mkdir()
    assert open_dataset(tmp_path).labels is None


@pytest.mark.parametrize("place", ["", "images", "calib"])
def test_a_table_of_numbers(place: str, tmp_path: Path) -> None:
    picture(tmp_path / place / "1.png")
    table = tmp_path / "calib_labels.csv"
    table.write_text("FileName,class_index,name\n1.png,3,thing\n2.png,1,other\n")
    dataset = open_dataset(table)
    assert labels_of(dataset) == {"1.png": 3} and dataset.classes is None
    assert [skip.path.name for skip in dataset.skipped] == ["2.png"]


@pytest.mark.parametrize(
    "content",
    [
        "filename;class_index\nimages\\1.png;3\n".encode("utf-16"),
        b"filename\tclass_index\r\nC:\\set\\1.png\t3\r\n",
        b'\xef\xbb\xbf"filename","class_index"\r\n"1.png","3"\r\n',
    ],
)
def test_tables_as_spreadsheets_write_them(content: bytes, tmp_path: Path) -> None:
    picture(tmp_path / "images" / "1.png")
    (tmp_path / "labels.csv").write_bytes(content)
    assert labels_of(open_dataset(tmp_path / "labels.csv")) == {"1.png": 3}


def test_folders_called_by_numbers_are_these_classes(tmp_path: Path) -> None:
    for name in ("0/a.png", "10/c.png", "2/b.png"):
        picture(tmp_path / name)
    dataset = open_dataset(tmp_path)
    assert labels_of(dataset) == {"a.png": 0, "b.png": 2, "c.png": 10} and dataset.classes is None
    (tmp_path / "10").rename(tmp_path / "1")
    dataset = open_dataset(tmp_path)
    assert labels_of(dataset) == {"a.png": 0, "c.png": 1, "b.png": 2} and dataset.classes == ("0", "1", "2")
    (tmp_path / "0").rename(tmp_path / "3")  # counted from 1
    dataset = open_dataset(tmp_path)
    assert labels_of(fit_task(dataset, "classify", ("x", "y", "z"))) == {"c.png": 0, "b.png": 1, "a.png": 2}


def test_a_table_of_names_with_calibration_beside_it(tmp_path: Path) -> None:
    for name in ("1.png", "2.png", "train/3.png"):
        picture(tmp_path / name)
    table = tmp_path / "labels.csv"
    table.write_text("image,label\n1.png,dog\n2.png,cat\n")
    dataset = open_dataset(table)
    assert dataset.classes == ("cat", "dog") and labels_of(dataset) == {"1.png": 1, "2.png": 0}
    assert [path.name for path in dataset.calibration] == ["3.png"]
    # The model's numbers count where it knows the names.
    assert labels_of(fit_task(dataset, "classify", ("bird", "dog", "cat"))) == {"1.png": 1, "2.png": 2}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "no rows"),
        ("image,label\n", "no rows"),
        ("picture,label\n1.png,2\n", "columns picture, label, but none of: filename"),
        ("image,kind\n1.png,2\n", "none of: class_index"),
        ("image,label\n1.png,\n", "no class in line 2"),
        ("image,label\n9.png,2\n", "None of the 1 images"),
        ("image,label\n\xff\n", "cannot be read as a table: byte 12 is not UTF-8 text"),
        ("image,label\n1.png," + "9" * 6000 + "\n", r"has the class 9+\.\.\. in line 2: no model has so many"),
        ("image,label\n" + "x" * 200_000 + ",1\n", "cannot be read as a table: field larger than field limit"),
    ],
)
def test_a_faulty_table_is_refused(content: str, words: str, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_bytes(content.encode("latin-1"))
    with pytest.raises(DatasetError, match=words):
        open_dataset(table)


def test_crops_are_those_that_train() -> None:
    dataset = open_crops(calibration=2, validation=3)
    assert dataset.labels is not None and dataset.classes == CLASSES
    expected = list(crops("validation", len(dataset.validation)))
    for path, label, (image, class_id) in zip(dataset.validation, dataset.labels, expected, strict=True):
        assert np.array_equal(read_image(path), image) and label == class_id
    assert set(open_crops(1, calibration=2, validation=3).calibration) == set(dataset.calibration)


@pytest.mark.parametrize(
    "path", ["crops:0/train/000000-99.png", "crops:0/train/000000.png", "crops:x/train/000000-0.png"]
)
def test_a_crop_that_is_none(path: str) -> None:
    with pytest.raises(DatasetError):
        read_image(Path(path))


def test_a_detector_takes_labelled_images_as_images(tmp_path: Path) -> None:
    for name in ("b/1.png", "a/2.png"):
        picture(tmp_path / name)
    dataset = fit_task(open_dataset(tmp_path), "detect", ["thing"])
    assert dataset.labels is dataset.classes is None and "Class labels" in dataset.notes[-1]


def test_a_classifier_refuses_boxes_and_strange_classes(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="classifier, and scenes tells boxes"):
        fit_task(open_dataset("scenes"), "classify", CLASSES)
    for name in ("b/1.png", "a/2.png"):
        picture(tmp_path / name)
    with pytest.raises(DatasetError, match="has 2 classes, the model has 3"):
        fit_task(open_dataset(tmp_path), "classify", ("x", "y", "z"))
    table = tmp_path / "labels.csv"
    table.write_text("image,label\na/2.png,3\n")
    with pytest.raises(DatasetError, match="a class 3, the model has 3"):
        fit_task(open_dataset(table), "classify", ("x", "y", "z"))
