"""Files are there whole or not at all.

Each is written under a partial name in its own folder and renamed when all of a run are complete, so a run
that fails or is stopped leaves no half of a result beside whole ones.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from detquant.errors import OutputError

Put = Callable[[str, "bytes | str"], None]


@contextmanager
def staged(folder: str | os.PathLike[str]) -> Iterator[Put]:
    """Writes files into a folder, all of them or none.

    with staged("out") as put:
        put("model.onnx", content)
        put("report.json", text)

    Args:
        folder: is made if it is not there.

    Yields:
        A function that takes a file name, perhaps with folders before it, and its content; the file appears when
        the block ends well.

    Raises:
        OutputError: the folder cannot be made or written.
    """
    where = Path(folder)
    partial: dict[Path, Path] = {}

    def put(name: str, content: bytes | str) -> None:
        try:
            final = where / name
            final.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=f".{final.name}.", suffix=".partial", dir=final.parent)
            partial[Path(temporary)] = final
            with os.fdopen(handle, "wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
            os.chmod(temporary, 0o666 & ~_umask())
        except OSError as error:
            raise OutputError(_cannot_write(where / name, error)) from error

    try:
        yield put
        for temporary, final in partial.items():
            try:
                os.replace(temporary, final)
            except OSError as error:
                raise OutputError(_cannot_write(final, error)) from error
    finally:
        for temporary in partial:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def write_json(path: str | os.PathLike[str], content: Mapping[str, Any]) -> None:
    """Writes one JSON file.

    Args:
        path: of the file; its folder is made if it is not there.
        content: see `to_json`.

    Raises:
        OutputError: it cannot be written.
    """
    file = Path(path)
    with staged(file.parent) as put:
        put(file.name, to_json(content))


def to_json(content: Mapping[str, Any]) -> str:
    """JSON text; what is not finite becomes null, for JSON has no word for it."""
    return json.dumps(_plain(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def require_writable(folder: str | os.PathLike[str]) -> None:
    """Fails before the work and not after it, when results could not be written; nothing is left behind.

    Args:
        folder: results are to go there; it need not exist yet.

    Raises:
        OutputError: it is a file, lies below one, or nothing can be made there.
    """
    wanted = Path(folder)
    nearest = next((place for place in (wanted, *wanted.absolute().parents) if os.path.lexists(place)), Path("/"))
    if not nearest.is_dir():
        raise OutputError(f"Cannot write to '{wanted}': '{nearest}' is not a folder. Name another one.")
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise OutputError(_cannot_write(wanted, error)) from error


def require_writable_file(path: str | os.PathLike[str]) -> None:
    """The same for one file.

    Raises:
        OutputError: it is a folder, or its folder cannot be written.
    """
    file = Path(path)
    if file.is_dir():
        raise OutputError(f"Cannot write '{file}': it is a folder. Name a file.")
    require_writable(file.parent)


def _cannot_write(path: Path, error: OSError) -> str:
    return f"Cannot write '{path}': {error.strerror or error}. Name another folder, or free this one."


def _umask() -> int:
    """The user's umask, which mkstemp does not heed; there is no way to read it without setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    number = value.item() if hasattr(value, "item") else value  # a NumPy scalar
    if isinstance(number, float) and not math.isfinite(number):
        return None
    return number
