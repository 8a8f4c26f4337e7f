"""A file that is not whole yet: FILE.partial, and beside it FILE.partial.json, which says what it is a part of."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from detquant.errors import OutputError
from detquant.untrusted import parse_json, read_text

_LARGEST_RECORD = 1 << 16


class Partial:
    """The beginning of a file.

    Attributes:
        path: where it is; FILE.partial.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.path = file.with_name(f"{file.name}.partial")
        self._record = file.with_name(f"{file.name}.partial.json")

    def beginning(self, address: str) -> tuple[int, str]:
        """The beginning of the file that a download can go on from.

        Args:
            address: address that the file comes from.

        Returns:
            How many bytes are here, and the state of the file on the server that they belong to; 0 and an empty
            text if that state is not known: then they are worth nothing.
        """
        record = self._read(address)
        validator = str(record.get("validator", ""))
        size = self._size()
        return (size, validator) if size and validator else (0, "")

    def is_whole(self, address: str) -> bool:
        """Whether all of the file came, and only its last step is missing."""
        size = self._size()
        return size > 0 and self._read(address).get("total") == size

    def begin(self, address: str, validator: str, total: int | None) -> None:
        """Begins the download anew.

        Raises:
            OutputError: the folder cannot be written, or a file that detquant did not write has the name.
        """
        record = {"address": address, "validator": validator, "total": total}
        if self._size() and not os.path.lexists(self._record):
            raise OutputError(f"'{self.path}' is there and was not left by detquant: move it, or name another folder.")
        with writing(self._file):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            for path in (self.path, self._record):
                if os.path.lexists(path) and not path.is_file():  # a pipe would wait for a reader
                    raise OSError(errno.EEXIST, f"'{path.name}' is there and is no file")
            # Emptied first: old bytes must never stand beside the record of a new state.
            self.path.write_bytes(b"")
            self._record.write_text(json.dumps(record))

    @contextmanager
    def appending(self) -> Iterator[Callable[[bytes], object]]:
        """Yields a function that adds bytes.

        Raises:
            OutputError: they cannot be written; those that were stay.
        """
        with writing(self._file), self.path.open("ab") as file:
            yield file.write

    def discard(self) -> None:
        """Removes the partial file and what is known of it."""
        self.path.unlink(missing_ok=True)
        self._record.unlink(missing_ok=True)

    def finish(self) -> None:
        """Gives the complete file its final name.

        Raises:
            OutputError: it cannot be renamed.
        """
        with writing(self._file):
            os.replace(self.path, self._file)
            self._record.unlink(missing_ok=True)

    def _size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    def _read(self, address: str) -> dict[str, Any]:
        try:
            record = parse_json(read_text(self._record, _LARGEST_RECORD))
        except (OSError, ValueError):
            return {}
        return record if isinstance(record, dict) and record.get("address") == address else {}


@contextmanager
def writing(file: Path) -> Iterator[None]:
    """Says in a sentence why something could not be written.

    Args:
        file: what was to be written.

    Raises:
        OutputError: for every OSError of the block.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = f"No space left for '{file}': free some and run the same command again, it goes on from there."
        else:
            why = error.strerror or error
            message = f"Cannot write '{file}': {why}. Name another folder with --out, or free this one."
        raise OutputError(message) from error
