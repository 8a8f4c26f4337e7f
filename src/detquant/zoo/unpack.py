"""An archive becomes a folder: all of it, or nothing.

Everything that an archive lists is looked at before a byte is written. Refused are
  1. paths that leave the folder: absolute ones, those with "..", drives and backslashes;
  2. links, devices and pipes, which could lead a later member out of it;
  3. two members of the same path, names that no file can have, and members that are locked with a password;
  4. more members than `archives.MOST_MEMBERS`, or more bytes than an archive of that size plausibly holds: a bomb. A
     member that then turns out longer than it was listed is one as well.
Owners and permissions of the members are not taken over.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath

from detquant.errors import FetchError
from detquant.untrusted import one_line
from detquant.zoo.archives import BROKEN, MOST_MEMBERS, Archive, Member, open_archive
from detquant.zoo.partial import writing

MOST_GROWTH = 100
"""Largest ratio of unpacked to packed size: text is near 10, the annotations of COCO near 5."""

_SMALL = 1 << 20  # tiny archives of zeros are harmless
_CHUNK = 1 << 20
_LONGEST_PATH = 1024


def unpack(archive: Path, folder: Path, *, record: str = "", record_name: str | None = None) -> None:
    """Unpacks a zip or tar file.

    Args:
        archive: the file.
        folder: to make; it must not be there.
        record: is written into it as one more file, so that what is in the folder can be told later.
        record_name: name of that file; None for none.

    Raises:
        FetchError: the archive is broken, or holds what it should not.
        OutputError: the folder cannot be written.
    """
    with ExitStack() as stack:
        with _readable(archive):
            opened = open_archive(archive, stack)
            members = _checked(archive, opened)
        needed = sum(member.size for member in members)
        with writing(folder):
            free = shutil.disk_usage(folder.parent).free
            if needed > free:
                raise FetchError(
                    f"'{archive}' unpacks to {needed / 1e6:.1f} MB, {free / 1e6:.1f} MB are free: "
                    f"free some and run the same command again."
                )
            partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".partial", dir=folder.parent))
        try:
            with writing(folder):
                inner = partial / folder.name  # mkdtemp's own folder is closed to others
                inner.mkdir()
                for member in members:
                    _extract(archive, opened, member, inner)
                if record_name:
                    (inner / record_name).write_text(record)
                os.rename(inner, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _checked(archive: Path, opened: Archive) -> list[Member]:
    """The members, none of which does harm."""
    most = max(archive.stat().st_size * MOST_GROWTH, _SMALL)
    members, total = list[Member](), 0
    files, folders = set[PurePosixPath](), set[PurePosixPath]()
    for member in opened.members():
        path = PurePosixPath(member.name)
        fault = member.fault or _fault(member.name)
        taken = path in files or (not member.is_folder and path in folders) or not files.isdisjoint(path.parents)
        if not fault and taken:  # also a file and a folder of one name
            fault = "is there twice"
        total += member.size
        if not fault and total > most:
            fault = f"makes it more than {most / 1e6:.0f} MB, {MOST_GROWTH} times its size"
        if not fault and len(members) == MOST_MEMBERS:
            fault = f"makes it more than {MOST_MEMBERS} files"
        if fault:
            raise FetchError(f"'{archive}' was not unpacked: '{one_line(member.name)}' in it {fault}. Do not trust it.")
        (folders if member.is_folder else files).add(path)
        folders.update(path.parents)
        members.append(member)
    return members


def _fault(name: str) -> str:
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or "\0" in name:
        return "has a path that leads out of the folder"
    try:
        long = len(os.fsencode(name)) > _LONGEST_PATH
    except UnicodeEncodeError:
        return "has a name that no file can have"
    return f"has a path of more than {_LONGEST_PATH} bytes" if long else ""


def _extract(archive: Path, opened: Archive, member: Member, folder: Path) -> None:
    target = folder / member.name
    if member.is_folder:
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    left = member.size
    with _readable(archive):
        content = opened.open(member)
    with content, target.open("xb") as file:
        while True:
            with _readable(archive):
                chunk = content.read(_CHUNK)
            left -= len(chunk)
            if left < 0 or (left and not chunk):
                raise FetchError(
                    f"'{archive}' was not unpacked: '{one_line(member.name)}' in it is not as long as listed."
                )
            if not chunk:
                break
            file.write(chunk)


@contextmanager
def _readable(archive: Path) -> Iterator[None]:
    """Turns the ways in which an archive can be broken into one."""
    try:
        yield
    except (*BROKEN, OSError) as error:
        why = one_line(str(error), 160).rstrip(":.") or type(error).__name__
        raise FetchError(f"'{archive}' cannot be unpacked ({why}): remove it and fetch it again.") from error
