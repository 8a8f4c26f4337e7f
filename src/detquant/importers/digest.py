"""The digest of a model that is kept in several files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from detquant.errors import ModelError
from detquant.importers._base import LARGEST
from detquant.untrusted import check_file

_CHUNK = 1 << 20


def digest(files: Iterable[Path]) -> tuple[str, int]:
    """The sha256 of files one after the other, and their bytes.

    Args:
        files: in an order that does not depend on the machine.

    Raises:
        ModelError: one cannot be read.
    """
    state, size = hashlib.sha256(), 0
    for file in files:
        try:
            check_file(file, LARGEST)
            with file.open("rb") as handle:
                while chunk := handle.read(_CHUNK):
                    state.update(chunk)
                    size += len(chunk)
        except OSError as error:
            raise ModelError(f"'{file}' cannot be read: {error.strerror}.") from error
    return state.hexdigest(), size
