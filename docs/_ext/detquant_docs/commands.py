"""The commands as their own definitions say them: what each takes, option by option."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from inspect import cleandoc
from typing import Any, Literal, Union

from cyclopts import App
from cyclopts.argument import Argument

from detquant.cli import app
from detquant_docs.markdown import table

TOGETHER = "*"
"""The name of arguments that stand for the fields of a dataclass."""
WORDS = {"Path": "path", "str": "text", "int": "whole number", "float": "number", "bool": ""}


def commands() -> list[str]:
    """A section for each command: what it does, how it is typed, its options."""
    return [line for name in app if not name.startswith("-") for line in _command(name, app[name])]


def _command(name: str, program: App) -> Iterator[str]:
    taken = [one for one in program.assemble_argument_collection(parse_docstring=True) if _is_shown(one)]
    places = [one for one in taken if not one.names[0].startswith("-")]
    options = [one for one in taken if one not in places]
    needed = [f"{one.names[0]} {_kind(one.hint).upper() or 'TEXT'}" for one in options if one.required]
    names = [f"{one.names[0]}{' ...' if _is_several(one.hint) else ''}" for one in places]
    text = cleandoc(program.help or "").partition("\nArgs:")[0].strip()
    yield from (f"## {name}", "", text, "")
    yield from ("```text", " ".join(["detquant", name, *names, *needed, "[OPTIONS]"]), "```", "")
    yield from table(["", "takes", "by default", ""], [_row(one) for one in [*places, *options]])
    yield ""


def _is_shown(argument: Argument) -> bool:
    return bool(argument.show) and argument.names[0] != TOGETHER


def _row(argument: Argument) -> list[str]:
    default = argument.field_info.default
    unsaid = argument.required or default in (None, (), False) or default is argument.field_info.empty
    names = ", ".join(f"`{name}`" for name in argument.names if not name.startswith("--no-"))
    said = "needed" if argument.required else "" if unsaid else f"`{default}`"
    return [names, _kind(argument.hint), said, argument.parameter.help or ""]


def _kind(hint: Any) -> str:
    """What an argument takes, in a word or two."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _kind(inner[0])
    if origin is Literal:
        return " or ".join(map(str, inner))
    if origin in (Union, types.UnionType):
        return _kind(next(one for one in inner if one is not type(None)))
    if origin in (tuple, list):
        return f"{_kind(inner[0])}, several"
    return WORDS.get(getattr(hint, "__name__", ""), str(hint))


def _is_several(hint: Any) -> bool:
    return typing.get_origin(hint) in (tuple, list)
