"""Whether a file is the one that was meant: SHA-256 (FIPS 180-4), all of it or its first digits."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path

from detquant.errors import FetchError
from detquant.zoo._base import Entry, Source


def sha256_of(file: Path) -> str:
    """The SHA-256 of a file, 64 hex digits."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def expected(source: Source) -> str:
    """The digits that are known, at best all 64; empty where none are."""
    return source.sha256 or source.sha256_start or ""


def checked(source: Source) -> str | None:
    """How a file that passed was checked, for people; None if it was not."""
    if source.sha256:
        return "sha256"
    return f"first {len(source.sha256_start)} digits of sha256" if source.sha256_start else None


def pinned(entry: Entry, sha256: str | None) -> tuple[Source, ...]:
    """The files of an entry, with the user's checksum at the one that has none of its own.

    Args:
        entry: a model or a data set.
        sha256: 64 hex digits, or None.

    Raises:
        FetchError: they are not 64 hex digits, or contradict what is known, or there is no single file to check.
    """
    if not sha256:
        return entry.sources
    digits = sha256.strip().lower()
    if not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise FetchError(f"--sha256 '{sha256}' is not a SHA-256: give 64 hex digits, as sha256sum prints them.")
    unknown = [source for source in entry.sources if not source.sha256]
    candidates = unknown or list(entry.sources)
    if len(candidates) != 1:
        raise FetchError(f"{entry.name} has {len(candidates)} files, --sha256 is for one: leave it out.")
    known = expected(candidates[0])
    if not digits.startswith(known):
        file = candidates[0].file
        raise FetchError(f"--sha256 {digits} cannot be that of {file}, which begins with {known}: leave it out.")
    return tuple(replace(one, sha256=digits) if one is candidates[0] else one for one in entry.sources)
