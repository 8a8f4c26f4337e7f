"""TOML files of a user, or of those that come with detquant: read, and each entry checked for what it should be."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, TypeVar

from detquant.errors import RecipeError, unknown_name
from detquant.untrusted import one_line, read_text, shown

T = TypeVar("T")
SUFFIX = ".toml"
_LARGEST = 1 << 20
KINDS = {str: "text", bool: "true or false", int: "a whole number", float: "a number", dict: "a table", list: "a list"}


def builtin_names(*folders: str) -> tuple[str, ...]:
    """Names of the files that come with detquant, in a folder below ``recipes/builtin``."""
    found = _builtin(*folders).iterdir()
    return tuple(sorted(file.name.removesuffix(SUFFIX) for file in found if file.name.endswith(SUFFIX)))


def builtin_text(name: str, *folders: str) -> str:
    """What is written in a file that comes with detquant, in a folder below ``recipes/builtin``."""
    return (_builtin(*folders) / f"{name}{SUFFIX}").read_text(encoding="utf-8")


def load_table(kind: str, name: str, *folders: str) -> Mapping[str, Any]:
    """The table of a file that comes with detquant, or of a user's.

    Args:
        kind: what the table should be, for messages.
        name: name of a built-in one, or a path that ends in .toml.
        folders: where the built-in ones are, below ``recipes/builtin``.

    Raises:
        RecipeError: there is no such file (the nearest name is given), or it is no TOML.
    """
    known = builtin_names(*folders)
    if name in known:
        return parse(builtin_text(name, *folders), name)
    if not name.endswith(SUFFIX):
        raise RecipeError(unknown_name(kind, name, known))
    try:
        return parse(read_text(name, _LARGEST), name)
    except OSError as error:
        raise RecipeError(f"Cannot read the {kind} {name}: {error.strerror}.") from error
    except ValueError as error:
        raise RecipeError(f"Cannot read the {kind} {name}: {error}.") from error


def parse(text: str, name: str) -> Mapping[str, Any]:
    """The table that a text says.

    Args:
        text: TOML.
        name: name of the text, for messages.

    Raises:
        RecipeError: it is no TOML.
    """
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise RecipeError(f"{name} is not valid TOML: it nests too deeply.") from error
    except ValueError as error:  # TOMLDecodeError, or a number of thousands of digits
        raise RecipeError(f"{name} is not valid TOML: {one_line(str(error), 160)}.") from error


def only(table: Mapping[str, Any], known: set[str], where: str, renamed: Mapping[str, str] | None = None) -> None:
    """Refuses keys that nobody reads.

    Args:
        table: a table of the file.
        known: the keys that it may have.
        where: the table's name in errors.
        renamed: former key -> key that took its place.

    Raises:
        RecipeError: there is another key.
    """
    for key in table:
        if key not in known:
            raise RecipeError(f"{where}: {unknown_name('key', key, known, renamed)}")


def entry(kind: type[T], table: Mapping[str, Any], key: str, default: T, where: str) -> T:
    """The entry ``key``, which must be of this kind."""
    found = table.get(key, default)
    if kind is float and type(found) is int:
        found = float(found)
    if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
        raise RecipeError(f"{where}: {key} = {shown(found)}, expected {KINDS[kind]}.")
    return found


def list_of(kind: type[T], table: Mapping[str, Any], key: str, default: list[T], where: str) -> list[T]:
    """The entry ``key``, a list of such items."""
    found = entry(list, table, key, default, where)
    for item in found:
        if not isinstance(item, kind):
            raise RecipeError(f"{where}: {key} = {shown(found)}, expected a list, each item {KINDS[kind]}.")
    return found


def _builtin(*folders: str) -> Traversable:
    return resources.files("detquant.recipes").joinpath("builtin", *folders)
