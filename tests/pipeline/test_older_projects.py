"""The older projects' workflows on networks of full size with seeded weights, from the files that their users have.

Where nobody may pass the weights on, the workflows draw them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import pytest

from detquant.cli import main
from detquant.data.scenes import scene
from detquant.errors import Unreachable
from detquant.pipeline import workflow_inputs

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


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """alone(workflow, recipes): what a workflow tells of each of its models where no server answers."""
    pytest.importorskip("torch", reason="the extra torch is not installed")
    pytest.importorskip("onnxscript", reason="the extra torch is not installed")

    def fetch(entry, *_, **__):
        raise Unreachable(f"{entry.name} cannot be reached: check the network.")

    monkeypatch.setattr(workflow_inputs, "fetch", fetch)

    def go(workflow: str, *recipes: str) -> list[dict]:
        given = ["--calib", "4", "--val-limit", "4", "--runs", "2", "--out", str(tmp_path / "out")]
        assert main(["workflow", workflow, *given, *(word for one in recipes for word in ("--recipe", one))]) == 0
        told = json.loads((tmp_path / "out/workflow.json").read_text())["models"]
        for one in told:
            assert [row["precision"] for row in one["rows"]][-len(recipes) :] == list(recipes)
            assert one["measure"] == "agreement" and one["data"] == "scenes"
            assert any("seeded and not trained" in warning for warning in one["warnings"])
            assert all((tmp_path / "out" / name).is_file() for row in one["rows"] for name in row["files"])
        return told

    return go


def test_distiller(alone):
    small, large = alone("distiller", "dynamic", "w4a8")
    assert (small["model"], large["model"]) == ("resnet-18-seeded.pth", "resnet-50-seeded.pth")
    sizes = [{row["precision"]: row["size_bytes"] for row in told["rows"]} for told in (small, large)]
    assert all(one["dynamic"] < 0.27 * one["fp32"] for one in sizes)
    assert sizes[0]["w4a8"] < 0.75 * sizes[0]["dynamic"]
    assert sizes[1]["w4a8"] < sizes[1]["dynamic"]  # tensors of weights that nobody trained do harm alone: many in float


def test_ssd300(alone):
    [told] = alone("ssd300", "w4a8")
    sizes = {row["precision"]: row["size_bytes"] for row in told["rows"]}
    agreement = {row["precision"]: row["agreement"] for row in told["rows"]}
    assert told["family"] == "ssd300" and sizes["w4a8"] < 0.45 * sizes["fp32"]
    assert agreement["fp32"] == 100 and agreement["w4a8"] > 20 and len(told["predictions"]) == 4
