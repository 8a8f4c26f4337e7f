"""Text files as people have them: UTF-8 with or without its mark, or what Windows calls Unicode."""

from __future__ import annotations

import codecs
from pathlib import Path

from detquant.untrusted.files import read_bytes

# That of UTF-32 begins with that of UTF-16, so it is asked for first.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_text(path: str | Path, limit: int) -> str:
    """The text of a regular file.

    Args:
        path: path of the file.
        limit: bytes that it may have.

    Raises:
        OSError: as `read_bytes`.
        ValueError: it is not text, in a sentence without its full stop.
    """
    return decode(read_bytes(path, limit))


def decode(content: bytes) -> str:
    """Bytes as text, by the mark that they begin with; UTF-8 without one.

    Raises:
        ValueError: they are not, in a sentence without its full stop.
    """
    name = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        return content.decode(name)
    except UnicodeDecodeError as error:
        kind = name.upper().removesuffix("-SIG")
        raise ValueError(f"byte {error.start} is not {kind} text: save the file as UTF-8") from error
