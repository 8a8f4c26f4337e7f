from __future__ import annotations

import pytest

from detquant.errors import nearest_name, unknown_name
from detquant.targets import TARGETS


@pytest.mark.parametrize(
    ("name", "meant"),
    [("tflit", "tflite"), ("opnvino", "openvino"), ("orrt", "ort"), ("ORT", "ort"), ("OpenVino", "openvino")],
)
def test_a_name_that_is_misspelt(name: str, meant: str) -> None:
    assert nearest_name(name, TARGETS) == meant
    assert f"Unknown target '{name}': did you mean '{meant}'? Known: " in unknown_name("target", name, TARGETS)


@pytest.mark.parametrize("name", ["nope", "gpu", "coreml", "none", "", "x"])
def test_a_name_that_is_another_one(name: str) -> None:
    assert nearest_name(name, TARGETS) is None
    assert unknown_name("target", name, TARGETS).startswith(f"Unknown target '{name}': Known: ")
