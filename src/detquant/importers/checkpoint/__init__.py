"""Checkpoints of torch, read without torch and without running anything that they ask for.

A `.pt` file is a pickle, and unpickling runs what the file says. Here the file's instructions build inert values
only (`pickled`), from a closed list of names (`vocabulary`); its tensors are views of the file's own bytes.
"""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

from detquant.errors import ModelError
from detquant.importers.checkpoint._base import Flaw, Record, Storage, StoredTensor, shown
from detquant.importers.checkpoint.archive import ZIP, read_archive
from detquant.importers.checkpoint.safetensors import is_safetensors, read_safetensors
from detquant.importers.checkpoint.stream import STREAM, read_stream

__all__ = ["DAMAGES", "Record", "Storage", "StoredTensor", "looks_like_checkpoint", "parse_checkpoint", "shown"]

_SUFFIXES = frozenset({".pt", ".pth", ".th", ".safetensors"})

# What a damaged file trips over, wherever that is: all of it is an answer to bytes that were read.
DAMAGES = (
    ArithmeticError,
    EOFError,
    LookupError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
)
_HEADS = (
    (b"version https://git-lfs", "is a Git LFS pointer: fetch the real file with `git lfs pull`"),
    (b"\x80", "is a pickle, but not one that torch.save wrote: expected a checkpoint (.pt, .pth, .safetensors)"),
    (b"<", "is an HTML or XML page: expected a checkpoint; download it again"),
)
_TAR, _TAR_AT = b"ustar", 257


def looks_like_checkpoint(path: Path) -> bool:
    """Whether the file is named as checkpoints are, or begins as those of torch do."""
    if path.suffix.lower() in _SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            head = file.read(len(STREAM))
    except OSError:
        return False
    return head.startswith((ZIP, STREAM))


def parse_checkpoint(path: Path, content: bytes) -> object:
    """Reads what a checkpoint holds, as plain values, Records and StoredTensors.

    Args:
        path: for the sentences only.
        content: the file: torch's zip or its older stream, or safetensors.

    Returns:
        The tree; dicts have names or small whole numbers as keys.

    Raises:
        ModelError: the file is of another kind, truncated or damaged, or asks for something that no checkpoint needs.
    """
    try:
        if content.startswith(ZIP):
            return read_archive(content)
        if content.startswith(STREAM):
            return read_stream(content)
        if is_safetensors(content):
            return read_safetensors(content)
    except Flaw as flaw:
        raise ModelError(f"'{path}' {flaw}.") from flaw
    except DAMAGES as error:
        raise ModelError(f"'{path}' is truncated or damaged: copy, download or save it again.") from error
    raise ModelError(f"'{path}' {_other_kind(content)}.")


def _other_kind(content: bytes) -> str:
    for head, kind in _HEADS:
        if content.startswith(head):
            return kind
    if content[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR:
        return "is a tar archive, as torch wrote before version 0.1.10: load it with torch and save it again"
    if not content:
        return "is empty (0 bytes): expected a checkpoint; copy it again"
    return "is not a checkpoint: expected a file that torch.save or safetensors wrote"
