"""Processes of this machine as an executor whose workers may die.

Each worker is a fresh Python, for runtimes with threads cannot be forked. It does not import the program that started
it, so a script needs no ``if __name__ == "__main__"``. What all parts of the work need lies in a file that each worker
reads once.
"""

from __future__ import annotations

import pickle
import signal
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_STARTING = Lock()


@dataclass(frozen=True, slots=True)
class InFile:
    """An object in a file of this machine.

    Attributes:
        path: the file, which only this house writes.
    """

    path: str

    def opened(self) -> Any:
        """The object, read once by each process."""
        return _read(self.path)


def _leave_interrupts() -> None:
    """Leaves Ctrl-C to the process that started this one, which says one sentence and ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@lru_cache(maxsize=1)
def _read(path: str) -> Any:
    return pickle.loads(Path(path).read_bytes())


class Processes(Executor):
    """Fresh processes, replaced when they are lost; used as a context manager.

    Args:
        workers: how many.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._folder = tempfile.TemporaryDirectory(prefix="detquant-")
        self._shared = 0
        self._pool = self._new()

    def _new(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self.workers, get_context("spawn"), initializer=_leave_interrupts)

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Hands out one part; processes are started as they are needed."""
        with _STARTING:
            main, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
            try:
                return self._pool.submit(fn, *args, **kwargs)
            finally:
                sys.modules["__main__"] = main

    def share(self, thing: object) -> InFile:
        """Writes an object to a file of the workers, which are this user's own."""
        self._shared += 1
        path = Path(self._folder.name, f"{self._shared}.pickle")
        path.write_bytes(pickle.dumps(thing))
        return InFile(str(path))

    def renew(self) -> None:
        """Takes new processes in place of those that are gone."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = self._new()

    def is_loss(self, error: BaseException) -> bool:
        """Whether a process has ended before its work was done."""
        return isinstance(error, BrokenExecutor)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends the processes, and removes their files; work that nobody has begun is dropped in any case."""
        self._pool.shutdown(wait=wait, cancel_futures=True)
        self._folder.cleanup()
