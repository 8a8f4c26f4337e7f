"""The embedded detector behind the AXI wrapper: pixels in, detections in memory, by make alone."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace

import pytest

import detquant

needed = [
    pytest.mark.skipif(shutil.which(tool) is None, reason=f"{tool} is not installed") for tool in ("verilator", "make")
]
pytestmark = [pytest.mark.slow, *needed]


def test_two_images_as_pixels_give_every_map_and_detection(tmp_path):
    recipe = replace(detquant.load_recipe("w8a8"), steps=())
    wish = {"recipe": recipe, "target": "verilog", "array": "8x8", "calib": 2, "val_limit": 1}
    detquant.quantize("yolov8-pico", "scenes", **wish).save(tmp_path)
    done = subprocess.run(["make", "axi"], cwd=tmp_path, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0 and "\nPASS\n" in done.stdout, (done.stdout + done.stderr)[-2000:]
    assert done.stdout.count("75 instructions") == 2
