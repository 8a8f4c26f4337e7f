"""Finding on this machine what a file names as it was called on another.

A path is tried as it stands; with the backslashes of Windows as slashes; and, where it begins at a drive or a root
that is not here, by as many of its last parts as exist.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_DRIVE = re.compile(r"^(//[?.]/)?[A-Za-z]:")
_MOST_PARTS = 12
# Splits have folders of these names each, so one alone does not tell which is meant.
_COMMON = frozenset({"data", "dataset", "datasets", "images", "imgs", "jpegimages", "labels"})


@dataclass(frozen=True, slots=True)
class Found:
    """The place of something that a file names.

    Attributes:
        path: its place on this machine.
        by_parts: whether only the last parts of what was written are those of `path`.
    """

    path: Path
    by_parts: bool


def find_named(
    name: str, roots: Iterable[Path], exists: Callable[[Path], bool], *, any_parts: bool = False
) -> Found | None:
    """Finds what was written, or None.

    Args:
        name: the name as it is written in the file.
        roots: folders that it may be relative to, the likeliest first.
        exists: whether something of the kind is at a place.
        any_parts: whether the last parts count for relative paths too.
    """
    roots = list(roots)
    for form in dict.fromkeys((name, with_slashes(name))):
        for root in roots:
            if exists(root / form):
                return Found(root / form, by_parts=False)
    if any_parts or is_absolute(name):
        for part in last_parts(name):
            for root in roots:
                if exists(root / part):
                    return Found(root / part, by_parts=True)
    return None


def with_slashes(name: str) -> str:
    """A path of Windows with slashes; others as they are."""
    return name.replace("\\", "/")


def is_absolute(name: str) -> bool:
    """Whether a path begins at a root or a drive, on whatever system."""
    form = with_slashes(name)
    return form.startswith("/") or _DRIVE.match(form) is not None


def last_parts(name: str) -> Iterator[str]:
    """The ends of a path, the longest first; not one alone that every split has."""
    parts = [part for part in _DRIVE.sub("", with_slashes(name)).split("/") if part not in ("", ".")]
    if ".." in parts:
        parts = parts[len(parts) - parts[::-1].index("..") :]
    for start in range(max(0, len(parts) - _MOST_PARTS), len(parts)):
        if start < len(parts) - 1 or parts[start].lower() not in _COMMON:
            yield "/".join(parts[start:])
