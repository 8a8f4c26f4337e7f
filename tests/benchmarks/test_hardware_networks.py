"""The table of networks on the RTL: rows by name, and what cannot be had is a sentence."""

from __future__ import annotations

import shutil

import pytest
from generality import Net, crops
from hardware_networks import HEADER, NETWORKS, networks, row_of

from detquant.errors import OptionError
from detquant.targets.verilog.engine import Array

SMALL = Array(icp=8, ocp=8, lanes=8)


def test_a_network_that_is_not_at_hand_is_a_sentence(tmp_path):
    row = row_of("none", Net(tmp_path / "none.onnx.xz", crops), "w8a8", SMALL, 2)
    assert len(row) == len(HEADER) and "none.onnx.xz" in row[2]


def test_rows_have_names():
    with pytest.raises(OptionError, match="There is no network 'resnet': expected some of yolov8-pico, YOLOv8n"):
        networks(only=["resnet"])


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("verilator") is None, reason="Verilator is not installed")
def test_a_row_is_proven():
    row = row_of("resnet-pico", NETWORKS["resnet-pico"], "w8a8", SMALL, 8)
    assert row[:2] == ("resnet-pico", "32x32") and row[-1] == "bit-exact" and int(row[4].replace(",", "")) > 100_000
