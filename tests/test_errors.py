from __future__ import annotations

import pytest

from detquant import errors
from detquant.errors import nearest_name, unknown_name
from detquant.targets import TARGETS

KINDS = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.DetquantError)]


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


@pytest.mark.parametrize("kind", [one for one in KINDS if one is not errors.MissingExtra])
def test_a_sentence_prints_and_ends_whatever_it_names(kind: type[errors.DetquantError]) -> None:
    sentence = str(kind("'a\0b\ud800\nc' " + "x" * 5000 + ": export it again."))
    assert sentence.isprintable() and sentence.startswith("'a\ufffdb\ufffd\ufffdc'")
    assert len(sentence) <= errors.DetquantError.LONGEST and sentence.endswith("export it again.")
