"""Who does the parts of a search: the caller's executor, a cluster, processes of this machine, or this very process."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from detquant.errors import OptionError
from detquant.search.cluster import Cluster
from detquant.search.processes import Processes
from detquant.spread import processors


@contextmanager
def workers(executor: Executor | None, jobs: int | None, cluster: str | None) -> Iterator[Executor | None]:
    """The executor that is meant; None where the work is done here, part after part.

    Args:
        executor: the caller's, which is left running.
        jobs: number of processes; None for as many as there are processors.
        cluster: address of the scheduler of a Dask cluster.

    Raises:
        OptionError: more than one of them is given.
        MissingExtra: Dask is not installed.
        WorkerError: the cluster cannot be reached, or has no workers.
    """
    if sum(one is not None for one in (executor, jobs, cluster)) > 1:
        raise OptionError("executor, jobs and cluster each say where a search runs: give one of them.")
    count = jobs or processors()
    if executor is not None:
        yield executor
    elif cluster is not None:
        with Cluster(cluster) as found:
            yield found
    elif count == 1:
        yield None
    else:
        with Processes(count) as processes:
            yield processes
