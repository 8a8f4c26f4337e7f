"""Pages as files of their own, which take no place but that of another page of detquant's."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from detquant.errors import OutputError
from detquant.report.files import require_place, require_writable_file, staged, write_alone
from detquant.report.html.page import START
from detquant.report.owned import Record
from detquant.report.plain import plain
from detquant.untrusted import read_start

_MOST = 2**30
"""Bytes of a file whose beginning is looked at."""


def require_writable_page(path: str | os.PathLike[str], inputs: Iterable[str | os.PathLike[str]] = ()) -> None:
    """Refuses a page that could not be written, or that would take the place of something else.

    Args:
        path: path of the page.
        inputs: files that this run reads, which it does not replace.

    Raises:
        OutputError: it is a folder, its folder cannot be written, or it is not detquant's to replace.
    """
    file = Path(path)
    if file.is_dir() or not _is_recorded(file):
        require_writable_file(file, inputs, is_page)
        return
    require_place(file.parent, [file.name], inputs)
    if os.path.lexists(file) and not is_page(file):
        raise OutputError(f"'{file}' is another result of that run: name another one.")


def write_page(path: str | os.PathLike[str], page: str, inputs: Iterable[str | os.PathLike[str]] = ()) -> None:
    """Writes a page, whole or not at all; one among the results of a run stays among them.

    Raises:
        OutputError: as `require_writable_page`.
    """
    file, read = Path(path), list(inputs)
    require_writable_page(file, read)
    if _is_recorded(file):
        with staged(file.parent, read) as put:
            put(file.name, page)
    else:
        write_alone(file, plain(page))


def is_page(path: Path) -> bool:
    """Whether a file is a page that detquant has written."""
    try:
        return read_start(path, _MOST, len(START)) == START.encode()
    except OSError:
        return False


def _is_recorded(file: Path) -> bool:
    return file.name in Record.of(file.parent).files
