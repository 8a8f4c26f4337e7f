"""Threads of torch: the process has one number of them, so it is given back."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def on_threads(count: int) -> Iterator[None]:
    """Runs torch on this many threads within."""
    torch = importlib.import_module("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
