"""What a file says about itself, made such that every target's file can hold it and nothing reads it without end.

1. A lone surrogate is no character and has no UTF-8, which ONNX and OpenVINO write: U+FFFD takes its place.
2. Keys and texts longer than `LONGEST`, and whatever comes once all together would pass `MOST`, are left out.
"""

from __future__ import annotations

from collections.abc import Mapping

LONGEST = 1 << 20
"""Most characters of an entry that are kept; names of tens of thousands of classes fit."""

MOST = 8 << 20
"""Most characters of all entries together."""


def bounded(metadata: Mapping[str, str]) -> tuple[dict[str, str], int]:
    """The entries as every file can hold them.

    Args:
        metadata: the entries that a file has.

    Returns:
        The entries in their order, and how many were left out.
    """
    kept: dict[str, str] = {}
    left = MOST
    for key, text in metadata.items():
        size = len(key) + len(text)
        if len(key) > LONGEST or len(text) > LONGEST or size > left:  # case 2
            continue
        left -= size
        kept[whole(key)] = whole(text)
    return kept, len(metadata) - len(kept)


def whole(text: str) -> str:
    """The text with U+FFFD for lone surrogates: case 1."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
