from __future__ import annotations

import pytest

from detquant.pipeline.benchmark import benchmark
from detquant.pipeline.detector import load
from detquant.pipeline.predict import predict


def test_the_squares_are_found(square_model, square_data):
    folder = square_data(images=1).parent / "images/val"
    skipped = []
    [found] = predict(square_model, folder, skipped=skipped)
    boxes = sorted(found.detections.xyxy.round().tolist())
    assert boxes == [[0, 0, 16, 16], [48, 0, 64, 16]] and not skipped
    assert found.names == ["person"] * 2


def test_an_image_that_is_none_is_skipped(square_model, square_data, tmp_path):
    good = square_data(images=1).parent / "images/val/v0.png"
    (tmp_path / "bad.png").write_text("no picture")
    skipped = []
    found = list(predict(load(square_model), [tmp_path / "bad.png", good], skipped=skipped))
    assert [one.path for one in found] == [good]
    assert [skip.path.name for skip in skipped] == ["bad.png"]


def test_ratios_are_to_the_first_even_of_one_file(square_model):
    found = benchmark([square_model, load(square_model)], runs=3)
    assert found[0].ratio == 1 and len(found) == 2
    assert found[1].ratio == pytest.approx(found[1].latency.median_ms / found[0].latency.median_ms)
