"""An entry of the zoo comes to a folder: its files as they are, its archive unpacked."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from detquant.errors import FetchError
from detquant.progress import Progress
from detquant.untrusted import parse_json, read_text
from detquant.zoo._base import Entry, Source
from detquant.zoo.checksum import checked, expected, pinned
from detquant.zoo.connection import HTTPS, TIMEOUT
from detquant.zoo.download import Downloaded, download
from detquant.zoo.unpack import unpack

_LARGEST_RECORD = 1 << 16
RECORD = ".fetched.json"
"""File in an unpacked folder that tells the archive it was made from, which is not kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A model or data set that is here now.

    Attributes:
        entry: the entry that was asked for.
        path: a file; or a folder, of an archive or of several files.
        files: files that came, or were here before.
    """

    entry: Entry
    path: Path
    files: tuple[Downloaded, ...]


def fetch(
    entry: Entry,
    out: Path,
    *,
    sha256: str | None = None,
    progress: Progress | None = None,
    timeout: float = TIMEOUT,
    schemes: Collection[str] = HTTPS,
) -> Fetched:
    """Fetches a model or a data set.

    Args:
        entry: what to fetch.
        out: folder for it; a single file goes there, anything else into a folder of the entry's name in it.
        sha256: SHA-256 of the file, where the entry has none.
        progress: is told what came.
        timeout: seconds without a byte after which a server is given up.
        schemes: schemes of addresses that are allowed; https by default.

    Raises:
        FetchError: it cannot be had, or is not what was meant.
        OutputError: it cannot be written.
    """
    sources = pinned(entry, sha256)

    def get(source: Source, folder: Path) -> Downloaded:
        return download(source, folder / source.file, progress=progress, timeout=timeout, schemes=schemes)

    if len(sources) > 1:
        folder = out / entry.name
        return Fetched(entry=entry, path=folder, files=tuple(get(source, folder) for source in sources))
    (source,) = sources
    if not source.is_archive:
        return Fetched(entry=entry, path=out / source.file, files=(get(source, out),))
    folder = out / entry.name
    if folder.exists():
        return Fetched(entry=entry, path=folder, files=(_present(source, folder),))
    came = get(source, out)
    archive = out / source.file
    unpack(archive, folder, record=json.dumps(asdict(came)), record_name=RECORD)
    if not came.already:  # one that lay here before may be the user's
        archive.unlink()
    return Fetched(entry=entry, path=folder, files=(came,))


def _present(source: Source, folder: Path) -> Downloaded:
    """The archive that a folder was made from."""
    move = "move it, or name another folder with --out"
    try:
        came = Downloaded(**parse_json(read_text(folder / RECORD, _LARGEST_RECORD)))
        if not isinstance(came.sha256, str) or type(came.size_bytes) is not int:
            raise TypeError("no record of a file")
    except (OSError, ValueError, TypeError) as error:
        raise FetchError(f"'{folder}' is there, but was not made by fetch: {move}.") from error
    if not came.sha256.startswith(expected(source)):
        what = f"sha256 expected {expected(source)}, found {came.sha256}"
        raise FetchError(f"'{folder}' is there, but comes from another file ({what}): {move}.")
    return replace(came, checked=checked(source), already=True)
