"""The tensors of an ONNX file: wherever they stand, none is larger than its bytes, and none lies elsewhere unseen.

A tensor is an initializer, or an attribute of a node (a Constant's value), in the graph, in a graph inside a node, or
in a function. It is refused, before memory is taken for it, if

1. its type is unknown, or a dimension negative;
2. it holds fewer or more bytes than its shape says;
3. its external data is missing, too short, no plain file, or outside the model's folder;
4. its offset or length is no number, or all external data together are more than `MOST_BYTES`: no ONNX file can hold
   them when the model is written.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator
from pathlib import Path

import onnx
import onnx_ir as ir

from detquant.errors import ModelError
from detquant.importers._base import LARGEST
from detquant.untrusted import check_file, in_units, one_line

MOST_BYTES = 2 << 30
_NUMBER = re.compile("[0-9]{1,18}")


class Reader:
    """Checks the tensors of a file one after the other.

    Attributes:
        digest: digest of the external data that was read.
        size_bytes: its size in bytes.
    """

    def __init__(self, path: Path, content: bytes) -> None:
        self.path = path
        self.digest = hashlib.sha256(content)
        self.size_bytes = len(content)
        self._folder = path.absolute().parent.resolve()
        self._external = 0

    def read(self, proto: onnx.ModelProto) -> None:
        """Brings the external data into the model, and checks all tensors.

        Raises:
            ModelError: for the cases at the top of this file.
        """
        for tensor in _tensors(proto):
            if onnx.external_data_helper.uses_external_data(tensor):
                self._bring(tensor)
            self._check(tensor)

    def _needed(self, tensor: onnx.TensorProto) -> int | None:
        """Bytes that the shape and type of a tensor ask for (case 1); None for strings, which have no fixed size."""
        try:
            dtype = ir.DataType(tensor.data_type)
        except ValueError as error:
            raise ModelError(
                f"'{self.path}' is damaged: initializer '{one_line(tensor.name)}' has the unknown type "
                f"{tensor.data_type}."
            ) from error
        if any(dim < 0 for dim in tensor.dims):
            raise ModelError(
                f"'{self.path}' is damaged: initializer '{one_line(tensor.name)}' has a negative dimension."
            )
        if dtype in (ir.DataType.STRING, ir.DataType.UNDEFINED):
            return None
        return math.ceil(math.prod(int(dim) for dim in tensor.dims) * int(dtype.bitwidth) / 8)

    def _check(self, tensor: onnx.TensorProto) -> None:
        """Refuses a tensor with fewer or more bytes than its shape says (case 2)."""
        needed = self._needed(tensor)
        if needed is None:
            return
        shape = one_line(str(list(tensor.dims)))
        if tensor.HasField("raw_data"):
            if len(tensor.raw_data) != needed:
                raise ModelError(
                    f"'{self.path}' is truncated or damaged: initializer '{one_line(tensor.name)}' of shape {shape} "
                    f"needs {needed} bytes and has {len(tensor.raw_data)}."
                )
            return
        try:
            onnx.numpy_helper.to_array(tensor)
        except (ValueError, TypeError, OverflowError, MemoryError) as error:
            raise ModelError(
                f"'{self.path}' is truncated or damaged: initializer '{one_line(tensor.name)}' does not fill its shape "
                f"{shape}."
            ) from error

    def _bring(self, tensor: onnx.TensorProto) -> None:
        """Reads the external data of a tensor into the model (cases 3 and 4).

        Read here rather than by the onnx package, whose loader also refuses files with several hard links, as
        caches of downloaded models have.
        """
        entries = {entry.key: entry.value for entry in tensor.external_data}
        location, name = entries.get("location", ""), one_line(tensor.name)
        file, size = self._file(location, name)
        needed = self._needed(tensor) or 0
        numbers = [entries.get("offset") or "0", entries.get("length") or str(needed)]
        if not all(map(_NUMBER.fullmatch, numbers)):
            raise ModelError(
                f"'{self.path}' is damaged: '{name}' has an offset or a length that is no number "
                f"({' and '.join(map(one_line, numbers))})."
            )
        offset, length = map(int, numbers)
        if offset + max(length, needed) > size:
            raise ModelError(
                f"'{one_line(location)}', the external data of '{self.path}', is too short: '{name}' needs "
                f"{max(length, needed)} bytes from {offset}, and the file has {size}."
            )
        self._external += length
        if self._external > MOST_BYTES:
            raise ModelError(
                f"'{self.path}' asks for more than {in_units(MOST_BYTES)} of external data, which is more than one "
                "ONNX file can hold: give a smaller model."
            )
        try:
            with file.open("rb") as handle:
                handle.seek(offset)
                content = handle.read(length)
        except OSError as error:
            raise ModelError(f"'{file}' cannot be read: {error.strerror}.") from error
        self.digest.update(content)
        self.size_bytes += len(content)
        tensor.raw_data = content
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]

    def _file(self, location: str, name: str) -> tuple[Path, int]:
        """The file that external data lies in, and its size in bytes (case 3)."""
        try:
            file = (self._folder / location).resolve()
            if not location or not file.is_relative_to(self._folder):
                raise ModelError(
                    f"'{self.path}' keeps initializer '{name}' in '{one_line(location)}', outside the model's folder: "
                    "this is refused."
                )
            return file, check_file(file, LARGEST)
        except FileNotFoundError as error:
            raise ModelError(
                f"'{self.path}' keeps its weights in '{one_line(location)}', which is missing: expected it in the same "
                "folder."
            ) from error
        except (OSError, ValueError, RuntimeError) as error:  # a circle of links, a name that no file can have
            why = getattr(error, "strerror", None) or "no file can have this name"
            raise ModelError(
                f"'{self.path}' keeps its weights in '{one_line(location)}', which cannot be read: {why}."
            ) from error


def _tensors(proto: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    yield from _of_graph(proto.graph)
    for function in proto.functions:
        for node in function.node:
            yield from _of_node(node)


def _of_graph(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        yield from _of_node(node)


def _of_node(node: onnx.NodeProto) -> Iterator[onnx.TensorProto]:
    for attribute in node.attribute:
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors
        sparse = [
            *attribute.sparse_tensors,
            *([attribute.sparse_tensor] if attribute.HasField("sparse_tensor") else []),
        ]
        for each in sparse:
            yield from (each.values, each.indices)
        for graph in inner_graphs(attribute):
            yield from _of_graph(graph)


def inner_graphs(attribute: onnx.AttributeProto) -> Iterator[onnx.GraphProto]:
    """The graphs that an attribute holds."""
    if attribute.HasField("g"):
        yield attribute.g
    yield from attribute.graphs
