"""Toolchains weigh hundreds of megabytes and seconds: importing the house must load none of them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {"torch", "openvino", "tensorflow", "nncf", "ai_edge_litert"}
PROGRAM = """
import importlib, json, sys
importlib.import_module(sys.argv[1])
print(json.dumps(list(sys.modules)))
"""


@pytest.mark.parametrize(
    "module",
    [
        "detquant",
        "detquant.graph",
        "detquant.importers.onnx",
        "detquant.importers.keras",
        "detquant.importers.openvino",
    ],
)
def test_import_loads_no_toolchain(module):
    run = subprocess.run([sys.executable, "-c", PROGRAM, module], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(run.stdout)}
    assert "detquant" in loaded
    assert not HEAVY & loaded


def test_makers_of_toolchains_are_told_nothing():
    pytest.importorskip("openvino")
    program = "import detquant, openvino.tools.ovc.telemetry_utils as told; print(told.tm.__name__)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "openvino.tools.ovc.telemetry_stub"
