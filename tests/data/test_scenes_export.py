from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from detquant.data import Dataset, check_classes, iter_images, open_dataset, read_image
from detquant.data.scenes import CLASSES, export, export_scenes, layout, open_scenes, scene, scene_path
from detquant.errors import DatasetError, OutputError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_scenes(tmp_path_factory.mktemp("export") / "made", 3, validation=4).parent


def check_truth(dataset: Dataset, atol: float) -> None:
    """The validation boxes are those of the scenes."""
    assert dataset.classes == CLASSES and dataset.ground_truth is not None
    ids = list(dataset.image_ids.values())
    for index, image_id in enumerate(ids):
        mine = [one for one in dataset.ground_truth["annotations"] if one["image_id"] == image_id]
        plan = layout("validation", index)
        xywh = np.array([one["bbox"] for one in mine])
        assert [one["category_id"] for one in mine] == plan.class_id.tolist()
        assert np.allclose(xywh[:, :2], plan.boxes[:, :2], atol=atol, rtol=0)
        assert np.allclose(xywh[:, :2] + xywh[:, 2:], plan.boxes[:, 2:], atol=atol, rtol=0)


def test_read_again_as_coco(folder: Path) -> None:
    dataset = open_dataset(folder / "annotations" / "instances_val.json")
    assert len(dataset.validation) == 4 and len(dataset.calibration) == 3
    assert dataset.overlap == 0 and dataset.skipped == ()
    check_truth(dataset, 0)


@pytest.mark.parametrize("annotations", [True, False])
def test_read_again_as_ultralytics(folder: Path, annotations: bool) -> None:
    """Without the annotations beside it, the reader goes by the label files."""
    away = folder / "annotations.away"
    if not annotations:
        (folder / "annotations").rename(away)
    try:
        dataset = open_dataset(folder / "data.yaml")
    finally:
        if away.exists():
            away.rename(folder / "annotations")
    assert len(dataset.validation) == 4 and len(dataset.calibration) == 3 and dataset.skipped == ()
    check_truth(dataset, 1e-3)


def test_pictures_are_kept_to_the_bit(folder: Path) -> None:
    for name, split, count in (("train", "train", 3), ("val", "validation", 4)):
        files = sorted((folder / "images" / name).iterdir())
        assert len(files) == count
        for index, file in enumerate(files):
            assert np.array_equal(read_image(file), scene(split, index).image)  # type: ignore[arg-type]
    train = json.loads((folder / "annotations" / "instances_train.json").read_text())
    assert len(train["images"]) == 3
    assert len(train["annotations"]) == sum(len(layout("train", index).boxes) for index in range(3))


def test_a_link_to_an_empty_folder_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "linked").symlink_to("real")
    export_scenes(tmp_path / "linked", 1, validation=1)
    assert (tmp_path / "linked").is_symlink() and (tmp_path / "real/data.yaml").is_file()


def test_an_empty_folder_is_taken_and_a_full_one_refused(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    assert export_scenes(tmp_path, 1, validation=1, progress=lambda *now: seen.append(now)).is_file()
    assert seen == [("writing scenes", 1, 2), ("writing scenes", 2, 2)]
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DatasetError, match="not an empty folder"):
        export_scenes(tmp_path, 1, validation=1)
    assert sorted(tmp_path.rglob("*")) == before
    with pytest.raises(DatasetError, match="not an empty folder"):
        export_scenes(tmp_path / "data.yaml")
    with pytest.raises(DatasetError, match="1 is the least"):
        export_scenes(tmp_path / "new", 0)


def test_a_run_broken_off_leaves_nothing(tmp_path: Path) -> None:
    def stop(what: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_scenes(tmp_path / "made", 2, validation=1, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export, "_png", full)
    with pytest.raises(OutputError, match="made cannot be written: No space left"):
        export_scenes(tmp_path / "made", 1, validation=1)
    assert list(tmp_path.iterdir()) == []


def test_embedded_data_set_needs_no_file() -> None:
    dataset = open_scenes(calibration=20, validation=4)
    assert len(dataset.calibration) == 20 and not set(dataset.calibration) & set(dataset.validation)
    check_classes(dataset, 10)
    check_truth(dataset, 0)
    pictures = dict(iter_images(dataset.validation, []))
    assert [np.array_equal(pictures[path], scene("validation", at).image) for at, path in enumerate(pictures)] == [
        True
    ] * 4


def test_the_seed_orders_the_calibration() -> None:
    orders = {open_scenes(seed, calibration=20, validation=1).calibration for seed in (0, 0, 1)}
    assert len(orders) == 2 and len({frozenset(order) for order in orders}) == 1


@pytest.mark.parametrize("name", ["scenes:0", "scenes:0/train/7.png", "scenes:x/train/000001.png", "scenes:0/a/b/c"])
def test_paths_that_name_no_scene(name: str) -> None:
    with pytest.raises(DatasetError, match="names no scene"):
        read_image(Path(name))


def test_a_scene_by_its_path() -> None:
    assert np.array_equal(read_image(scene_path("train", 7, 2)), scene("train", 7, 2).image)
