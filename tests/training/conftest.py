from __future__ import annotations

import sys
from pathlib import Path

import pytest

# training is a folder of scripts that import one another; processes started by a test import from this one
sys.path += [str(Path(__file__).resolve().parents[2] / "training"), str(Path(__file__).parent)]


@pytest.fixture(autouse=True, scope="session")
def small_tensors(one_thread: None) -> None:
    """All tests here have them."""
