"""ncnn: the ``.param`` and ``.bin`` that detquant wrote, float or of int8, read layer by layer.

Files of others are refused: they lack what the model says about itself, and have layers and forms that are not written
here. The file itself runs in ncnn; layers of int8 become QuantizeLinear and DequantizeLinear with the same grids.
"""

from __future__ import annotations

from pathlib import Path

import onnx
import onnx_ir as ir

from detquant.errors import ModelError, in_short
from detquant.importers._base import LARGEST, ImportedModel, OwnFile
from detquant.importers.digest import digest
from detquant.importers.ncnn.files import split_metadata
from detquant.importers.ncnn.graph import Graph
from detquant.importers.ncnn.layers import FIXED, LAYERS
from detquant.importers.ncnn.lines import Line, Weights, read_lines
from detquant.untrusted import read_bytes

__all__ = ["load", "matches"]

_LARGEST_PARAM = 64 << 20
DAMAGE = (ValueError, KeyError, IndexError, TypeError, OverflowError, MemoryError)
"""What reading damaged text raises, besides errors of our own."""


def matches(path: Path) -> bool:
    """Whether the file is named .param."""
    return path.suffix.lower() == ".param" and not path.is_dir()


def load(path: Path, imgsz: int | None = None) -> ImportedModel:
    """Read a model that detquant wrote for ncnn.

    Args:
        path: the ``.param``; its ``.bin`` is beside it.
        imgsz: without effect, the size is in the file.

    Returns:
        The model; its digest is that of the .param followed by the .bin.

    Raises:
        ModelError: a file is missing or damaged, or detquant did not write it.
    """
    weights = path.with_suffix(".bin")
    if not weights.exists():
        raise ModelError(f"'{path}' is one half of an ncnn model: expected '{weights.name}' beside it.")
    sha256, size = digest((path, weights))
    try:
        content, metadata = split_metadata(read_bytes(weights, LARGEST))
        lines = read_lines(read_bytes(path, _LARGEST_PARAM).decode("ascii"))
        model = ir.from_proto(_graph(lines, content))
    except OSError as error:
        raise ModelError(f"'{error.filename or path}' cannot be read: {error.strerror}.") from error
    except DAMAGE as error:
        raise ModelError(
            f"'{path}' is no ncnn model that detquant can read ({in_short(error)}): give the ONNX file that it was "
            "made from."
        ) from error
    model.metadata_props.update(metadata)
    return ImportedModel(
        model=model,
        path=path,
        sha256=sha256,
        size_bytes=size,
        metadata=metadata,
        reason=f"{len(lines)} layers of ncnn",
        own=OwnFile(target="ncnn", runtime="ncnn", path=path),
    )


def _graph(lines: list[Line], content: bytes) -> onnx.ModelProto:
    """The layers as an ONNX graph."""
    graph = Graph(Weights(content))
    for line in lines:
        if line.kind not in LAYERS:
            raise ValueError(f"the layer '{line.name}' is a {line.kind}, which detquant does not write")
        if set(line.outputs) & set(graph.blobs):
            raise ValueError(f"the layer '{line.name}' makes a blob that there is already")
        LAYERS[line.kind](graph, line)
        line.require(FIXED.get(line.kind, {}))
    if graph.weights.left:
        raise ValueError(f"its .bin has {graph.weights.left} bytes that no layer reads")
    return graph.finish()
