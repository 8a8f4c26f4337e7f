from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

sys.path += [str(Path(__file__).parent), str(Path(__file__).parent.parent / "fuzz")]

if not (find_spec("torch") and find_spec("onnxscript")):
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(autouse=True)
def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DETQUANT_CACHE", "")
