"""A Darknet net goes all the way: planned, quantised, written, and decoded again without its cfg."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detquant.pipeline.detector import load
from detquant.pipeline.inspection import plan
from detquant.pipeline.quantize import quantize
from detquant.recipes import load_recipe

STEPS = 4  # halvings: from 96 pixels to 6 cells of 16, which is a square's side
CHANNELS, CLASSES = 8, 80
CFG = (
    "[net]\nwidth=96\nheight=96\nchannels=3\n"
    + STEPS * "[convolutional]\nbatch_normalize=1\nfilters=8\nsize=2\nstride=2\nactivation=leaky\n"
    + "[convolutional]\nfilters=85\nsize=1\nactivation=linear\n[yolo]\nanchors=16,16\nclasses=80\n"
)


@pytest.fixture
def squares(tmp_path: Path) -> Path:
    """Finds white squares: brightness is averaged down to their size, and a bright cell is one of class 0."""
    rng = np.random.default_rng(0)
    parts = []
    for step in range(STEPS):
        uneven = rng.uniform(0.8, 1.2, (CHANNELS, CHANNELS if step else 3, 2, 2))
        ones, zeros = np.ones(CHANNELS), np.zeros(CHANNELS)
        parts += [zeros, ones, zeros, ones, uneven / uneven.sum(axis=(1, 2, 3), keepdims=True)]
    bias, head = np.zeros(5 + CLASSES), np.zeros((5 + CLASSES, CHANNELS, 1, 1))
    bias[4], bias[5:] = 10, -10
    head[5] = 20 / CHANNELS
    content = b"".join(part.astype("<f4").tobytes() for part in (*parts, bias, head))
    (tmp_path / "squares.weights").write_bytes(struct.pack("<3iQ", 0, 2, 5, 0) + content)
    cfg = tmp_path / "squares.cfg"
    cfg.write_text(CFG)
    return cfg


def test_the_head_stays_float(squares: Path) -> None:
    kept = plan(load(squares), recipe="w8a8", target="ort").kept_float
    assert set(kept) == {"layer_004/conv"} and "head output" in kept["layer_004/conv"]


def test_it_still_sees_and_is_decoded_without_its_cfg(squares: Path, square_data, tmp_path: Path) -> None:
    recipe = load_recipe("w8a8")
    recipe = replace(recipe, steps=tuple(step for step in recipe.steps if step.name != "placement"))  # needs a clock
    result = quantize(squares, square_data(images=4), recipe=recipe, calib=4)
    assert result.report.figures()["float"]["ap"] == pytest.approx(100)
    assert result.report.figures()["quantized"]["ap"] > 95
    assert result.report.figures()["int8"]["macs_percent"] > 50
    result.save(tmp_path / "out")
    again = load(tmp_path / "out" / "model.onnx")
    assert again.is_quantized and again.family.name == "yolov4" and again.family.classes[0] == "person"
    assert [value.name for value in again.model.graph.outputs] == ["layer_004/conv"]
