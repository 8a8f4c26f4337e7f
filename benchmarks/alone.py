"""Work in a process of its own: its memory is nobody else's, and what it fails with is its result."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from detquant.errors import DetquantError, in_short

T = TypeVar("T")


def alone(work: Callable[[], T]) -> T | str:
    """What a function gives in a process of its own, or in a sentence why it gives nothing."""
    try:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as one:
            return one.submit(work).result()
    except DetquantError as error:
        return str(error)
    except (Exception, BrokenProcessPool) as error:  # whatever it fails with is its result
        return f"fails with {in_short(error)}"
