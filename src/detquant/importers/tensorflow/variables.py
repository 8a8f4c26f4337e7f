"""The variables of a SavedModel, so that OpenVINO finds them.

`variables.index` is a sorted table (LevelDB's format: blocks of entries, a block that lists them, a footer) from names
to protobufs that say where in `variables.data-*` a tensor lies. One of them, `_CHECKPOINTABLE_OBJECT_GRAPH`, is a
string that ties the names in the graph to the names in the table. A string tensor is stored as its length (a varint),
4 bytes of checksum, and the bytes; OpenVINO (2026.4) takes the length to have 2 bytes, and finds no variable of a
model whose string is longer than 16383 bytes, as that of most detectors. The cure: a table that says the string
begins as many bytes later as the length has more than 2.

The table is read and written here, for no maintained library does either without TensorFlow: those of LevelDB (plyvel
and its kin) open folders with a manifest and keys with sequence numbers, of which this lone table has none;
tensorflow-checkpoint-reader (PyPI, last release 2023) reads tables only, and tensorstore has no driver for them.

The folder that was named stays as it is: a temporary one holds the new table, the graph as `suppression` has it, and
links to the rest. OpenVINO takes a table to be sound, so it is given none but what was read and checked here
(`_check`) and written again.
"""

from __future__ import annotations

import math
import os
import shutil
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from detquant.errors import ModelError
from detquant.importers.tensorflow.messages import Damage, varint
from detquant.importers.tensorflow.suppression import numbered

_OBJECTS = b"_CHECKPOINTABLE_OBJECT_GRAPH"
_EXPECTED_BYTES = 2
_FOOTER, _HANDLES = 48, 40
_MAGIC = struct.pack("<Q", 0xDB4775248B80FB57)
_LARGEST = 256 << 20
_DTYPE, _SHAPE, _SHARD, _OFFSET, _SIZE = 1, 2, 3, 4, 5  # fields of tensorflow.BundleEntryProto
_ITEMS = {1: 4, 2: 8, 3: 4, 4: 1, 5: 2, 6: 1, 9: 8, 10: 1, 14: 2, 17: 2, 19: 2, 22: 4, 23: 8}
"""Size of a number in bytes, by TensorFlow's DataType."""

Entries = list[tuple[bytes, bytes]]


@contextmanager
def with_readable_variables(folder: Path) -> Iterator[Path]:
    """The folder, or one of the same content whose variables OpenVINO can read.

    Raises:
        ModelError: the table of variables is damaged.
    """
    index = folder / "variables" / "variables.index"
    entries = _read(index) if index.is_file() else []
    _check(folder, index, entries)
    objects = dict(entries).get(_OBJECTS)
    surplus = 0 if objects is None else _surplus(folder, objects)
    graph = (folder / "saved_model.pb").read_bytes()
    changed = numbered(graph)
    if not entries and changed == graph:
        yield folder
        return
    if objects is not None and surplus > 0:
        fields = _fields(index, objects)
        moved = {_OFFSET: fields.get(_OFFSET, 0) + surplus, _SIZE: fields.get(_SIZE, 0) - surplus}
        entries = [(key, _shifted(value, moved) if key == _OBJECTS else value) for key, value in entries]
    with tempfile.TemporaryDirectory(prefix="detquant-saved-model-") as name:
        copy = Path(name)
        (copy / "variables").mkdir()
        (copy / "saved_model.pb").write_bytes(changed)
        for file in (folder / "variables").glob("variables.data-*"):
            _link(file, copy / "variables" / file.name)
        if entries:
            (copy / "variables" / "variables.index").write_bytes(_written(entries))
        yield copy


def _check(folder: Path, index: Path, entries: Entries) -> None:
    """Refuses a table whose names are not in order, or that says more of the data than there is."""
    files = _data(folder)
    sizes = [file.stat().st_size for file in files]
    keys = [key for key, _ in entries]
    sound = keys == sorted(set(keys)) and (not keys or keys[0] == b"")
    for _, value in entries[1:]:
        fields = _fields(index, value)
        shard, end = fields.get(_SHARD, 0), fields.get(_OFFSET, 0) + fields.get(_SIZE, 0)
        sound &= shard < len(sizes) and end <= sizes[shard] and _fits(value, fields)
    if not sound:
        raise ModelError(f"'{index}' does not fit its data, or is damaged: copy or export the SavedModel again.")


def _fits(entry: bytes, fields: dict[int, int]) -> bool:
    """Whether the bytes of a variable are those of its shape; what is no number has no such bytes."""
    item = _ITEMS.get(fields.get(_DTYPE, 0))
    shape = None if item is None else _shape(entry)
    return item is None or (shape is not None and item * math.prod(shape) == fields.get(_SIZE, 0))


