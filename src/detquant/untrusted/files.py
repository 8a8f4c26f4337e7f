"""Reading a file that anyone may have put there: by its kind and size first, and never more than a limit.

Opening a named pipe waits for ever, a device has no end, and a sparse file says terabytes; so the kind and the size
are asked for before a byte is read, and asked again of what was opened.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_PIECE = 1 << 16
_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


class FileRefused(OSError):
    """A file was not read because of its kind or its size; `strerror` is a sentence without its full stop."""

    def __init__(self, path: str | Path, reason: str, number: int = errno.EINVAL) -> None:
        super().__init__(number, reason, str(path))


def read_bytes(path: str | Path, limit: int) -> bytes:
    """The bytes of a regular file.

    Args:
        path: path of the file; links are followed.
        limit: bytes that it may have.

    Raises:
        OSError: it cannot be read, is no regular file, or is larger (FileRefused); `strerror` says so to a user.
    """
    content = read_start(path, limit, limit + 1)
    if len(content) > limit:  # such as a file of /proc, which says that it has no bytes
        raise FileRefused(path, f"it has more than the {in_units(limit)} that are read", errno.EFBIG)
    return content


def read_start(path: str | Path, limit: int, count: int) -> bytes:
    """The first bytes of a regular file, such as hold a header.

    Args:
        path: path of the file; links are followed.
        limit: bytes that it may have.
        count: bytes to read at most.

    Raises:
        OSError: as `read_bytes`.
    """
    check_file(path, limit)
    # Should another file stand there by now, a pipe does not make the opening wait.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(handle, "rb", buffering=0) as file:
        found = os.fstat(handle)
        _check(path, found, limit)
        parts: list[bytes] = []
        left = count
        # As much as there should be in one piece, since memory is taken for what is asked for.
        while left and (part := file.read(min(left, max(found.st_size + 1, _PIECE)))):
            parts.append(part)
            left -= len(part)
    return b"".join(parts)


def check_file(path: str | Path, limit: int) -> int:
    """Refuses what is no regular file, or larger than a limit; for files that a library opens by itself.

    Returns:
        The size in bytes.

    Raises:
        OSError: as `read_bytes`.
    """
    try:
        found = os.stat(path)
    except ValueError as error:  # a name with a NUL byte, or one that no file can have
        raise FileRefused(path, f"no file can have this name ({error})") from error
    _check(path, found, limit)
    return found.st_size


def is_file(path: str | Path) -> bool:
    """Whether a regular file can be asked for at this place; never an error, as of names too long for any file."""
    return os.path.isfile(path)


def in_units(size: int) -> str:
    """A number of bytes to read: 12 bytes, 3.5 MB."""
    for unit, bytes_of_it in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= bytes_of_it:
            return f"{size / bytes_of_it:.3g} {unit}"
    return f"{size} bytes"


def _check(path: str | Path, found: os.stat_result, limit: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "something special")
        raise FileRefused(
            path, f"it is {kind}, not a file", errno.EISDIR if stat.S_ISDIR(found.st_mode) else errno.EINVAL
        )
    if found.st_size > limit:
        reason = f"it has {in_units(found.st_size)}, and no more than {in_units(limit)} are read"
        raise FileRefused(path, reason, errno.EFBIG)
