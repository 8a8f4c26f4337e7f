"""NN Archives of Luxonis: a tar, packed by xz, gzip or not, of a model and a `config.json` that says how it is fed.

The model in it is read by the importer of its kind: ONNX, or OpenVINO's IR. What was compiled for one chip is none that
can be read. Everything is unpacked into a temporary folder, within bounds (`unpacking`); `config` says what of the
configuration is heeded.
"""

from __future__ import annotations

import importlib
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from detquant.errors import ModelError
from detquant.importers._base import ImportedModel
from detquant.importers.digest import digest
from detquant.importers.nn_archive.config import entries, model_path, read_config
from detquant.importers.nn_archive.unpacking import ENDS, unpacked
from detquant.untrusted import one_line

__all__ = ["load", "matches"]

_IMPORTERS = {".onnx": "detquant.importers.onnx", ".xml": "detquant.importers.openvino"}
_COMPILED = {
    ".blob": "compiled for the MyriadX of OAK cameras (RVC2)",
    ".superblob": "compiled for the MyriadX of OAK cameras (RVC2)",
    ".dlc": "compiled for the chip of OAK 4 cameras (RVC4)",
    ".hef": "compiled for a Hailo chip",
}


def matches(path: Path) -> bool:
    """Whether the file is named as archives are."""
    return path.name.lower().endswith(ENDS) and not path.is_dir()


def load(path: Path, imgsz: int | None = None) -> ImportedModel:
    """Read the model of an archive.

    Args:
        path: the file.
        imgsz: side of the input in pixels, where the model leaves it open.

    Raises:
        ModelError: the archive or its model is damaged, is a danger, or is of a kind that is not read.
        MissingExtra: the model is an IR, and OpenVINO is not installed.
    """
    sha256, size = digest((path,))
    with tempfile.TemporaryDirectory(prefix="detquant-", ignore_cleanup_errors=True) as place:
        folder = unpacked(path, Path(place))
        config = read_config(path, folder)
        name = model_path(path, folder, config)
        imported = _model(path, folder, name, imgsz)
    told = entries(config) if "detquant.family" not in imported.metadata else {}
    return replace(
        imported,
        path=path,
        sha256=sha256,
        size_bytes=size,
        metadata={**imported.metadata, **told},
        reason=f"an NN Archive of '{one_line(name)}': {imported.reason}",
        own=None,  # the file of it is gone; and the camera's chip is not here
    )


def _model(path: Path, folder: Path, name: str, imgsz: int | None) -> ImportedModel:
    suffix = Path(name).suffix.lower()
    if suffix in _COMPILED:
        raise ModelError(
            f"'{path}' holds '{one_line(name)}', {_COMPILED[suffix]}, which detquant does not read: give the archive "
            "or the ONNX file that it was compiled from."
        )
    if suffix not in _IMPORTERS:
        raise ModelError(
            f"'{path}' holds '{one_line(name)}', which is of no kind that is read from archives "
            f"({', '.join(_IMPORTERS)}): give an ONNX export of the same network."
        )
    importer: Any = importlib.import_module(_IMPORTERS[suffix])
    try:
        found: ImportedModel = importer.load(folder / name, imgsz)
    except ModelError as error:  # which names a folder that is about to go
        raise type(error)(str(error).replace(f"{folder}{os.sep}", f"{path}:")) from error
    return found
