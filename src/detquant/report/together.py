"""Several files change as one: all of them, or none.

Each is written under a partial name in its own folder. When all are complete they are renamed, and what was there
before, or is to go, is kept under another name until the last of them is in place: where one cannot be, the others go
back.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from detquant.errors import OutputError

PARTIAL, PREVIOUS = ".partial", ".previous"
_SHOWN = 40  # characters of the name in that of its partial file, which must not be too long itself


class Batch:
    """Files that are to appear together."""

    def __init__(self) -> None:
        self._partial: dict[Path, Path] = {}
        self._going: list[Path] = []
        self._made: list[Path] = []

    def add(self, final: Path, content: bytes) -> None:
        """Writes a file under a partial name.

        Args:
            final: where it is to appear; folders before it are made.
            content: its bytes.

        Raises:
            OutputError: it cannot be written.
        """
        try:
            self._make_folder(final.parent)
            handle, temporary = tempfile.mkstemp(prefix=f".{final.name[:_SHOWN]}.", suffix=PARTIAL, dir=final.parent)
            self._partial[Path(temporary)] = final
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.chmod(temporary, 0o666 & ~_umask())
        except OSError as error:
            raise OutputError(cannot_write(final, error)) from error

    def remove(self, final: Path) -> None:
        """Lets a file go when the others appear."""
        self._going.append(final)

    def commit(self) -> None:
        """Gives all of them their names, and takes those away that are to go.

        Raises:
            OutputError: one cannot have its name; then everything is as it was before.
        """
        done: list[tuple[Path, Path | None]] = []
        try:
            for temporary, final in self._partial.items():
                self._rename(temporary, final, done)
            for final in self._going:
                self._set_aside(final, done)
        except BaseException:
            for final, previous in reversed(done):
                with suppress(OSError):
                    os.replace(previous, final) if previous else final.unlink()
            raise
        finally:
            for _, previous in done:
                if previous:
                    with suppress(OSError):
                        previous.unlink(missing_ok=True)
        self._partial.clear()
        self._going.clear()
        self._made.clear()

    def discard(self) -> None:
        """Removes what has no name yet, and the folders that were made for it."""
        for temporary in self._partial:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
        for folder in reversed(self._made):
            with suppress(OSError):  # something else is in it by now
                folder.rmdir()

    def _make_folder(self, folder: Path) -> None:
        missing = [one for one in (folder, *folder.parents) if not one.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        self._made += reversed(missing)

    @staticmethod
    def _rename(temporary: Path, final: Path, done: list[tuple[Path, Path | None]]) -> None:
        """Puts one file in place, and writes down how to take that back: where that is kept which was there before."""
        try:
            previous = temporary.with_suffix(PREVIOUS) if final.exists() else None
            if previous:
                _keep(final, previous)
                done.append((final, previous))
            os.replace(temporary, final)
            if not previous:
                done.append((final, None))
        except OSError as error:
            raise OutputError(cannot_write(final, error)) from error

    @staticmethod
    def _set_aside(final: Path, done: list[tuple[Path, Path | None]]) -> None:
        """Gives a file that is to go the name under which it is kept until all is done."""
        try:
            handle, previous = tempfile.mkstemp(prefix=f".{final.name[:_SHOWN]}.", suffix=PREVIOUS, dir=final.parent)
            os.close(handle)
            try:
                os.replace(final, previous)
            except BaseException:
                os.unlink(previous)
                raise
            done.append((final, Path(previous)))
        except OSError as error:
            raise OutputError(cannot_write(final, error)) from error


@contextmanager
def together() -> Iterator[Batch]:
    """A batch that is committed when the block ends well, and leaves nothing where it does not."""
    batch = Batch()
    try:
        yield batch
        batch.commit()
    finally:
        batch.discard()


def write_whole(path: Path, content: bytes) -> None:
    """Writes one file of detquant's own, whole or not at all; what has its name is replaced.

    Raises:
        OutputError: it cannot be written.
    """
    with together() as batch:
        batch.add(path, content)


def cannot_write(path: Path, error: OSError) -> str:
    """The sentence for a file or folder that cannot be written."""
    return f"Cannot write '{path}': {error.strerror or error}. Name another folder, or free this one."


def _keep(file: Path, name: Path) -> None:
    """A second name for a file; a copy where the file system knows no links."""
    try:
        os.link(file, name)
    except OSError:
        shutil.copy2(file, name)


def _umask() -> int:
    """The user's umask, which mkstemp does not heed; there is no way to read it without setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