def _shape(entry: bytes) -> list[int] | None:
    """The shape in an entry; None if its message is damaged."""
    try:
        for number, message in _messages(entry):
            if number == _SHAPE:
                return [_fields(Path(), dim).get(1, 0) for field, dim in _messages(message) if field == 2]
    except (Damage, IndexError, ModelError):
        return None
    return []


def _messages(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields of a message that are messages."""
    place = 0
    while place < len(message):
        tag, place = varint(message, place)
        if tag & 7 == 0:
            _, place = varint(message, place)
            continue
        end = _behind(message, place, tag & 7)
        if end > len(message):
            raise Damage
        if tag & 7 == 2:
            _, begin = varint(message, place)
            yield tag >> 3, message[begin:end]
        place = end


def _data(folder: Path) -> list[Path]:
    return sorted(file for file in (folder / "variables").glob("variables.data-*") if file.is_file())


def _surplus(folder: Path, entry: bytes) -> int:
    """How many bytes longer the length of a string is than OpenVINO takes it to be."""
    fields = _fields(folder, entry)
    files = _data(folder)
    shard, offset = fields.get(_SHARD, 0), fields.get(_OFFSET, 0)
    if shard >= len(files) or offset >= files[shard].stat().st_size:
        return 0
    with files[shard].open("rb") as file:
        file.seek(offset)
        head = file.read(10)
    length = next((place + 1 for place, byte in enumerate(head) if byte < 0x80), _EXPECTED_BYTES)
    return length - _EXPECTED_BYTES


def _link(source: Path, target: Path) -> None:
    try:
        os.symlink(source.absolute(), target)
    except OSError:  # where links are not allowed
        shutil.copyfile(source, target)


def _read(index: Path) -> Entries:
    """Reads all entries of the table."""
    try:
        if index.stat().st_size > _LARGEST:
            raise Damage
        content = index.read_bytes()
        if len(content) < _FOOTER or content[-8:] != _MAGIC:
            raise Damage
        footer, place = content[-_FOOTER:], 0
        _, place = varint(footer, place)
        _, place = varint(footer, place)
        entries: Entries = []
        for _, handle in _block(content, footer[place:]):
            entries.extend(_block(content, handle))
        return entries
    except (Damage, OSError, struct.error, IndexError) as error:
        raise ModelError(f"'{index}' is truncated or damaged: copy or export the SavedModel again.") from error


def _block(content: bytes, handle: bytes) -> Entries:
    """The entries of one block, whose keys leave out what they share with the key before."""
    offset, place = varint(handle, 0)
    size, _ = varint(handle, place)
    data = content[offset : offset + size]
    if len(data) != size or size < 4 or content[offset + size] != 0:  # 0: not compressed
        raise Damage
    (restarts,) = struct.unpack("<I", data[-4:])
    end = size - 4 - 4 * restarts
    if end < 0:
        raise Damage
    place, key, entries = 0, b"", []
    while place < end:
        shared, place = varint(data, place)
        own, place = varint(data, place)
        length, place = varint(data, place)
        if shared > len(key) or place + own + length > end:
            raise Damage
        key = key[:shared] + data[place : place + own]
        entries.append((key, data[place + own : place + own + length]))
        place += own + length
    return entries


def _fields(path: Path, message: bytes) -> dict[int, int]:
    """The numbers of a protobuf message, by field."""
    found, place = {}, 0
    try:
        while place < len(message):
            tag, place = varint(message, place)
            if tag & 7 == 0:
                found[tag >> 3], place = varint(message, place)
            else:
                place = _behind(message, place, tag & 7)
    except (Damage, IndexError) as error:
        raise ModelError(f"The variables of '{path}' are damaged: copy or export the SavedModel again.") from error
    return found


def _behind(message: bytes, place: int, kind: int) -> int:
    """Where a field that is no number ends."""
    if kind == 2:
        length, place = varint(message, place)
        return place + length
    if kind in (1, 5):
        return place + (8 if kind == 1 else 4)
    raise Damage


def _shifted(message: bytes, numbers: dict[int, int]) -> bytes:
    """The message with other numbers: in protobuf the last of several counts, so they are put behind."""
    return message + b"".join(_packed(field << 3) + _packed(value) for field, value in numbers.items())


def _packed(value: int) -> bytes:
    groups = []
    while value >= 0x80:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])


def _written(entries: Entries) -> bytes:
    """A table of one block, no key shortened, checksums left at 0: OpenVINO does not look at them."""
    content = b""

    def block(members: Entries) -> bytes:
        nonlocal content
        data = b"".join(_packed(0) + _packed(len(key)) + _packed(len(value)) + key + value for key, value in members)
        data += struct.pack("<II", 0, 1)
        handle = _packed(len(content)) + _packed(len(data))
        content += data + bytes(5)
        return handle

    whole = block(entries)
    footer = block([]) + block([(entries[-1][0], whole)])
    return content + footer.ljust(_HANDLES, b"\0") + _MAGIC
