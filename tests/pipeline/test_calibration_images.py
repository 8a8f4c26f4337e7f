from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detquant.cli import main
from detquant.data import open_dataset
from detquant.errors import DatasetError
from detquant.pipeline.calibration_images import choose_images, more_images, require_calibration, stream
from detquant.pipeline.detector import load
from detquant.recipes import load_recipe


@pytest.fixture
def dataset(square_data):
    return open_dataset(square_data(images=5))


def test_the_first_so_many(dataset):
    skipped = []
    assert choose_images(dataset, 3, skipped) == list(dataset.calibration[:3]) and not skipped
    assert choose_images(dataset, 99, skipped) == list(dataset.calibration) and not skipped


def test_what_cannot_be_read_is_replaced_and_named(dataset):
    broken, gone = dataset.calibration[0], dataset.calibration[2]
    broken.write_bytes(broken.read_bytes()[:40])
    gone.unlink()
    skipped = []
    assert choose_images(dataset, 3, skipped) == [dataset.calibration[k] for k in (1, 3, 4)]
    assert [skip.path for skip in skipped] == [broken, gone]
    assert all(skip.reason for skip in skipped)


def test_images_that_are_not_needed_are_not_opened(dataset):
    dataset.calibration[4].write_text("no picture")
    skipped = []
    choose_images(dataset, 4, skipped)
    assert not skipped


def test_not_one_image_says_why(dataset):
    for path in dataset.calibration:
        path.write_text("no picture")
    with pytest.raises(
        DatasetError, match=f"None of the 5 calibration images can be read: .*{dataset.calibration[0].name}"
    ):
        choose_images(dataset, 3, [])


def test_feeds_are_what_the_family_makes_of_the_pixels(dataset, square_model):
    family = load(square_model).family
    feeds = list(stream(family, dataset.calibration))
    assert len(feeds) == 5
    for feed in feeds:
        assert list(feed) == ["images"] and feed["images"].shape == (1, 3, 96, 96)
        assert feed["images"].dtype == np.float32 and feed["images"].max() == 1.0
    places = [int(feed["images"][0, 0, 0].argmax()) // 16 for feed in feeds]
    assert sorted(places) == [0, 1, 2, 3, 4]  # each picture has its square elsewhere
    assert [places[k] for k in range(5)] == [int(path.stem[1:]) for path in dataset.calibration]


@pytest.fixture
def without_train(square_data):
    """A data.yaml with images to measure on alone."""
    data = square_data(images=4)
    lines = data.read_text().splitlines()
    data.write_text("\n".join(line for line in lines if not line.startswith("train")))
    return data


def test_a_data_set_that_has_none_says_why(without_train):
    dataset = open_dataset(without_train)
    with pytest.raises(DatasetError, match="has no key 'train'"):
        choose_images(dataset, 1, [])
    with pytest.raises(DatasetError, match="has no key 'train'"):
        require_calibration(dataset, load_recipe("w8a8"))
    require_calibration(dataset, replace(load_recipe("w8"), steps=()))  # weights alone need no image


@pytest.mark.parametrize(("command", "code"), [("evaluate", 0), ("doctor", 0), ("quantize", 2), ("choose", 2)])
def test_only_who_calibrates_needs_train(square_model, without_train, tmp_path, monkeypatch, capsys, command, code):
    monkeypatch.chdir(tmp_path)
    assert main([command, str(square_model), "--data", str(without_train)]) == code
    assert ("has no key 'train'" in capsys.readouterr().err) is (code == 2)


def test_more_images_are_never_those_that_are_measured_on():
    data = open_dataset("scenes")
    data = replace(data, validation=data.calibration[2:4], ground_truth=None)
    chosen = list(data.calibration[:2])
    assert more_images(data, chosen, 4) == [*chosen, *data.calibration[4:6]]
    assert more_images(data, chosen, 1) == chosen
