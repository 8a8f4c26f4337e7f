from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

# training is a folder of scripts that import one another; processes started by a test import from this one
sys.path += [str(Path(__file__).resolve().parents[2] / "training"), str(Path(__file__).parent)]


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Small tensors: threads would wait for each other, for ever on a busy machine."""
    if find_spec("torch"):
        import torch

        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(threads)
    else:
        yield
