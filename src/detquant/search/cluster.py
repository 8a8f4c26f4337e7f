"""A Dask cluster as an executor (https://distributed.dask.org): its scheduler hands work of a lost worker to another.

What all parts of the work need goes to the scheduler once, as a task that gives it back: workers get it from each
other, and it is made again where the worker that held it is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from importlib.util import find_spec
from typing import ParamSpec, Self, TypeVar

from detquant._version import __version__
from detquant.errors import MissingExtra, WorkerError, in_short

P = ParamSpec("P")
R = TypeVar("R")

PATIENCE = 30
"""Seconds to wait for the scheduler, and for its first worker."""
RETRIES = 3
"""How often a part whose worker is gone is begun anew by the scheduler before it is given back."""


class Cluster(Executor):
    """The workers of a Dask cluster; used as a context manager.

    Args:
        address: the scheduler's, such as tcp://scheduler:8786.

    Raises:
        MissingExtra: Dask is not installed.
        WorkerError: there is no scheduler, it has no workers, or they have another version of detquant.
    """

    def __init__(self, address: str) -> None:
        if find_spec("distributed") is None:
            raise MissingExtra("Dask", "cluster")
        import dask
        import distributed

        self._distributed, self._address = distributed, address
        # what all parts share is as large as the model and the images: said once, and meant
        self._settings = dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"})
        self._settings.__enter__()
        try:
            self._client = distributed.Client(address, timeout=PATIENCE, set_as_default=False)
            self._client.wait_for_workers(1, timeout=PATIENCE)
        except (OSError, ValueError, TimeoutError) as error:
            self.shutdown()
            raise WorkerError(
                f"The Dask cluster at '{address}' has no scheduler or no worker that answers ({in_short(error)}): "
                f"start  dask scheduler  and  dask worker {address}  first, and give the scheduler's address."
            ) from error
        self._require_same_version()
        self._executor = self._client.get_executor(pure=False, retries=RETRIES)

    def _require_same_version(self) -> None:
        try:
            versions = set(self._client.run(_version).values())
        except Exception as error:  # whatever a worker without detquant fails with
            self.shutdown()
            raise WorkerError(
                f"Workers at '{self._address}' cannot import detquant ({in_short(error)}): install detquant "
                f"{__version__} on each of them."
            ) from error
        if versions != {__version__}:
            self.shutdown()
            raise WorkerError(
                f"Workers at '{self._address}' have detquant {', '.join(sorted(versions))}, and this is {__version__}: "
                f"install the same version on all of them, so that results are the same."
            )

    def __enter__(self) -> Self:
        return self

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Hands out one part."""
        future: Future[R] = self._executor.submit(fn, *args, **kwargs)
        return future

    def share(self, thing: object) -> object:
        """A task that gives the object: among the arguments of another task it stands for it."""
        return self._client.submit(_same, thing, pure=False)

    def renew(self) -> None:
        """Waits until there is a worker again.

        Raises:
            WorkerError: none comes.
        """
        try:
            self._client.wait_for_workers(1, timeout=PATIENCE)
        except (OSError, TimeoutError) as error:
            raise WorkerError(
                f"The Dask cluster at '{self._address}' has no worker any more: start some, and run again; what was "
                f"done is kept where there is a file or folder for it."
            ) from error

    def is_loss(self, error: BaseException) -> bool:
        """Whether workers were lost so often that the scheduler gives a part back."""
        return isinstance(error, (BrokenExecutor, CancelledError, self._distributed.KilledWorker))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Lets go of the cluster, which goes on running."""
        if client := self.__dict__.pop("_client", None):
            client.close()
        if settings := self.__dict__.pop("_settings", None):
            settings.__exit__(None, None, None)


def _same(thing: object) -> object:
    return thing


def _version() -> str:
    return __version__
