"""Arguments of a program's operators: unions of torch's schema, as plain values and names; nothing is looked up."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from detquant.importers.checkpoint._base import MAX_SIZE, Flaw, shown

_MOST_NUMBERS = 1 << 16  # in a list
_LONGEST = 1000
_FLOATS = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}


@dataclass(frozen=True, slots=True)
class Ref:
    """A value that was made before, by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Kind:
    """An element type, memory format or layout, by its number in the schema; a device is always the processor."""

    kind: str
    number: int = 0


SYMBOLS = ("as_sym_int", "as_sym_float", "as_sym_bool")


def argument(value: Any) -> Any:
    """An argument as a plain value, with `Ref` and `Kind` for what is none.

    Raises:
        Flaw: it is neither a tensor nor a plain value.
    """
    kind, held = only(value)
    if kind not in _ARGUMENTS:
        raise Flaw(f"has an argument of kind '{shown(kind)}': export the model to ONNX and give that file")
    return _ARGUMENTS[kind](held)


def _ref(held: Any) -> Ref:
    return Ref(as_text(as_dict(held)["name"]))


def _symbol(held: Any) -> Any:
    kind, value = only(held)
    return Ref(as_text(value)) if kind == "as_name" else _plain(value)


def _optional(held: Any) -> Ref | None:
    kind, value = only(held)
    return _ref(value) if kind == "as_tensor" else None


def _several(one: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    return lambda held: [one(value) for value in as_list(held)]


def _plain(held: Any) -> int | float | bool | str:
    if isinstance(held, str) and held in _FLOATS:
        return _FLOATS[held]
    if isinstance(held, (bool, float)) or (type(held) is int and abs(held) < 2**63):
        return held
    raise Flaw("is damaged: a number in it is none")


def _numbered(kind: str) -> Callable[[Any], Kind]:
    return lambda held: Kind(kind, whole(held))


_ARGUMENTS: Mapping[str, Callable[[Any], Any]] = {
    "as_none": lambda _: None,
    "as_tensor": _ref,
    "as_tensors": _several(_ref),
    "as_optional_tensor": _optional,
    "as_optional_tensors": _several(_optional),
    **dict.fromkeys(("as_int", "as_float", "as_bool"), _plain),
    **dict.fromkeys(("as_ints", "as_floats", "as_bools"), _several(_plain)),
    "as_string": lambda held: as_text(held),
    **dict.fromkeys(SYMBOLS, _symbol),
    **dict.fromkeys([f"{kind}s" for kind in SYMBOLS], _several(_symbol)),
    "as_scalar_type": _numbered("dtype"),
    "as_memory_format": _numbered("memory_format"),
    "as_layout": _numbered("layout"),
    "as_device": lambda _: Kind("device"),
}


def size(value: Any) -> int:
    """Gives back the size of an axis, checked.

    Raises:
        Flaw: it is none.
    """
    if type(value) is not int or not 0 <= value < MAX_SIZE:
        raise Flaw("is damaged: a tensor in it has no proper shape")
    return value


def whole(value: Any) -> int:
    """Gives back the number of a type in the schema, checked."""
    if type(value) is not int or not 0 <= value < 256:
        raise Flaw("is damaged: it names a type that torch does not have")
    return value


def as_dict(value: Any) -> Mapping[str, Any]:
    """Gives back an object of the JSON, checked to be one."""
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value


def as_list(value: Any) -> list[Any]:
    """Gives back a list of the JSON, checked to be one and not too long."""
    if not isinstance(value, list) or len(value) > _MOST_NUMBERS:
        raise TypeError("not a list, or too long a one")
    return value


def as_text(value: Any) -> str:
    """Gives back a text of the JSON, checked to be one."""
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise TypeError("not a text, or too long a one")
    return value


def only(value: Any) -> tuple[str, Any]:
    """The kind of a union's one member, and its value."""
    [(kind, held)] = as_dict(value).items()
    return kind, held


def references(value: Any) -> Iterator[str]:
    """Goes through the names of the values that an argument reads."""
    if isinstance(value, Ref):
        yield value.name
    elif isinstance(value, list):
        for one in value:
            yield from references(one)
