"""Dataclasses from the plain values that they were written as, each value looked at: a file may say anything."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


def of_plain(kind: type[T], value: object, where: str) -> T:
    """An instance of a type from plain values, as JSON has them.

    Understood are numbers, text, truth values, paths, enumerations by name, mappings with text as keys, tuples of one
    type, one of several types, and dataclasses of all these. Of a dataclass, entries that are no fields are passed
    over.

    Args:
        kind: what it should be.
        value: what there is.
        where: place of the value, for the message.

    Raises:
        ValueError: it is something else; a sentence without its full stop.
    """
    made: T = _made(kind, value, where)
    return made


def _made(kind: Any, value: object, where: str) -> Any:
    if kind is Any:
        return value
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _one_of([part for part in parts if part is not type(None)], value, where, type(None) in parts)
    if origin is tuple:
        if not isinstance(value, list):
            raise ValueError(_said(where, value, "a list"))
        return tuple(_made(parts[0], item, f"{where}[{place}]") for place, item in enumerate(value))
    if origin is not None or is_dataclass(kind):
        if not isinstance(value, dict):
            raise ValueError(_said(where, value, "an object"))
        return _dataclass(kind, value, where) if origin is None else _mapping(parts[1], value, where)
    return _scalar(kind, value, where)


def _one_of(kinds: Sequence[Any], value: object, where: str, optional: bool) -> Any:
    """The first of these types that it can be."""
    if value is None and optional:
        return None
    for kind in kinds[:-1]:
        with suppress(ValueError):
            return _made(kind, value, where)
    return _made(kinds[-1], value, where)


def _mapping(kind: Any, value: Mapping[str, object], where: str) -> dict[str, Any]:
    return {key: _made(kind, item, f"{where}.{key}") for key, item in value.items()}


def _dataclass(kind: Any, value: Mapping[str, object], where: str) -> Any:
    given = {}
    for name, hint, is_needed in _fields_of(kind):
        if name in value:
            given[name] = _made(hint, value[name], f"{where}.{name}")
        elif is_needed:
            raise ValueError(f"{where} has no '{name}'")
    return kind(**given)


@cache
def _fields_of(kind: Any) -> Sequence[tuple[str, Any, bool]]:
    """Name and type of each field, and whether it has no default; a run has thousands of boxes of one kind."""
    hints = typing.get_type_hints(kind)
    return [(one.name, hints[one.name], one.default is MISSING is one.default_factory) for one in fields(kind)]


SCALARS: Mapping[type, tuple[tuple[type, ...], str]] = {
    bool: ((bool,), "true or false"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    str: ((str,), "text"),
    Path: ((str,), "a path"),
}
"""Types of plain values that are taken for a type, and what to call them."""


def _scalar(kind: Any, value: object, where: str) -> Any:
    if issubclass(kind, Enum):
        names = {str(one): one for one in kind}
        if not isinstance(value, str) or value not in names:
            raise ValueError(_said(where, value, f"one of {', '.join(names)}"))
        return names[value]
    taken, name = SCALARS[kind]
    if not isinstance(value, taken) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(_said(where, value, name))
    return kind(value)


def _said(where: str, value: object, expected: str) -> str:
    return f"{where} is {str(value)[:40]!r} and not {expected}"
