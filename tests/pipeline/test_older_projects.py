"""The older projects' workflows on networks of full size with seeded weights, from the files that their users have."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import pytest

from detquant.cli import main
from detquant.data.scenes import scene

sys.path.append(str(Path(__file__).parents[1] / "importers/darknet"))
sys.path.append(str(Path(__file__).parents[1] / "importers/tensorflow"))
from darknet_nets import yolov4
from darknet_reference import write_weights
from tensorflow_fixtures import tensorflow

__all__ = ["tensorflow"]

pytestmark = pytest.mark.slow


@pytest.fixture
def run(tmp_path):
    """run(workflow, file, precisions): the whole workflow on a few scenes, for OpenVINO."""
    pytest.importorskip("openvino", reason="the extra openvino is not installed")

    def go(workflow: str, file: Path) -> dict:
        (tmp_path / "pictures").mkdir()
        for index in range(4):
            cv2.imwrite(str(tmp_path / f"pictures/{index}.png"), scene("train", index).image)
        given = ["--model", str(file), "--data", str(tmp_path / "pictures"), "--calib", "4", "--runs", "2"]
        assert main(["workflow", workflow, *given, "--out", str(tmp_path / "out")]) == 0
        [told] = json.loads((tmp_path / "out/workflow.json").read_text())["models"]
        assert {"fp32", "fp16", "w8a8"} <= {row["precision"] for row in told["rows"]}
        assert all((tmp_path / "out" / name).is_file() for row in told["rows"] for name in row["files"])
        assert len(told["predictions"]) == 4
        return told

    return go


def test_ssd_mobilenet_v1(tensorflow, run, tmp_path):
    from detection_api import frozen_ssd

    told = run("ssd-mobilenet-v1", frozen_ssd(tensorflow, tmp_path / "frozen_inference_graph.pb"))
    assert told["family"] == "ssd-raw"


def test_yolov4(run, tmp_path):
    path = tmp_path / "yolov4.cfg"
    path.write_text(yolov4(320))
    write_weights(path.with_suffix(".weights"), yolov4(320))
    told = run("yolov4", path)
    sizes = {row["precision"]: row["size_bytes"] for row in told["rows"]}
    assert told["family"] == "yolov4" and sizes["w8a8"] < 0.3 * sizes["fp32"]
