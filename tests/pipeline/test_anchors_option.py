"""Anchors that a user tells: on the command line and in Python, kept in what is written."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import onnx
import pytest

import detquant
from detquant.cli import main
from detquant.errors import ModelError

sys.path.append(str(Path(__file__).parents[1] / "families"))

from yolo_networks.heads import FLAT
from yolo_networks.table import NETWORKS


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("raw") / "raw.onnx"
    onnx.save(NETWORKS["yolov7-tiny raw"].make(64), path)
    return path


def test_they_are_asked_for_and_taken(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ModelError, match="9 anchors, and the file does not tell them: say --anchors yolov5"):
        detquant.load(raw)
    assert main(["inspect", str(raw)]) == 0
    assert "say --anchors yolov5" in " ".join(capsys.readouterr().out.split())
    assert main(["inspect", str(raw), "--anchors", "yolov5"]) == 0
    assert "yolov5-maps" in capsys.readouterr().out
    family = detquant.load(raw, anchors=FLAT).family
    heads = json.loads(family.facts()["detquant.yolo"])["heads"]
    assert [anchor for head in heads for pair in head["anchors"] for anchor in pair] == [
        float(n) for n in FLAT.split(",")
    ]


@pytest.mark.parametrize(("anchors", "words"), [("1,2", "but 1 are given"), ("yolo", "has no anchors 'yolo'")])
def test_wrong_ones_are_a_sentence(raw: Path, anchors: str, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        detquant.load(raw, anchors=anchors)


def test_who_needs_none_is_told_so() -> None:
    with pytest.raises(ModelError, match="--anchors means nothing for the family yolov8"):
        detquant.load("yolov8-pico", anchors="yolov5")
