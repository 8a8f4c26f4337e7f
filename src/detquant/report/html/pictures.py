"""Pictures within the page: as data URIs, as far as there is room for them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping

SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"),
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"WEBP", 8, "image/webp"),
)
"""By what a picture is known, where that stands, and what it is. SVG is not among them: it may hold scripts."""

ROOM = 2_000_000
"""Characters that all pictures of a page may take together."""


def kind_of(content: bytes) -> str | None:
    """The kind of a picture by its first bytes; None where it is none that a page shows."""
    for signature, at, kind in SIGNATURES:
        if content[at : at + len(signature)] == signature:
            return kind
    return None


def data_uris(pictures: Mapping[str, bytes], wanted: Iterable[str], room: int) -> tuple[dict[str, str], int]:
    """The pictures that fit, those that matter more first.

    Args:
        pictures: contents by path within the run's folder.
        wanted: paths, the most important first; those of which there is no picture are passed over.
        room: characters that they may take together.

    Returns:
        Data URIs by path, and how many pictures there was no room for.
    """
    uris, left = dict[str, str](), 0
    for name in dict.fromkeys(wanted):
        kind = kind_of(pictures[name]) if name in pictures else None
        if kind is None:
            continue
        if len(pictures[name]) * 4 // 3 + 64 > room:
            left += 1
            continue
        uris[name] = f"data:{kind};base64,{b64encode(pictures[name]).decode()}"
        room -= len(uris[name])
    return uris, left
