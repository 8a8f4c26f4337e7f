"""What is known about a model or a data set before it is fetched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal, NamedTuple
from urllib.parse import unquote, urlsplit

UNKNOWN = 2_000_000_000
"""Most bytes of a file whose size is not known; those of the zoo have some ten million."""

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")


class Accuracy(NamedTuple):
    """A figure that the publisher gives.

    Attributes:
        value: in per cent.
        metric: what was measured, and on what.
    """

    value: float
    metric: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file, where its publisher keeps it.

    Attributes:
        address: address of the file, https.
        megabytes: size of the file as it travels, in millions of bytes; None where it is not known.
        sha256: all 64 hex digits, or None where they are not known for certain.
        sha256_start: the first digits, where the publisher puts them into the name of the file.
    """

    address: str
    megabytes: float | None = None
    sha256: str | None = None
    sha256_start: str | None = None

    @property
    def file(self) -> str:
        """The name of the file."""
        return PurePosixPath(unquote(urlsplit(self.address).path)).name

    @property
    def most_bytes(self) -> int:
        """Most bytes that the file may have: its size and a little more, for publishers add to it; else `UNKNOWN`."""
        return UNKNOWN if self.megabytes is None else int(self.megabytes * 1.25e6) + 1_000_000

    @property
    def is_archive(self) -> bool:
        """Whether the file is an archive that is to be unpacked."""
        return self.file.lower().endswith(ARCHIVES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A model or a data set.

    Attributes:
        name: what `detquant fetch` takes.
        kind: what it is.
        licence: an SPDX name where there is one.
        page: where the publisher speaks of it.
        sources: files of the entry: any number of plain ones, or one archive.
        accuracy: None where the publisher gives no figure.
        note: a sentence that whoever fetches it should read; None where there is none.
    """

    name: str
    kind: Literal["detector", "classifier", "data set"]
    licence: str
    page: str
    sources: tuple[Source, ...]
    accuracy: Accuracy | None = None
    note: str | None = None
