"""Results as files: there whole or not at all, and never in the place of anything else (see `owned`)."""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from detquant._version import __version__
from detquant.errors import OutputError
from detquant.report.owned import MARK, RECORD, Record, is_figures, is_stream, require_free, require_free_file
from detquant.report.plain import plain
from detquant.report.together import Batch, cannot_write, together, write_whole

Put = Callable[[str, "bytes | str"], None]


@contextmanager
def staged(
    folder: str | os.PathLike[str],
    inputs: Iterable[str | os.PathLike[str]] = (),
    *,
    whole: bool = False,
    alone: Collection[str] = (),
) -> Iterator[Put]:
    """Writes results into a folder, all of them or none.

    with staged("out") as put:
        put("model.onnx", content)
        put("report.json", text)

    Args:
        folder: is made if it is not there.
        inputs: files that this run reads, which no result replaces.
        whole: whether each folder within it is one thing: what detquant wrote into one earlier, and not now, goes.
        alone: names of folders within it of which this is so, even where nothing is written into them now.

    Yields:
        A function that takes a file name, perhaps with folders before it, and its content; the file appears when
        the block ends well.

    Raises:
        OutputError: the folder cannot be made or written, or a file in it is not detquant's to replace.
    """
    where, digests = Path(folder), dict[str, str]()
    with together() as batch:

        def put(name: str, content: bytes | str) -> None:
            data = plain(content).encode() if isinstance(content, str) else content
            batch.add(where / name, data)
            digests[name] = hashlib.sha256(data).hexdigest()

        yield put
        if digests:
            require_free(where, digests, inputs)
            record = Record.of(where)
            folders = {*alone, *(name.partition("/")[0] for name in digests if whole and "/" in name)}
            for path in record.left_over(digests, folders, inputs):
                batch.remove(path)
            _commit(batch, record, digests)


def _commit(batch: Batch, record: Record, digests: Mapping[str, str]) -> None:
    """Names the files after the record that knows them is there; takes it back where that fails."""
    file = record.folder / RECORD
    before = file.read_bytes() if file.exists() else None
    write_whole(file, record.with_new(digests))
    try:
        batch.commit()
    except BaseException:
        if before is None:
            file.unlink(missing_ok=True)
        else:
            write_whole(file, before)
        raise


def write_json(
    path: str | os.PathLike[str], content: Mapping[str, Any], inputs: Iterable[str | os.PathLike[str]] = ()
) -> None:
    """Writes one JSON file of figures, which says that detquant wrote it.

    Args:
        path: path of the file; its folder is made if it is not there.
        content: see `to_json`.
        inputs: files that this run reads, which it does not replace.

    Raises:
        OutputError: it cannot be written, or is not detquant's to replace.
    """
    file, text = Path(path), to_json({MARK: __version__, **content})
    require_free_file(file, inputs)
    write_alone(file, text)


def write_alone(file: Path, text: str) -> None:
    """Writes one file of detquant's own that stands by itself, whole or not at all; or into a stream.

    Raises:
        OutputError: it cannot be written.
    """
    if is_stream(file):
        try:
            file.write_text(text, encoding="utf-8")
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(cannot_write(file, error)) from error
    else:
        write_whole(file, text.encode())


def to_json(content: Mapping[str, Any]) -> str:
    """JSON text; what is not finite becomes null, for JSON has no word for it, and lone surrogates are written out."""
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
        raise OutputError(cannot_write(wanted, error)) from error


def require_writable_file(
    path: str | os.PathLike[str],
    inputs: Iterable[str | os.PathLike[str]] = (),
    is_ours: Callable[[Path], bool] = is_figures,
) -> None:
    """Refuses a single file that could not be written, or that is not detquant's to replace.

    Args:
        path: path of the file.
        inputs: files that this run reads, which it does not replace.
        is_ours: whether detquant wrote a file that is there.

    Raises:
        OutputError: it is a folder, its folder cannot be written, or it is not detquant's to replace.
    """
    file = Path(path)
    if file.is_dir():
        raise OutputError(f"Cannot write '{file}': it is a folder. Name a file.")
    require_free_file(file, inputs, is_ours)
    if not is_stream(file):
        require_writable(file.parent)


def require_place(
    folder: str | os.PathLike[str], names: Iterable[str], inputs: Iterable[str | os.PathLike[str]] = ()
) -> None:
    """Fails before the work when its results could not be written into a folder; see `require_free`.

    Raises:
        OutputError: with what is in the way.
    """
    require_writable(folder)
    require_free(folder, names, inputs)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {plain(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return plain(value)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, os.PathLike):
        return plain(os.fsdecode(value))
    number = value.item() if hasattr(value, "item") else value  # a NumPy scalar
    if isinstance(number, float) and not math.isfinite(number):
        return None
    return number
