"""What lies beside an export of PaddleDetection tells how its images are prepared."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

from detquant.importers import load_model
from detquant.importers.infer_cfg import metadata_beside

CFG = """
mode: paddle
arch: PicoDet
Preprocess:
- interp: 2
  keep_ratio: false
  target_size: [320, 320]
  type: Resize
- is_scale: true
  mean: [0.485, 0.456, 0.406]
  std: [0.229, 0.224, 0.225]
  type: NormalizeImage
- type: Permute
label_list: [disc, ring]
"""


def beside(folder: Path, text: str) -> dict[str, str]:
    (folder / "infer_cfg.yml").write_text(text)
    return metadata_beside(folder / "model.onnx")


def test_means_and_names(tmp_path: Path) -> None:
    found = beside(tmp_path, CFG)
    assert json.loads(found["names"]) == ["disc", "ring"]
    assert json.loads(found["detquant.paddle"]) == {
        "mean": [123.675, 116.28, 103.53],
        "std": [58.395, 57.12, 57.375],
        "keep_ratio": False,
    }


def test_no_norm_is_pixels_as_they_are_or_divided(tmp_path: Path) -> None:
    none = CFG.replace("mean: [0.485, 0.456, 0.406]\n  std: [0.229, 0.224, 0.225]", "norm_type: none")
    assert json.loads(beside(tmp_path, none)["detquant.paddle"])["std"] == [255.0] * 3
    assert json.loads(beside(tmp_path, none.replace("true", "false"))["detquant.paddle"])["std"] == [1.0] * 3


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "Preprocess: 3\nlabel_list: {}", "Preprocess: [3]", "\x00"])
def test_what_says_nothing_is_left_alone(tmp_path: Path, text: str) -> None:
    assert beside(tmp_path, text) == {}


def test_numbers_that_are_none(tmp_path: Path) -> None:
    assert "detquant.paddle" not in beside(tmp_path, CFG.replace("0.485", "red"))
    assert metadata_beside(tmp_path / "elsewhere" / "model.onnx") == {}


def test_the_files_own_entries_come_first(tmp_path: Path, square_proto: onnx.ModelProto) -> None:
    beside(tmp_path, CFG)
    onnx.helper.set_model_props(square_proto, {"names": "['own']"})
    onnx.save(square_proto, tmp_path / "model.onnx")
    metadata = load_model(tmp_path / "model.onnx").metadata
    assert metadata["names"] == "['own']" and "detquant.paddle" in metadata
