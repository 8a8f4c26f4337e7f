"""Work of many like parts on any executor: what a lost worker had begun is begun again, so nothing is lost.

What all parts need travels once where the executor has a way for that (`Shares`), else with each part. Parts that fail
with an error of their own end the whole. Parts whose worker is gone are handed out again, to new workers where the
executor is one of this house, to processes of this machine where it is not. Results come as they are ready, each with
the place of its part, so what is made of them does not depend on who did what.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from contextlib import ExitStack
from typing import Any, Protocol, TypeVar, runtime_checkable

from detquant.errors import WorkerError
from detquant.search.processes import Processes
from detquant.spread import processors

S = TypeVar("S")
I = TypeVar("I")
R = TypeVar("R")

AT_A_TIME = 64
"""Parts that are handed out and not yet done; more would only wait in memory."""
LOSSES = 3
"""How often in a row workers may be lost without a single part done."""


@runtime_checkable
class Shares(Protocol):
    """An executor that brings an object to its workers once."""

    def share(self, thing: object) -> object:
        """A token that stands for the object among the arguments of `submit`; the worker gets the object."""
        ...


@runtime_checkable
class Renews(Protocol):
    """An executor that goes on with new workers after some were lost."""

    def renew(self) -> None:
        """Takes new workers in place of those that are gone."""
        ...

    def is_loss(self, error: BaseException) -> bool:
        """Whether an error says that a worker is gone, rather than that the work has failed."""
        ...


@runtime_checkable
class Stored(Protocol):
    """A token of `Shares` that a worker opens itself."""

    def opened(self) -> Any:
        """The object that it stands for."""
        ...


def results_of(
    executor: Executor | None, function: Callable[[S, I], R], shared: S, parts: Sequence[I]
) -> Iterator[tuple[int, R]]:
    """The results of all parts, as they are ready: place of the part, result.

    Args:
        executor: where the work is done; None for here, one part after the other.
        function: a function of a module, called with what is shared and a part.
        shared: what all parts need.
        parts: what each is about.

    Raises:
        WorkerError: workers were lost again and again.
    """
    if executor is None:
        for place, part in enumerate(parts):
            yield place, function(shared, part)
        return
    with ExitStack() as stack:
        hands = _Hands(executor, shared, stack)
        left, running = list(range(len(parts)))[::-1], dict[Future[R], int]()
        while left or running:
            while left and len(running) < AT_A_TIME and (future := hands.take(function, parts[left[-1]])):
                running[future] = left.pop()
            ready, _ = wait(running, return_when=FIRST_COMPLETED)
            lost = []
            for future in ready:
                place, error = running.pop(future), _error_of(future)
                if error is None:
                    hands.losses = 0
                    yield place, future.result()
                elif not hands.is_loss(error):
                    raise error
                else:
                    lost.append(place)
            if lost or (left and not running):
                left += sorted(lost, reverse=True)
                hands.renew(len(left) + len(running))


def _error_of(future: Future[Any]) -> BaseException | None:
    return CancelledError() if future.cancelled() else future.exception()


class _Hands:
    """An executor, and what stands for the shared object there."""

    def __init__(self, executor: Executor, shared: object, stack: ExitStack) -> None:
        self.executor, self.shared, self.stack, self.losses = executor, shared, stack, 0
        self.token = self._share()

    def _share(self) -> object:
        return self.executor.share(self.shared) if isinstance(self.executor, Shares) else self.shared

    def take(self, function: Callable[[S, I], R], part: I) -> Future[R] | None:
        """The future of a part; None where the executor takes no more, since its workers are gone."""
        try:
            return self.executor.submit(_done, function, self.token, part)
        except BrokenExecutor:
            return None

    def is_loss(self, error: BaseException) -> bool:
        """Whether an error says that a worker is gone, rather than that the work has failed."""
        return isinstance(error, BrokenExecutor) or (isinstance(self.executor, Renews) and self.executor.is_loss(error))

    def renew(self, left: int) -> None:
        """New workers in place of those lost; processes of this machine where the executor takes no new ones.

        Raises:
            WorkerError: they were lost again and again.
        """
        self.losses += 1
        if self.losses > LOSSES:
            raise WorkerError(
                f"Workers ended {self.losses} times without doing a part of the work ({left} are left), as they do "
                f"where memory is short: use fewer of them (--jobs 1), or fewer images."
            )
        if isinstance(self.executor, Renews):
            self.executor.renew()
            return
        self.executor = self.stack.enter_context(Processes(processors()))
        self.token = self._share()


def _done(function: Callable[[Any, I], R], token: Any, part: I) -> R:
    return function(token.opened() if isinstance(token, Stored) else token, part)
