"""Keras: .keras and .h5, built by TensorFlow and frozen, then read as a frozen graph.

Needs the extras `tensorflow` and `openvino`.

Such a file holds a description of layers, and weights. The description is read and judged before TensorFlow sees the
file: a layer that carries code (Lambda), or that is not Keras's own, is refused.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from detquant.importers._base import ImportedModel
from detquant.importers.digest import digest
from detquant.importers.keras.description import read_description
from detquant.importers.keras.freezing import freeze
from detquant.importers.openvino.finishing import to_onnx
from detquant.importers.openvino.reading import read

__all__ = ["load", "matches"]

_SUFFIXES = (".h5", ".hdf5", ".keras")


def matches(path: Path) -> bool:
    """Whether the file is named .keras, .h5 or .hdf5."""
    return not path.is_dir() and path.suffix.lower() in _SUFFIXES


def load(path: Path, imgsz: int | None = None) -> ImportedModel:
    """Read a Keras model.

    Args:
        path: the file.
        imgsz: side of the input in pixels, where the model leaves it open.

    Raises:
        ModelError: the file is damaged, holds weights only, or has layers that are not Keras's own.
        MissingExtra: TensorFlow or OpenVINO is not installed.
    """
    sha256, size = digest((path,))
    description = read_description(path)
    with tempfile.TemporaryDirectory(prefix="detquant-keras-") as folder:
        graph = Path(folder) / "model.pb"
        names = freeze(path, graph, imgsz)
        model = read(graph, "tf", shown=path)
        translated = to_onnx(model, path, {})
    for value, name in zip(translated.graph.outputs, names, strict=False):
        value.name = name
    return ImportedModel(
        model=translated,
        path=path,
        sha256=sha256,
        size_bytes=size,
        metadata={},
        reason=f"a Keras model '{description.name}' of {description.layers} layers",
    )
