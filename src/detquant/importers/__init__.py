"""Reading models: one importer for each kind of file, loaded when a file of that kind is named."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Protocol, cast

from detquant.errors import ModelError
from detquant.importers._base import ImportedModel

__all__ = ["IMPORTERS", "ImportedModel", "load_model"]

IMPORTERS = {
    "onnx": "detquant.importers.onnx",
}


class _Importer(Protocol):
    def matches(self, path: Path) -> bool: ...

    def load(self, path: Path) -> ImportedModel: ...


def load_model(path: str | os.PathLike[str]) -> ImportedModel:
    """Read a model file with the importer that knows its kind. Nothing in the file is executed.

    Args:
        path: a model file.

    Returns:
        The model and what is known about its file.

    Raises:
        ModelError: there is no such file, it is of no known kind, or it is damaged.
    """
    file = Path(path)
    if file.is_dir():
        raise ModelError(f"'{file}' is a folder: expected a model file in it, such as '{file / 'model.onnx'}'.")
    if not file.exists():
        raise ModelError(f"'{file}' does not exist: expected a model file.")
    for module in IMPORTERS.values():
        importer = cast(_Importer, importlib.import_module(module))
        if importer.matches(file):
            return importer.load(file)
    raise ModelError(
        f"'{file}' is not a model that can be read: expected a file of a known kind ({', '.join(IMPORTERS)})."
    )
