"""The tables of the RTL: a network is proven with its cycles, and what has no instruction is refused."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from hardware import HEADER, InRtl, Simulated, image_of, proven, quantised, size_of

import detquant
from detquant.data import open_dataset
from detquant.errors import TargetError
from detquant.integer.detector import IntegerDetector
from detquant.targets.verilog.engine import Array

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("verilator") is None, reason="Verilator is not installed"),
]
SMALL = Array(icp=8, ocp=8, lanes=4)


@pytest.fixture(scope="module")
def detector():
    return detquant.load("yolov8-pico")


@pytest.fixture(scope="module")
def qdq(detector):
    return quantised(detector, open_dataset("scenes"), "w8a8", 2)


def test_the_rtl_stands_in_for_the_integer_model_and_no_other_map_passes(detector, qdq, tmp_path, monkeypatch):
    whole = IntegerDetector(qdq, detector.family)
    image = image_of(detector, open_dataset("scenes"), whole.network)
    in_rtl = InRtl(whole, Simulated.of(whole.network, SMALL, image, tmp_path))
    feeds = {detector.family.input_name: np.full((1, 3, 256, 256), 0.5, np.float32)}
    found = in_rtl.run(feeds)
    assert all(np.array_equal(found[name], expected) for name, expected in whole.run(feeds).items())
    other = dict.fromkeys(whole.network.outputs, np.zeros(1))
    with monkeypatch.context() as patch, pytest.raises(TargetError, match="is not the integer model's"):
        patch.setattr(Simulated, "codes", lambda self, image, expected: other)
        in_rtl.run(feeds)


def test_a_row_has_all_its_figures(detector, qdq):
    graph = IntegerDetector(qdq, detector.family).network
    row = proven(graph, SMALL, image_of(detector, open_dataset("scenes"), graph)).cells()
    assert len(row) == len(HEADER) - 4 and row[-1] == "PASS" and size_of(detector) == "256x256"
