"""TFLite: a flatbuffer, float or quantised to 8 bits, read by OpenVINO. Needs the extra `openvino`.

A quantised file becomes a graph of QuantizeLinear and DequantizeLinear with the same grids. It takes and gives
float32, and computes what lies between two grids in float32: TFLite's own kernels, which do it in integers, may
differ from it by a step of a grid. A file of integers only that detquant wrote is read with the decoding beside it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from detquant.errors import ModelError
from detquant.importers._base import LARGEST, ImportedModel, OwnFile
from detquant.importers.digest import digest
from detquant.importers.openvino.finishing import to_onnx
from detquant.importers.openvino.reading import Part, read
from detquant.importers.openvino.ultralytics_boxes import boxes_in_pixels
from detquant.importers.tflite.decoding import DECODE, as_it_lies, with_decoding
from detquant.importers.tflite.detection import OPERATOR, find_detection, with_detection_told
from detquant.importers.tflite.metadata import appended, channels_last, written
from detquant.importers.tflite.verifying import verify
from detquant.untrusted import read_bytes

__all__ = ["load", "matches"]

_MAGIC = b"TFL3"
_HEAD = 8
_SMALLEST = 32


def matches(path: Path) -> bool:
    """Whether the file is named .tflite, or has the mark of TFLite's flatbuffers."""
    if path.is_dir():
        return False
    return path.suffix.lower() in (".tflite", ".lite") or _head(path)[4:] == _MAGIC


def load(path: Path, imgsz: int | None = None) -> ImportedModel:
    """Read a TFLite model.

    Args:
        path: the file.
        imgsz: side of the input in pixels, where the file leaves it open.

    Raises:
        ModelError: the file is damaged, or has what cannot be translated.
        MissingExtra: OpenVINO is not installed.
    """
    sha256, size = digest((path,))
    if _head(path)[4:] != _MAGIC or size < _SMALLEST:
        found = "empty" if not size else f"another kind of file ({size} bytes)"
        raise ModelError(f"'{path}' is not a TFLite model but {found}: expected 'TFL3' at its fifth byte.")
    try:
        verify(path, read_bytes(path, LARGEST))
    except OSError as error:
        raise ModelError(f"'{path}' cannot be read: {error.strerror}.") from error
    archive, own = appended(path), OwnFile(target="tflite", runtime="LiteRT", path=path)
    metadata, behind = written(path) | archive, ""
    ending = find_detection(path)
    if ending is not None:
        part = Part(outputs=(ending.codes, ending.scores), beyond=OPERATOR)
        model = read(path, "tflite", imgsz, metadata, part=part)
        translated = with_detection_told(model, ending.detection, path, metadata, ending.form)
        metadata, behind = dict(translated.metadata_props), f", {OPERATOR} cut off"
        own = replace(own, tensors=(ending.codes, ending.scores))
    else:
        model = read(path, "tflite", imgsz, metadata)
        # what detquant writes may say whose export it was made from, but has pixels
        translated = as_it_lies(to_onnx(model, path, metadata), channels_last(path))
        own = replace(own, factors=boxes_in_pixels(translated, archive))
        if (whole := with_decoding(translated, path)) is not None:
            translated, metadata, behind = whole, dict(whole.metadata_props), f", with {DECODE} behind it"
            own = replace(own, decode=path.parent / DECODE)
    return ImportedModel(
        model=translated,
        path=path,
        sha256=sha256,
        size_bytes=size,
        metadata=metadata,
        reason=f"a flatbuffer that became {len(translated.graph)} nodes{behind}",
        own=own,
    )


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError:
        return b""
