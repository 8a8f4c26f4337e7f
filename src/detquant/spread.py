"""Work that is spread: over threads of this process, or over whatever executor the caller has.

What is handed out travels (`detquant.graph.pickling`), so an executor of processes, or one of a cluster, such as
`dask.distributed.Client.get_executor()`, will do as well as one of threads. Results come in the order of the work, so
they do not depend on who did it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager


def processors() -> int:
    """The processors that this process may run on, which may be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def spread_over(executor: Executor | None, threads: int) -> Iterator[Executor]:
    """The executor that work is spread over: the one given, or threads made for the time.

    Args:
        executor: the caller's, which is left running; None for threads that end with the work.
        threads: how many of them.
    """
    if executor is not None:
        yield executor
        return
    with ThreadPoolExecutor(threads) as own:
        yield own
