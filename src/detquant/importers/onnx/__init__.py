"""ONNX files, with their weights inside or in external data files beside them.

A file is refused with one sentence, before any pass sees it, if

1. it cannot be read, or is empty;
2. it is something else (a picture, text, a Git LFS pointer, a model of another kind);
3. it ends early: the protobuf does not parse, or has no graph or no opset;
4. its graph has no nodes;
5. a tensor is larger or smaller than its bytes, or lies where it should not (`tensors`);
6. a node reads a value that nothing makes, or its nodes go in a circle.
"""

from __future__ import annotations

import logging
from pathlib import Path

import onnx
import onnx_ir as ir
from google.protobuf.message import DecodeError

from detquant.errors import ModelError
from detquant.families.reading import reading_entry
from detquant.graph.efficient_nms import plain_suppression
from detquant.importers._base import LARGEST, ImportedModel, OwnFile
from detquant.importers.infer_cfg import metadata_beside
from detquant.importers.onnx.tensors import Reader, inner_graphs
from detquant.importers.onnx.text import mend_text
from detquant.untrusted import one_line, read_bytes

# What it says of a damaged graph is said in a sentence here; its log is for whoever sets one up.
logging.getLogger("onnx_ir").addHandler(logging.NullHandler())

WRITTEN_FOR = "detquant.target"
"""Entry of the metadata under which detquant says for which place it wrote a file."""

REPLACED = "; TensorRT's {plugin} became ONNX's NonMaxSuppression"

_KNOWN_HEADS = (
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\x89PNG", "a PNG image"),
    (b"PK\x03\x04", "a ZIP archive (perhaps a PyTorch checkpoint)"),
    (b"version https://git-lfs", "a Git LFS pointer: fetch the real file with `git lfs pull`"),
    (b"\x1f\x8b", "a gzip archive: unpack it first"),
    (b"\xfd7zXZ", "an xz archive: unpack it first"),
    (b"<", "an HTML or XML page"),
)


def matches(path: Path) -> bool:
    """Whether the file is named .onnx, or begins as ONNX files do: field 1, a small IR version."""
    if path.suffix.lower() == ".onnx":
        return True
    try:
        with path.open("rb") as file:
            head = file.read(2)
    except OSError:
        return False
    return len(head) == 2 and head[0] == 0x08 and 3 <= head[1] < 32


def load(path: Path, imgsz: int | None = None) -> ImportedModel:
    """Read an ONNX file.

    Args:
        path: the file; external data is looked for in its folder.
        imgsz: not used: the graph has its size, or leaves it open for `prepare` to fix.

    Raises:
        ModelError: for the cases at the top of this file.
    """
    content = _read(path)
    proto = _parse(path, content)
    mend_text(proto)
    _check_inputs(path, proto.graph, frozenset())
    reader = Reader(path, content)
    reader.read(proto)
    try:
        model = ir.from_proto(proto)
        model.graph.sort()
    except Exception as error:  # whatever a damaged graph trips over, the user gets a sentence
        raise ModelError(f"'{path}' is damaged: {_first_line(error)}.") from error
    replaced = plain_suppression(model)
    in_parts = reading_entry({"unit": "parts"}) if any(one.parts for one in replaced) else {}
    metadata = {**in_parts, **metadata_beside(path), **{entry.key: entry.value for entry in proto.metadata_props}}
    said = "".join(REPLACED.format(plugin=plugin) for plugin in dict.fromkeys(one.plugin for one in replaced))
    return ImportedModel(
        model=model,
        path=path,
        sha256=reader.digest.hexdigest(),
        size_bytes=reader.size_bytes,
        metadata=metadata,
        reason=f"a graph of {len(proto.graph.node)} nodes, IR version {proto.ir_version}{said}",
        own=OwnFile(target="opencv", runtime="OpenCV", path=path) if metadata.get(WRITTEN_FOR) == "opencv" else None,
    )


def _read(path: Path) -> bytes:
    """Reads the bytes of a file; one that cannot be read or is empty is refused (case 1)."""
    try:
        content = read_bytes(path, LARGEST)
    except FileNotFoundError as error:
        raise ModelError(f"'{path}' does not exist: expected an ONNX model.") from error
    except OSError as error:
        raise ModelError(f"'{path}' cannot be read: {error.strerror}.") from error
    if not content:
        raise ModelError(f"'{path}' is empty (0 bytes): expected an ONNX model; copy or export it again.")
    return content


def _parse(path: Path, content: bytes) -> onnx.ModelProto:
    for head, kind in _KNOWN_HEADS:  # case 2
        if content.startswith(head):
            raise ModelError(f"'{path}' is not an ONNX model but {kind}.")
    if content[4:8] == b"TFL3":
        raise ModelError(f"'{path}' is not an ONNX model but a TFLite model.")
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(content)
    except DecodeError as error:
        raise ModelError(_not_onnx_or_truncated(path, content)) from error
    if not proto.HasField("graph") or not proto.opset_import:
        raise ModelError(_not_onnx_or_truncated(path, content))
    if not proto.graph.node:  # case 4
        raise ModelError(f"'{path}' holds a graph without nodes: there is nothing to quantise.")
    return proto


def _not_onnx_or_truncated(path: Path, content: bytes) -> str:
    """The sentence about bytes that do not parse: a damaged ONNX file (case 3), or something else (case 2)."""
    if content[0] == 0x08 and len(content) > 1 and content[1] < 32:
        return (
            f"'{path}' is a truncated or damaged ONNX model ({len(content)} bytes): copy, download or export it again."
        )
    printable = all(byte >= 32 or byte in b"\t\r\n" for byte in content[:256])
    return f"'{path}' is not an ONNX model but {'text' if printable else 'some other kind of file'}."


def _check_inputs(path: Path, graph: onnx.GraphProto, outer: frozenset[str]) -> None:
    """Refuses nodes that read a value which nothing makes, or go in a circle (case 6)."""
    made = {value.name for value in (*graph.input, *graph.initializer)}
    made |= {tensor.values.name for tensor in graph.sparse_initializer}
    made |= {name for node in graph.node for name in node.output}
    known = outer | made | {""}
    for node in graph.node:
        for name in node.input:
            if name not in known:
                raise ModelError(
                    f"'{path}' is damaged: a node of kind {one_line(node.op_type)} reads '{one_line(name)}', which "
                    "nothing makes."
                )
        for attribute in node.attribute:
            for inner in inner_graphs(attribute):
                _check_inputs(path, inner, known)
    for value in graph.output:
        if value.name not in known:
            raise ModelError(f"'{path}' is damaged: its output '{one_line(value.name)}' is made by no node.")


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0].rstrip(".") if text else type(error).__name__
