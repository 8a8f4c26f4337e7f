"""Options of a dataclass as keywords of a function: in its signature, in its help, and for type checkers."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields, replace
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, get_type_hints, overload

from detquant.errors import nearest_name
from detquant.pipeline.bounds import Options

P = ParamSpec("P")
O = TypeVar("O")
A = TypeVar("A")
B = TypeVar("B")
R = TypeVar("R")


class Keywords(Generic[P, O]):
    """Makes ``f(model, options)`` one that is called ``f(model, recipe="w8a8", ...)``.

    Its docstring names ``options``; the line is replaced by what the dataclass says of its fields.

    Args:
        kind: dataclass of the options.
    """

    def __init__(self, kind: Callable[P, O]) -> None:
        self.kind: Any = kind

    @overload
    def __call__(self, function: Callable[[A, O], R]) -> Callable[Concatenate[A, P], R]: ...

    @overload
    def __call__(self, function: Callable[[A, B, O], R]) -> Callable[Concatenate[A, B, P], R]: ...

    def __call__(self, function: Callable[..., R]) -> Callable[..., R]:
        """The function that takes keywords."""
        signature = inspect.signature(function)
        own = [one for one in signature.parameters.values() if one.name != "options"]
        names = [one.name for one in own]
        known = [one.name for one in fields(self.kind)]

        @wraps(function)
        def call(*given: Any, **named: Any) -> R:
            if len(given) > len(names):
                raise TypeError(f"{function.__name__}() takes {', '.join(names)}; all else is given by name.")
            for name in named.keys() - {*names, *known}:
                near = nearest_name(name, known)
                hint = f": did you mean '{near}'?" if near else ""
                raise TypeError(f"{function.__name__}() got an unexpected keyword argument '{name}'{hint}")
            mine = {name: named.pop(name) for name in names if name in named}
            return function(*given, **mine, options=self.kind(**named))

        plain = get_type_hints(self.kind)
        options = inspect.signature(self.kind).parameters.values()
        offered = [one.replace(annotation=plain[one.name]) for one in options]
        call.__signature__ = signature.replace(parameters=[*own, *offered])  # type: ignore[attr-defined]
        call.__doc__ = _described(function.__doc__ or "", self.kind)
        return call


def as_keywords(options: Options, **others: Any) -> dict[str, Any]:
    """Options as a function takes them, some of them replaced."""
    changed = replace(options, **others)
    return {one.name: getattr(changed, one.name) for one in fields(changed)}


def _described(text: str, kind: type) -> str:
    """A docstring in which the line of ``options`` has become a line of each."""
    lines = text.split("\n")
    told = [line for one in reversed(kind.__mro__) for line in _attributes(one)]
    return "\n".join(shown for line in lines for shown in (told if line.strip().startswith("options:") else [line]))


def _attributes(kind: type) -> list[str]:
    """What the docstring of a class says of its attributes, as it stands there."""
    lines = (vars(kind).get("__doc__") or "").rstrip().split("\n")
    start = next((place for place, line in enumerate(lines, start=1) if line.strip() == "Attributes:"), len(lines))
    return lines[start:]
