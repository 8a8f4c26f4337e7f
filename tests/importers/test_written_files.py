"""Files that detquant has written go in again, and say what they are: family, classes, decoding, preprocessing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("openvino", reason="the extra openvino is not installed")

from detquant.pipeline.detector import load
from detquant.pipeline.export import export


@pytest.mark.parametrize(
    ("target", "package", "name"),
    [("openvino", "openvino", "model.xml"), ("tflite", "ai_edge_litert", "model.tflite")],
)
@pytest.mark.parametrize("model", ["yolov8-pico", "resnet-pico"])
def test_there_and_back(target: str, package: str, name: str, model: str, tmp_path: Path) -> None:
    pytest.importorskip(package, reason=f"the extra {target} is not installed")
    detector = load(model)
    artefact, _ = export(detector, target, "fp32")
    for file, content in artefact.files.items():
        (tmp_path / file).write_bytes(content)
    again = load(tmp_path / name)
    assert again.reason.startswith("The file says so (detquant.family).")
    assert (again.family.name, again.family.classes) == (detector.family.name, detector.family.classes)
    assert again.family.facts() == detector.family.facts()
    pixels = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    feed, other = (one.family.preprocess(pixels)[0] for one in (detector, again))
    np.testing.assert_array_equal(feed, other)
    expected = detector.family.scores(detector.open().run({detector.family.input_name: feed}))
    found = again.family.scores(again.open().run({again.family.input_name: other}))
    np.testing.assert_allclose(found, expected, atol=1e-4)
