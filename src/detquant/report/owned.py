"""Nothing is written over but what detquant wrote itself, and never what a run reads.

A folder of results holds `.detquant.json`: what detquant wrote there, by name, with the sha256 of each. A file may be
replaced where it still is what the record says: a second run of the same command replaces the results of the first.
Where an artefact has folders of its own, what an earlier one left in them goes too, so that nobody takes the weights of
one network with the tables of another.
Everything else stays, and is named in the refusal: a file of the user's, one that was changed since, a folder, a link,
what this run reads. The record is written before the files that it names and knows the old content of each beside the
new one, so a run that is killed between two files leaves nothing that the next one would not know.

A single file of figures (`--json`), or a page, needs no record: it says itself which detquant wrote it.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detquant._version import __version__
from detquant.errors import OutputError
from detquant.untrusted import parse_json, read_text

RECORD = ".detquant.json"
MARK = "detquant_version"
"""The key by which a JSON file says that detquant wrote it."""
_MOST = 64 * 2**20  # bytes of JSON that is read to find that out


@dataclass(frozen=True, slots=True)
class Record:
    """The record of the files that detquant wrote in a folder.

    Attributes:
        folder: folder of the results.
        files: the sha256 digests by which each is known; names are relative to the folder.
    """

    folder: Path
    files: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, folder: Path) -> Record:
        """The record that was left in a folder; empty where there is none that can be read."""
        found = _read_object(folder / RECORD)
        files = found.get("files") if MARK in found else None
        listed = files.items() if isinstance(files, dict) else ()
        return cls(folder, {name: tuple(map(str, known)) for name, known in listed if isinstance(known, list)})

    def with_new(self, digests: Mapping[str, str]) -> bytes:
        """The file of a record that knows these files too, each under its new content and under what is there now."""
        kept = {name: known for name, known in self.files.items() if os.path.lexists(self.folder / name)}
        for name, digest in digests.items():
            there = [_sha256(self.folder / name)] if name in kept else []
            kept[name] = tuple(dict.fromkeys((digest, *there)))
        return (json.dumps({MARK: __version__, "files": kept}, indent=1) + "\n").encode()

    def why_not(self, name: str) -> str:
        """Why a file must not be written over, as the rest of a sentence; empty where nothing is against it."""
        path = self.folder / name
        known = self.files.get(name)
        try:
            kind = os.lstat(path).st_mode
        except FileNotFoundError:
            return ""
        except NotADirectoryError:
            return f"needs a folder where there is a file: {_MOVE}"
        if stat.S_ISDIR(kind):
            return f"is a folder, and a file is to go there: {_MOVE}"
        if not stat.S_ISREG(kind):
            return f"is {'a link' if stat.S_ISLNK(kind) else 'no regular file'}, and was not made by detquant: {_MOVE}"
        if known is None:
            return f"is there already and was not written by detquant: {_MOVE}"
        return "" if _sha256(path) in known else f"was changed since detquant wrote it: {_MOVE}"

    def left_over(
        self, names: Iterable[str], folders: Collection[str], inputs: Iterable[str | os.PathLike[str]] = ()
    ) -> list[Path]:
        """Files of an earlier run in some folders within the folder that are not written now.

        Args:
            names: names of the results, relative to the folder.
            folders: names of these folders.
            inputs: files that are read; they stay.
        """
        new, read, root = set(names), _there(inputs), self.folder.resolve()
        found = []
        for name in self.files:
            path = root / name
            if name in new or name.partition("/")[0] not in folders or path.resolve() != path:
                continue
            with suppress(OSError):  # what cannot be read stays
                if path.is_file() and not self.why_not(name) and not any(_same(path, one) for one in read):
                    found.append(self.folder / name)
        return found


_MOVE = "move it away, or name another folder"


def require_free(
    folder: str | os.PathLike[str], names: Iterable[str], inputs: Iterable[str | os.PathLike[str]] = ()
) -> None:
    """Fails if a result would take the place of something that is not detquant's, or of what this run reads.

    Args:
        folder: results are to go there; it need not exist.
        names: names of the results, relative to the folder.
        inputs: files that are read.

    Raises:
        OutputError: with the first file that is in the way.
    """
    where, read = Path(folder), _there(inputs)
    record = Record.of(where)
    if os.path.lexists(where / RECORD) and MARK not in _read_object(where / RECORD):
        raise OutputError(f"'{where / RECORD}' is not the list of results that detquant keeps there: {_MOVE}.")
    for name in names:
        path = where / name
        if any(_same(path, one) for one in read):
            raise OutputError(
                f"'{path}' is read by this run, and a result of that name would take its place: name another folder."
            )
        try:
            why = record.why_not(name)
        except OSError as error:
            why = f"cannot be looked at ({error.strerror or error}): {_MOVE}"
        if why:
            raise OutputError(f"'{path}' {why}.")


def is_figures(path: Path) -> bool:
    """Whether a file is one of figures that detquant wrote."""
    return MARK in _read_object(path)


def require_free_file(
    path: str | os.PathLike[str],
    inputs: Iterable[str | os.PathLike[str]] = (),
    is_ours: Callable[[Path], bool] = is_figures,
) -> None:
    """Refuses a single file that is there, unless it is empty or detquant wrote it as such.

    Args:
        path: path of the file.
        inputs: files that are read.
        is_ours: whether detquant wrote a file that is there.

    Raises:
        OutputError: it is in the way.
    """
    file, move = Path(path), "name another one"
    if is_stream(file):
        return
    if any(_same(file, one) for one in _there(inputs)):
        raise OutputError(f"'{file}' is read by this run, and the result would take its place: {move}.")
    try:
        found = os.lstat(file)
    except (FileNotFoundError, NotADirectoryError):
        return
    if not stat.S_ISREG(found.st_mode):
        raise OutputError(f"Cannot write '{file}': it is {_kind(found.st_mode)}. Name a file.")
    if file.name in Record.of(file.parent).files:
        raise OutputError(f"'{file}' belongs to the results of an earlier run: {move}.")
    if found.st_size and not is_ours(file):
        raise OutputError(f"'{file}' is there already and was not written by detquant: {move}.")


def is_stream(file: Path) -> bool:
    """Whether this is a pipe or a terminal, such as /dev/stdout, which takes text and has nothing to lose."""
    try:
        kind = file.stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(kind) or stat.S_ISCHR(kind) or stat.S_ISSOCK(kind)


def _kind(mode: int) -> str:
    named = {stat.S_IFDIR: "a folder", stat.S_IFLNK: "a link"}
    return named.get(stat.S_IFMT(mode), "no regular file")


def _there(paths: Iterable[str | os.PathLike[str]]) -> list[os.stat_result]:
    """The files among them, by what tells one from another."""
    found = []
    for path in paths:
        try:
            facts = os.stat(path)
        except (OSError, ValueError):
            continue
        if not stat.S_ISDIR(facts.st_mode):
            found.append(facts)
    return found


def _same(path: Path, other: os.stat_result) -> bool:
    try:
        return os.path.samestat(path.stat(), other)
    except OSError:
        return False


def _read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file; empty where there is none, or more than anything of ours would hold."""
    try:
        if path.is_symlink():
            return {}
        found = parse_json(read_text(path, _MOST))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
