"""Exports that were made before: torch takes ten to twenty seconds for one, and each command on a checkpoint needs it.

A file `exports/KEY.onnx` in the user's cache folder holds the sha256 of an ONNX file, then the file. The key says all
that the export depends on: the checkpoint's bytes, what was told of it, and the versions and sources of what exports.
Other content that takes long to make is kept beside in the same form (`kept_or_made`).
The folder is $DETQUANT_CACHE, else $XDG_CACHE_HOME/detquant, else ~/.cache/detquant; where DETQUANT_CACHE is empty
there is none. It is a convenience: where it cannot be read or written, the export is made as if it were not there.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import detquant.architectures
from detquant._version import __version__
from detquant.untrusted import read_bytes

VARIABLE = "DETQUANT_CACHE"
MAX_BYTES = 2 * 2**30  # of all exports, and so on; a YOLOv8x has 0.27 GB
_DIGEST = hashlib.sha256().digest_size


def remembered(content: bytes, facts: object, make: Callable[[], bytes]) -> bytes:
    """The export of a checkpoint: as it was kept, else made now and kept.

    Args:
        content: bytes of the checkpoint.
        facts: what else the export depends on, as far as it varies; fit for JSON.
        make: exports.
    """
    exporter = _exporter()
    if exporter is None:
        return make()
    return kept_or_made("exports/{key}.onnx", [hashlib.sha256(content).hexdigest(), facts, exporter], make)


def kept_or_made(name: str, parts: object, make: Callable[[], bytes]) -> bytes:
    """What was kept under a name, else what is made now and kept.

    Args:
        name: a folder within the cache and a file in it, with ``{key}`` for the sum of the parts.
        parts: all that the content depends on; fit for JSON.
        make: makes the content.
    """
    folder = cache_folder()
    if folder is None:
        return make()
    key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    file = folder / name.format(key=key)
    kept = _read(file)
    if kept is not None:
        return kept
    made = make()
    _keep(file, made)
    return made


def cache_folder() -> Path | None:
    """The user's cache folder of detquant, which may not exist yet; None if none is wanted or known."""
    named = os.environ.get(VARIABLE)
    if named is not None:
        return Path(named) if named else None
    shared = os.environ.get("XDG_CACHE_HOME")
    if shared and Path(shared).is_absolute():  # others are to be ignored, says the XDG specification
        return Path(shared) / "detquant"
    try:
        return Path.home() / ".cache" / "detquant"
    except RuntimeError:  # a process without a home
        return None


@cache
def _exporter() -> dict[str, str] | None:
    """The versions of the exporter and a digest of detquant's own networks, by name; None where torch is missing."""
    sources = sorted(Path(detquant.architectures.__file__).parent.glob("*.py"))
    digest = hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()
    try:
        versions = {name: importlib.metadata.version(name) for name in ("torch", "onnxscript", "onnx", "onnx-ir")}
    except importlib.metadata.PackageNotFoundError:
        return None
    return {**versions, "detquant": __version__, "architectures": digest}


def _read(file: Path) -> bytes | None:
    """The export in a file, if it is whole."""
    try:
        content = read_bytes(file, MAX_BYTES + _DIGEST)
    except OSError:
        return None
    digest, exported = content[:_DIGEST], content[_DIGEST:]
    if hashlib.sha256(exported).digest() != digest:
        return None
    with contextlib.suppress(OSError):
        os.utime(file)  # the last to be given away is the last that was used
    return exported


def _keep(file: Path, exported: bytes) -> None:
    """Writes the file as a whole or not at all, and makes room for it."""
    if len(exported) > MAX_BYTES:
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _make_room(file.parent, len(exported))
        with tempfile.NamedTemporaryFile(dir=file.parent, prefix=".partial-", delete=False) as partial:
            try:
                partial.write(hashlib.sha256(exported).digest() + exported)
                partial.close()
                os.replace(partial.name, file)
            except BaseException:
                os.unlink(partial.name)
                raise
    except OSError:  # a full or read-only disk: nothing is kept
        return


def _make_room(folder: Path, wanted: int) -> None:
    """Takes away what was used longest ago, remains of broken runs too, until all together is within MAX_BYTES."""
    kept = []
    for file in folder.iterdir():
        with contextlib.suppress(OSError):  # another process may take it away
            facts = file.stat()
            kept.append((facts.st_mtime, facts.st_size, file))
    spare = MAX_BYTES - wanted - sum(size for _, size, _ in kept)
    for _, size, file in sorted(kept):
        if spare >= 0:
            return
        with contextlib.suppress(OSError):
            file.unlink()
        spare += size
