r"""Text that any file and any terminal takes.

Names of files need not be UTF-8: Python keeps their strange bytes as lone surrogates (PEP 383), and class names from
JSON and YAML may hold such too. No encoder takes them, and OpenCV dies of them, so they are written out: `caf\xe9.jpg`
for the byte E9. What else an encoding does not have is written out likewise.
"""

from __future__ import annotations

import codecs

WRITTEN_OUT = "detquant-written-out"
"""The name by which encoders and streams know this way of dealing with errors."""
_ESCAPED = range(0xDC80, 0xDD00)
_BYTE = 0xDC00
"""Number that surrogateescape adds to a byte."""


def plain(text: str) -> str:
    """The text with lone surrogates written out in ASCII; any other text as it is."""
    return text.encode("utf-8", WRITTEN_OUT).decode("utf-8")


def _write_out(error: UnicodeError) -> tuple[str, int]:
    """The replacement of what an encoder does not take, and where it goes on."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = error.object[error.start : error.end]
    return "".join(
        f"\\x{ord(one) - _BYTE:02x}" if ord(one) in _ESCAPED else _backslashed(one) for one in found
    ), error.end


def _backslashed(one: str) -> str:
    return one.encode("ascii", "backslashreplace").decode("ascii")


codecs.register_error(WRITTEN_OUT, _write_out)
