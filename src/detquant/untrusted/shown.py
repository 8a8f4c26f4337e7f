"""What stood in a file, told in a sentence: on one line, short, and of characters that print."""

from __future__ import annotations

LONGEST = 60


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
    """Text with the mark of what is unknown for what does not print: control characters, halves of surrogate pairs."""
    return text if text.isprintable() else "".join(one if one.isprintable() else "\ufffd" for one in text)
