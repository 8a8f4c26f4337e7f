"""Reading models: one importer for each kind of file, loaded when a file of that kind is named."""

from __future__ import annotations

import importlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Protocol, cast

from detquant.embedded import MODELS, embedded_model
from detquant.errors import ModelError, nearest_name
from detquant.importers._base import LARGEST, ImportedModel, OwnFile
from detquant.importers.metadata import bounded
from detquant.importers.not_read import refuse_what_is_not_read
from detquant.untrusted import check_file, is_file

__all__ = ["IMPORTERS", "ImportedModel", "OwnFile", "load_model"]

IMPORTERS = {
    "onnx": "detquant.importers.onnx",
    "openvino": "detquant.importers.openvino",
    "tensorflow": "detquant.importers.tensorflow",
    "tflite": "detquant.importers.tflite",
    "keras": "detquant.importers.keras",
    "darknet": "detquant.importers.darknet",
    "torch_export": "detquant.importers.torch_export",
    "ncnn": "detquant.importers.ncnn",
    "nn_archive": "detquant.importers.nn_archive",
    "ultralytics": "detquant.importers.ultralytics",
    "state_dicts": "detquant.importers.state_dicts",
}

OF_FOLDERS = ("openvino", "tensorflow")
"""Importers that take a folder too: an exported IR, a SavedModel."""

# Someone who names a file of their own that is not there is told of it, not of ours.
_LIKENESS = 0.8


class _Importer(Protocol):
    def matches(self, path: Path) -> bool: ...

    def load(self, path: Path, imgsz: int | None = None) -> ImportedModel: ...


def load_model(path: str | os.PathLike[str], imgsz: int | None = None) -> ImportedModel:
    """Read a model file with the importer that knows its kind. Nothing in the file is executed.

    Args:
        path: a model file, the folder of a SavedModel or an OpenVINO IR, or the name of an embedded model where
            no file has that name.
        imgsz: side of the input in pixels, for files that hold weights without a size.

    Returns:
        The model and what is known about its file.

    Raises:
        ModelError: there is no such file, it is of no known kind, or it is damaged.
        MissingExtra: the file holds weights only, and torch, which builds their network, is not installed; or
            OpenVINO or TensorFlow are not, which read theirs.
    """
    file = Path(path)
    if str(file) in MODELS and not is_file(file):
        return replace(load_model(embedded_model(str(file))), path=file)  # reports show the name
    _check_kind(file)
    refuse_what_is_not_read(file)
    for name in OF_FOLDERS if file.is_dir() else IMPORTERS:
        importer = cast(_Importer, importlib.import_module(IMPORTERS[name]))
        if importer.matches(file):
            try:
                return _bounded(name, importer.load(file, imgsz))
            except UnicodeDecodeError as error:  # of a name inside, where a library hands it on
                raise ModelError(
                    f"'{file}' has a name inside that is no UTF-8, or is damaged: export it again with other names."
                ) from error
    if file.is_dir():
        raise ModelError(
            f"'{file}' is a folder: expected a model file in it, such as '{file / 'model.onnx'}', or a SavedModel."
        )
    raise ModelError(
        f"'{file}' is not a model that can be read: expected a file of a known kind ({', '.join(IMPORTERS)})."
    )


def _check_kind(file: Path) -> None:
    """Refuses what is neither a file nor a folder before an importer opens it: that could wait, or read, for ever."""
    try:
        if not os.path.isdir(file):
            check_file(file, LARGEST)
    except (FileNotFoundError, NotADirectoryError) as error:
        near = nearest_name(str(file), MODELS, _LIKENESS)
        hint = f", or did you mean the embedded '{near}'?" if near else "."
        raise ModelError(f"'{file}' does not exist: expected a model file{hint}") from error
    except OSError as error:
        raise ModelError(f"'{file}' cannot be read: {error.strerror}.") from error


def _bounded(name: str, imported: ImportedModel) -> ImportedModel:
    """The model with metadata as every file can hold it, and what the importer of this name said."""
    metadata, left_out = bounded(imported.metadata)
    entries = imported.model.metadata_props
    kept, _ = bounded(entries)
    entries.clear()
    entries.update(kept)
    said = [
        part
        for part in (imported.reason, f"{left_out} of its metadata entries left out as too long" * bool(left_out))
        if part
    ]
    return replace(imported, metadata=metadata, reason=f"{name}: {', '.join(said)}" if said else name)
