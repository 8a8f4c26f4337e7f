"""The rows of a table that --only asks for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from detquant.errors import OptionError


class Row(Protocol):
    """A row that has a key, and knows whether it is selected by the beginning of one."""

    @property
    def key(self) -> str:
        """What it is selected by."""
        ...

    def selected(self, only: Iterable[str]) -> bool:
        """Whether one of these names selects it; without any, all are selected."""
        ...


R = TypeVar("R", bound=Row)


def chosen_rows(cases: Sequence[R], only: Sequence[str]) -> list[R]:
    """The rows that are asked for.

    Raises:
        OptionError: a name selects none.
    """
    for name in only:
        if not any(case.selected([name]) for case in cases):
            raise OptionError(f"--only {name} selects no row. Rows: {', '.join(case.key for case in cases)}.")
    return [case for case in cases if case.selected(only)]
