from __future__ import annotations

import os

import numpy as np
import pytest

from detquant.calibration import Statistics, statistics_key
from detquant.data.scenes import scene_path


@pytest.fixture
def filled():
    return Statistics(
        extremes={"/model/conv:0": ((-1.5, 2.25), (0.1, 0.2)), "x": ((0.0, 1.0), (0.0, 0.5))},
        channel_sums={"x": np.array([1.0, 2.0, 1e-9])},
        channel_peaks={"x": np.array([1.0, 0.5, 0.25], np.float32)},
        histograms={"x": np.arange(5)},
        images=2,
        histogram_images=1,
    )


def test_what_is_saved_is_loaded(filled, tmp_path):
    path = tmp_path / "deep" / "er" / "statistics.npz"
    filled.save(path)
    found = Statistics.load(path)
    assert found is not None and found.extremes == filled.extremes
    assert (found.images, found.histogram_images) == (2, 1)
    for table in ("channel_sums", "channel_peaks", "histograms"):
        ours, theirs = getattr(found, table), getattr(filled, table)
        assert ours.keys() == theirs.keys()
        for name in ours:
            assert ours[name].dtype == theirs[name].dtype
            np.testing.assert_array_equal(ours[name], theirs[name])
    assert [p.name for p in path.parent.iterdir()] == ["statistics.npz"]


@pytest.mark.parametrize("damage", ["empty", "text", "cut short", "a byte changed", "npy", "another npz"])
def test_a_corrupt_file_is_nothing(filled, tmp_path, damage):
    path = tmp_path / "statistics.npz"
    filled.save(path)
    content = path.read_bytes()
    middle = content.index(b"NUMPY") + 130  # within the first array's data
    if damage == "npy":
        with path.open("wb") as file:
            np.save(file, np.arange(3))
    elif damage == "another npz":
        with path.open("wb") as file:
            np.savez(file, a=np.arange(3))
    else:
        path.write_bytes(
            {
                "empty": b"",
                "text": b"hello",
                "cut short": content[: len(content) // 2],
                "a byte changed": content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :],
            }[damage]
        )
    assert Statistics.load(path) is None


def test_no_file_is_nothing(tmp_path):
    assert Statistics.load(tmp_path / "none.npz") is None


def test_figures_over_all_images(filled):
    assert filled.bounds("/model/conv:0") == (-1.5, 2.25)
    np.testing.assert_allclose(filled.channel_means()["x"], [0.5, 1.0, 5e-10])


def test_a_key_stands_for_model_images_and_settings(tmp_path):
    images = [tmp_path / f"{k}.jpg" for k in range(2)]
    for image in images:
        image.write_bytes(b"1")
    key = statistics_key("ab", images, {"a": 1, "b": 2})
    assert key == statistics_key("ab", images, {"b": 2, "a": 1})
    others = {
        statistics_key("ac", images, {"a": 1, "b": 2}),
        statistics_key("ab", images[:1], {"a": 1, "b": 2}),
        statistics_key("ab", images, {"a": 1, "b": 3}),
    }
    os.utime(images[0], ns=(1, 1))
    others.add(statistics_key("ab", images, {"a": 1, "b": 2}))
    assert len(others | {key}) == 5


def test_key_of_scenes_which_are_no_files():
    paths = [scene_path("calibration", k) for k in range(3)]
    keys = {statistics_key("ab", chosen, {}) for chosen in (paths, paths[:2], paths[::-1])}
    assert len(keys) == 3 and statistics_key("ab", paths, {}) in keys
