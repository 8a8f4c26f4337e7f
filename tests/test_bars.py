"""The main job on real models: how much AP (300 COCO images) or top-1 the default recipe may cost."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

import detquant

ASSETS = Path(__file__).resolve().parents[2] / "shared" / "assets"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not ASSETS.is_dir(), reason="../shared/assets with real weights and images is absent"),
]


@pytest.mark.parametrize(
    ("model", "float_ap", "drop", "macs"),
    [("yolov8n", 41.49, 0.2, 93), ("yolox_nano", 29.08, 0.5, 40), ("nanodet_m_416", 24.67, 0.15, 40)],
)
def test_w8a8_keeps_ap(model, float_ap, drop, macs):
    result = detquant.quantize(ASSETS / f"weights/detect/{model}.onnx", ASSETS / "coco/coco300.yaml", threads=2)
    found = result.report.figures()
    assert found["images"] == 300
    assert found["float"]["ap"] == pytest.approx(float_ap, abs=0.05)
    assert found["drop"] <= drop
    assert found["int8"]["macs_percent"] >= macs


@pytest.mark.parametrize(
    ("model", "data", "preprocess", "top1", "drop"),
    [
        ("mobilenet_v2_1.0_224.onnx", "imagenet/labels.csv", None, 86.8, 1.0),
        ("squeezenet_v1.1.onnx", "imagenet/labels.csv", "caffe", 63.2, 1.0),
        ("resnet20_cifar10.th", "cifar10", None, 80.2, 1.5),
        ("resnet56_cifar10.th", "cifar10", None, 83.4, 1.5),
    ],
)
def test_w8a8_keeps_top1(model, data, preprocess, top1, drop, tmp_path):
    path = ASSETS / "weights/classify" / model
    if path.suffix == ".th":
        pytest.importorskip("torch")
    else:
        packed, path = path.with_name(f"{model}.xz"), tmp_path / model
        path.write_bytes(lzma.decompress(packed.read_bytes()))
    found = detquant.quantize(path, ASSETS / data, preprocess=preprocess, threads=2).report.figures()
    assert found["float"]["top1"] == pytest.approx(top1, abs=0.05)
    assert found["drop"] <= drop
