"""A tar of anyone in a temporary folder, within bounds: what `detquant.zoo.unpack` refuses, and more.

1. xz is unpacked with a limit of its memory, gzip by `detquant.zoo.archives`; neither to more than `MOST_GROWTH` times
   its size, for weights hardly shrink, nor to more than any model has.
2. No archive of a model has more than `MOST_MEMBERS` members.
3. Links, devices, paths that leave the folder and names that are there twice are refused before a byte is written.
"""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from detquant.errors import FetchError, ModelError, OutputError
from detquant.importers._base import LARGEST
from detquant.untrusted import in_units, one_line
from detquant.zoo.archives import BROKEN, open_archive
from detquant.zoo.unpack import MOST_GROWTH, unpack

ENDS = (".tar", ".tar.xz", ".tar.gz", ".txz", ".tgz")
MOST_MEMBERS = 1000

_XZ = b"\xfd7zXZ\0"
_KNOWN = (_XZ, b"\x1f\x8b")
_USTAR, _USTAR_AT = b"ustar", 257
_MEMORY = 256 << 20  # xz's strongest preset takes 65 MB
_PIECE = 1 << 20
_SMALL = 16 << 20


def unpacked(path: Path, place: Path) -> Path:
    """The folder that an archive becomes.

    Args:
        path: path of the archive.
        place: a temporary folder; one is made in it.

    Raises:
        ModelError: the archive is broken, or holds what it should not.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_USTAR_AT + len(_USTAR))
        if not head.startswith(_KNOWN) and head[_USTAR_AT:] != _USTAR:
            found = "empty" if not head else "no tar archive, nor one packed by xz or gzip"
            raise ModelError(f"'{path}' is {found}: expected an NN Archive, a tar of a model and its config.json.")
        plain = _from_xz(path, place / "plain.tar") if head.startswith(_XZ) else path
        _check_members(path, plain)
        unpack(plain, place / "archive")
    except (FetchError, OutputError) as error:
        raise ModelError(str(error).replace(str(place / "plain.tar"), str(path))) from error
    except (*BROKEN, lzma.LZMAError, OSError) as error:
        why = one_line(str(error), 160).rstrip(":.") or type(error).__name__
        raise ModelError(f"'{path}' cannot be unpacked ({why}): copy or download it again.") from error
    return place / "archive"


def _from_xz(path: Path, plain: Path) -> Path:
    """Unpacks an archive packed by xz into a plain tar, within bounds (case 1)."""
    left = _most(path)
    with path.open("rb") as packed, plain.open("xb") as file:
        for piece in _pieces(iter(lambda: packed.read(_PIECE), b"")):
            left -= len(piece)
            if left < 0:
                raise _bomb(path)
            file.write(piece)
    return plain


def _most(path: Path) -> int:
    """Bytes that an archive may unpack to."""
    return min(max(path.stat().st_size * MOST_GROWTH, _SMALL), LARGEST)


def _bomb(path: Path) -> ModelError:
    size = in_units(path.stat().st_size)
    return ModelError(
        f"'{path}' unpacks to more than {MOST_GROWTH} times its size of {size}, which no model does: do not trust it."
    )


def _pieces(packed: Iterator[bytes]) -> Iterator[bytes]:
    """Yields the content of xz streams, in pieces."""
    reader = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY)
    for content in packed:
        rest = content
        while rest or not (reader.eof or reader.needs_input):
            if reader.eof:
                if not rest.strip(b"\0"):  # padding behind a stream
                    break
                reader = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY)
            yield reader.decompress(rest, _PIECE)
            rest = reader.unused_data if reader.eof else b""
    if not reader.eof:
        raise EOFError("it ends early")


def _check_members(path: Path, plain: Path) -> None:
    """Refuses too many or too large members (cases 1 and 2) by their headers, before any is unpacked."""
    left = _most(path)
    with ExitStack() as stack:
        for number, member in enumerate(open_archive(plain, stack).members()):
            left -= member.size
            if left < 0:
                raise _bomb(path)
            if number == MOST_MEMBERS:
                raise ModelError(f"'{path}' has more than {MOST_MEMBERS} members, which no archive of a model has.")
