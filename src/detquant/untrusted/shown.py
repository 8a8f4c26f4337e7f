"""What stood in a file, told in a sentence: on one line, short, and of characters that print."""

from __future__ import annotations

LONGEST = 60
_BYTE = 0xDC00
"""Number that Python adds to a byte that it could not decode."""
_ESCAPED = range(0xDC80, 0xDD00)


def shown(value: object, longest: int = LONGEST) -> str:
    """A value as Python writes it, cut after `longest` characters; numbers of thousands of digits are not written."""
    if isinstance(value, (list, tuple, dict)) and len(value) > longest:
        return f"a {type(value).__name__} of {len(value)} entries"
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # of an integer too long to be written
        return f"a {type(value).__name__} too large to show"
    return one_line(text, longest)


def one_line(text: str, longest: int = LONGEST) -> str:
    """Text with its blanks made one each, what does not print left out, and cut after `longest` characters."""
    flat = printable(" ".join(text[: 8 * longest].split()))
    return flat if len(flat) <= longest else f"{flat[: longest - 3]}..."


def printable(text: str) -> str:
    r"""Text with the mark of what is unknown for what does not print: control characters, halves of surrogate pairs.

    A byte of a file's name that is no UTF-8, which Python keeps as such a half (PEP 383), is written out: ``\xe9``.
    """
    return text if text.isprintable() else "".join(map(_printable, text))


def _printable(one: str) -> str:
    if one.isprintable():
        return one
    return f"\\x{ord(one) - _BYTE:02x}" if ord(one) in _ESCAPED else "\ufffd"
