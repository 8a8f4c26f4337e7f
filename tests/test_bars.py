"""The main job on real detectors and 300 COCO images: how much AP the default recipe may cost."""

from __future__ import annotations

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
    [("yolov8n", 41.49, 0.2, 95), ("yolox_nano", 29.08, 0.5, 40), ("nanodet_m_416", 24.67, 0.15, 40)],
)
def test_w8a8_keeps_ap(model, float_ap, drop, macs):
    found = detquant.quantize(ASSETS / f"weights/detect/{model}.onnx", ASSETS / "coco/coco300.yaml", threads=2).report
    assert found["images"] == 300
    assert found["float"]["ap"] == pytest.approx(float_ap, abs=0.05)
    assert found["drop"] <= drop
    assert found["int8"]["macs_percent"] >= macs
