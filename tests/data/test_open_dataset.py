from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from detquant.data import Dataset, check_classes, open_dataset, read_image
from detquant.errors import DatasetError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deep").mkdir()
    for name in ("b.png", "a.JPG", "deep/c.bmp"):
        cv2.imwrite(str(tmp_path / name), np.zeros((8, 9, 3), np.uint8))
    (tmp_path / "readme.md").write_text("not an image")
    (tmp_path / "README").write_text("not an image either")
    return tmp_path


def test_folder(folder: Path) -> None:
    dataset = open_dataset(str(folder))
    assert [path.name for path in dataset.validation] == ["a.JPG", "b.png", "c.bmp"]
    assert set(dataset.calibration) == set(dataset.validation) and dataset.overlap == 3
    assert dataset.classes is None and dataset.ground_truth is None
    assert list(dataset.image_ids.values()) == [1, 2, 3]
    check_classes(dataset, 80)


def test_the_seed_orders_the_calibration(folder: Path) -> None:
    orders = {open_dataset(folder, seed).calibration for seed in range(20)}
    assert len(orders) > 1
    assert open_dataset(folder, 3).calibration == open_dataset(folder, 3).calibration


def test_one_image(folder: Path) -> None:
    assert open_dataset(folder / "b.png").validation == (folder / "b.png",)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gone", "gone does not exist: give a data.yaml"),
        ("readme.md", "is a '.md' file: give a data.yaml"),
        ("README", "has no suffix that would tell what it is: give a data.yaml"),
    ],
)
def test_refused(folder: Path, name: str, words: str) -> None:
    with pytest.raises(DatasetError, match=words):
        open_dataset(folder / name)


def test_messages_about_data_are_one_line_of_bounded_length() -> None:
    assert str(DatasetError("a\0b\ud800\nc")) == "a\ufffdb\ufffd\ufffdc"
    message = str(DatasetError("begin" + "x" * 9999 + "end."))
    assert len(message) == 1000 and message.startswith("beginx") and message.endswith("xend.")


def test_folder_without_images_points_to_its_yaml(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="Give a folder"):
        open_dataset(tmp_path)
    (tmp_path / "data.yaml").write_text("")
    with pytest.raises(DatasetError, match=r"Did you mean .*data\.yaml"):
        open_dataset(tmp_path)


def test_ground_truth_must_fit_the_images() -> None:
    with pytest.raises(ValueError, match="validation images"):
        Dataset(name="x", classes=("a",), calibration=(), validation=(Path("a"),), ground_truth={"images": []})


def test_the_embedded_scenes_by_name() -> None:
    dataset = open_dataset("scenes", seed=3)
    assert dataset.name == "scenes" and len(dataset.classes) == 10
    assert (len(dataset.calibration), len(dataset.validation)) == (500, 300)
    assert dataset.calibration != open_dataset("scenes", seed=4).calibration
    assert read_image(dataset.validation[0]).shape == (256, 256, 3)


def test_a_folder_with_the_name_of_embedded_data_is_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenes").mkdir()
    cv2.imwrite("scenes/one.png", np.zeros((8, 8, 3), np.uint8))
    assert len(open_dataset("scenes").validation) == 1
