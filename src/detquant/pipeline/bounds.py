"""Options whose numbers are held to the bounds that their types say, whoever gives them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from numbers import Integral, Real
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from cyclopts.validators import Number

from detquant.errors import OptionError


@dataclass(frozen=True, kw_only=True)
class Options:
    """Base of all options: numbers are held to their bounds, whoever gives them."""

    def __post_init__(self) -> None:
        kind: type = type(self)
        for name, (number, bounds) in bounds_of(kind).items():
            value = getattr(self, name)
            if value is not None:
                _hold(name, value, number, bounds)


@cache
def bounds_of(kind: type) -> dict[str, tuple[type, tuple[Number, ...]]]:
    """The options that have bounds: int or float, and the bounds, by name."""
    hints = get_type_hints(kind, include_extras=True)
    return {name: found for name, hint in hints.items() if (found := _bounded(hint)) is not None}


def _bounded(hint: Any) -> tuple[type, tuple[Number, ...]] | None:
    """The bounds of a type, or of one of the types that it joins: of `Count | None` as well."""
    if get_origin(hint) is Annotated:
        number, *marks = get_args(hint)
        held = tuple(one for mark in marks for one in getattr(mark, "validator", ()) if isinstance(one, Number))
        return (number, held) if held else _bounded(number)
    return next((found for part in get_args(hint) if (found := _bounded(part)) is not None), None)


def _hold(name: str, value: object, number: type, bounds: tuple[Number, ...]) -> None:
    kind, words = (Integral, "a whole number") if number is int else (Real, "a number")
    if isinstance(value, bool) or not isinstance(value, kind):
        raise OptionError(f"{name} is {value!r}, and {words} was expected.")
    for bound in bounds:
        try:
            bound(number, number(value))
        except ValueError as error:
            raise OptionError(f"{name} is {value}. {error}") from None
