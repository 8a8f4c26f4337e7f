"""What zip and tar files list and hold, as one kind of thing, in bounded time and memory.

Python's own modules believe what an archive says. Here

1. a zip's directory is looked at before an object is made of each of its entries;
2. tar is read plainly or through gzip; other compressions may ask for gigabytes of memory for their windows, in zip's
   entries too;
3. no more than `_LARGEST_READ` is read at once: names and headers of a tar are read whole, whatever they say;
4. the members are counted as they come.
"""

from __future__ import annotations

import gzip
import io
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

BROKEN = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError),
    *(ValueError, OverflowError, LookupError, TypeError, AttributeError, RecursionError),
)
"""Exceptions that Python's modules raise for archives that are broken, each in its own place."""

MOST_MEMBERS = 500_000  # COCO's largest has 118 thousand

_LARGEST_READ = 16 << 20
_LARGEST_DIRECTORY = 48 << 20
_TAIL = 1 << 17
_END, _END_64 = b"PK\x05\x06", b"PK\x06\x06"
_ENCRYPTED = 0x1
_GZIP = b"\x1f\x8b"
_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an archive as the archive tells it; `fault` is empty for a plain file or folder."""

    name: str
    size: int
    is_folder: bool
    fault: str


class Archive(Protocol):
    """The protocol that zip and tar archives share."""

    def members(self) -> Iterator[Member]:
        """Goes through the members, as they are listed."""
        ...

    def open(self, member: Member) -> IO[bytes]:
        """The content of a file."""
        ...


def open_archive(archive: Path, stack: ExitStack) -> Archive:
    """A zip, or a tar.

    Args:
        archive: the file.
        stack: closes it.

    Raises:
        BROKEN, OSError: it is neither.
    """
    if zipfile.is_zipfile(archive):
        check_directory(archive)
        return _Zip(stack.enter_context(zipfile.ZipFile(archive)))
    plain = stack.enter_context(archive.open("rb"))
    head = plain.read(len(_GZIP))
    plain.seek(0)
    stream = stack.enter_context(gzip.GzipFile(fileobj=plain)) if head == _GZIP else plain
    return _Tar(stack.enter_context(tarfile.open(fileobj=_Bounded(stream), mode="r:")))


def check_directory(archive: Path) -> None:
    """Refuses a zip that lists too many entries (case 1), before `zipfile` makes an object of each of them.

    Raises:
        BadZipFile: it says that it lists more than any archive does.
        OSError: it cannot be read.
    """
    with archive.open("rb") as file:
        file.seek(max(0, archive.stat().st_size - _TAIL))
        tail = file.read(_TAIL)
    sizes = [0]
    for mark, place, form in ((_END, 12, "<I"), (_END_64, 40, "<Q")):
        at = tail.rfind(mark)
        if 0 <= at <= len(tail) - place - struct.calcsize(form):
            sizes += struct.unpack_from(form, tail, at + place)
    if max(size for size in sizes if size != 0xFFFFFFFF) > _LARGEST_DIRECTORY:
        raise zipfile.BadZipFile(f"it lists more than {MOST_MEMBERS} files")


class _Zip:
    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file

    def members(self) -> Iterator[Member]:
        for one in self._file.infolist():
            kind = stat.S_IFMT(one.external_attr >> 16)  # 0 where the archive comes from Windows
            fault = "" if kind in (0, stat.S_IFREG, stat.S_IFDIR) else "is a link or a device"
            if one.compress_type not in _PLAIN:
                fault = "is compressed in a way that is not taken: only Deflate is"
            if one.flag_bits & _ENCRYPTED:
                fault = "is locked with a password"
            yield Member(one.filename, one.file_size, one.is_dir(), fault)

    def open(self, member: Member) -> IO[bytes]:
        return self._file.open(member.name)


class _Tar:
    def __init__(self, file: tarfile.TarFile) -> None:
        self._file = file

    def members(self) -> Iterator[Member]:
        for one in self._file:
            fault = "" if (one.isfile() or one.isdir()) and not one.issparse() else "is a link or a device"
            if one.size < 0:
                fault = "has a size below zero"
            yield Member(one.name, one.size, one.isdir(), fault)

    def open(self, member: Member) -> IO[bytes]:
        content = self._file.extractfile(member.name)
        assert content is not None  # only links and devices have none, and those were refused
        return content


class _Bounded(io.RawIOBase):
    """A stream that refuses to read too much at once (case 3)."""

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LARGEST_READ:
            raise tarfile.ReadError(f"it has a header of {size} bytes")
        content: bytes = self._stream.read(size)
        return content

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return int(self._stream.seek(offset, whence))

    def tell(self) -> int:
        return int(self._stream.tell())

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True
