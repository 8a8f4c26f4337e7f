"""Is a file a whole GraphDef or SavedModel? Told from the outermost fields of its protobuf, without TensorFlow.

A protobuf message is a row of fields: a varint (number << 3 | kind), then a varint (kind 0), 8 bytes (1), a length
and so many bytes (2), or 4 bytes (5). Cut short anywhere, the last field ends behind the file's end.

    GraphDef     1: node, 2: library, 3: version, 4: versions, 5: debug_info
    SavedModel   1: saved_model_schema_version (a varint), 2: meta_graphs
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from detquant.errors import ModelError

_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
_GRAPH = {(1, _BYTES), (2, _BYTES), (3, _VARINT), (4, _BYTES), (5, _BYTES)}
_SAVED_MODEL = {(1, _VARINT), (2, _BYTES)}
_LONGEST_VARINT = 10
_MOST_FIELDS = 10_000_000


class Damage(Exception):
    """The place where the fields of a file go wrong."""


def check_graph(path: Path) -> None:
    """Refuses what is not a frozen graph.

    Raises:
        ModelError: with what the file seems to be.
    """
    fields = _fields(path, _GRAPH | _SAVED_MODEL, "a frozen TensorFlow graph")
    if (1, _VARINT) in fields:
        raise ModelError(
            f"'{path}' is the graph of a SavedModel: name it 'saved_model.pb', put 'variables' beside it and give the "
            "folder."
        )
    if (1, _BYTES) not in fields:
        raise ModelError(f"'{path}' is not a frozen TensorFlow graph: it has no nodes.")


def check_saved_model(folder: Path) -> None:
    """Refuses a folder that is not a whole SavedModel.

    Raises:
        ModelError: with what is missing.
    """
    fields = _fields(folder / "saved_model.pb", _SAVED_MODEL, "the graph of a SavedModel")
    if (2, _BYTES) not in fields:
        raise ModelError(f"'{folder / 'saved_model.pb'}' is not the graph of a SavedModel: it has no graphs.")
    variables = folder / "variables"
    found = {file.name for file in variables.iterdir()} if variables.is_dir() else set()
    if found and ("variables.index" not in found or not any(".data-" in name for name in found)):
        raise ModelError(
            f"'{folder}' is not a whole SavedModel: expected variables.index and variables.data-00000-of-00001 in "
            f"'variables', found {', '.join(sorted(found)[:5])}."
        )


def _fields(path: Path, known: set[tuple[int, int]], what: str) -> set[tuple[int, int]]:
    """The kinds of the outermost fields."""
    try:
        if not path.stat().st_size:
            raise ModelError(f"'{path}' is empty (0 bytes): expected {what}; copy or export it again.")
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if all(32 <= byte < 127 or byte in b"\t\r\n" for byte in content[:256]):
                raise ModelError(f"'{path}' is text: expected {what} in its binary form.")
            found: set[tuple[int, int]] = set()
            for field in _walk(content):
                if field not in known:
                    raise Damage
                found.add(field)
            return found
    except OSError as error:
        raise ModelError(f"'{path}' cannot be read: {error.strerror}.") from error
    except Damage as error:
        size = path.stat().st_size
        raise ModelError(
            f"'{path}' is not {what}, or is truncated or damaged ({size} bytes): copy, download or export it again."
        ) from error


def _walk(content: mmap.mmap) -> Iterator[tuple[int, int]]:
    """Number and kind of each field."""
    place, size = 0, len(content)
    for _ in range(_MOST_FIELDS):
        if place == size:
            return
        tag, place = varint(content, place)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            _, place = varint(content, place)
        elif kind == _BYTES:
            length, place = varint(content, place)
            place += length
        elif kind in (_EIGHT, _FOUR):
            place += 8 if kind == _EIGHT else 4
        else:
            raise Damage
        if place > size:
            raise Damage
        yield number, kind
    raise Damage


def varint(content: mmap.mmap | bytes, place: int) -> tuple[int, int]:
    """A number in groups of seven bits, and where it ends.

    Raises:
        Damage: it does not end.
    """
    value = 0
    for shift in range(_LONGEST_VARINT):
        if place + shift >= len(content):
            raise Damage
        byte = content[place + shift]
        value |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return value, place + shift + 1
    raise Damage
