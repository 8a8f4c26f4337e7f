from __future__ import annotations

import pytest


@pytest.fixture(autouse=True, scope="session")
def small_tensors(one_thread: None) -> None:
    """All tests here have them."""
