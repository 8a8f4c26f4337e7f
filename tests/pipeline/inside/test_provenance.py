from __future__ import annotations

import os
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from detquant.data import open_dataset, open_scenes
from detquant.pipeline.inside.provenance import (
    PACKAGES,
    command_line,
    data_digest,
    names_within,
    packages_used,
    system_name,
)

ROOT = Path(__file__).parents[3]
NO_PART = {"rich", "cyclopts", "flatbuffers", "ml_dtypes", "protobuf", "pyyaml"}
"""What shows results, or reads and writes files, and has no part in numbers."""


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (
            ["/usr/bin/detquant", "quantize", "my model.onnx", "--data", "../d"],
            "detquant quantize 'my model.onnx' --data ../d",
        ),
        (["C:/bin/detquant.exe", "demo"], "detquant demo"),
        (["/x/detquant/__main__.py", "demo"], "detquant demo"),
        (["/x/pytest/__main__.py", "demo"], None),
        (["train.py"], None),
        ([""], None),
        ([], None),
    ],
)
def test_the_command_as_it_was_typed(monkeypatch, argv, expected):
    monkeypatch.setattr(sys, "argv", argv)
    assert command_line() == expected


def test_the_system_and_python_have_versions():
    assert system_name().endswith(f"Python {sys.version.split()[0]}")


def test_packages_that_were_loaded(monkeypatch):
    found = packages_used("onnxruntime")
    assert {"detquant", "numpy", "onnxruntime"} <= found.keys() and all(found.values())
    monkeypatch.delitem(sys.modules, "cv2")
    assert "opencv-python-headless" not in packages_used("onnxruntime")
    assert "opencv-python-headless" in packages_used("opencv-python-headless")


def test_all_that_is_required_is_known():
    """A dependency that is added has a part in numbers, or has none."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    wanted = {word for name in optional if name not in ("dev", "docs") for word in optional[name]} | set(
        project["dependencies"]
    )
    names = {word.split(">")[0].split("<")[0].split(";")[0].strip().lower() for word in wanted}
    assert names - NO_PART <= {name.lower() for name in PACKAGES}


def test_the_data_have_a_digest_that_does_not_depend_on_their_place(square_data, tmp_path):
    known = _digest_of(open_dataset(square_data(), 0))
    os.rename(tmp_path / "data", tmp_path / "moved")
    assert _digest_of(open_dataset(tmp_path / "moved/data.yaml", 0)) == known


def _digest_of(dataset):
    return data_digest(dataset, dataset.calibration)


def test_the_digest_changes_with_the_data(square_data, tmp_path):
    dataset = open_dataset(square_data(), 0)
    known = _digest_of(dataset)
    assert data_digest(dataset, dataset.calibration[1:]) != known
    assert _digest_of(replace(dataset, classes=("other", *dataset.classes[1:]))) != known
    truth = dataset.ground_truth
    fewer = replace(dataset, ground_truth={**truth, "annotations": truth["annotations"][1:]})
    assert _digest_of(fewer) != known
    with dataset.calibration[0].open("ab") as file:
        file.write(b"more")
    assert _digest_of(dataset) != known


def test_scenes_have_a_digest():
    one, other = open_scenes(0, calibration=3, validation=2), open_scenes(1, calibration=3, validation=2)
    assert _digest_of(one) == _digest_of(open_scenes(0, calibration=3, validation=2)) != _digest_of(other)


def test_names_of_images_are_those_within_their_folder(tmp_path):
    paths = [tmp_path / "a/1.png", tmp_path / "b/c/2.png"]
    assert names_within(paths) == ["a/1.png", "b/c/2.png"]
    assert names_within(paths[:1]) == ["1.png"] and names_within([]) == []
    assert names_within([tmp_path / "1.png", Path("scenes:0/2.png")]) == [
        (tmp_path / "1.png").as_posix(),
        "scenes:0/2.png",
    ]
