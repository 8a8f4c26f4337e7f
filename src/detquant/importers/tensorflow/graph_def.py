"""The nodes of a frozen graph, read without TensorFlow: names, operations, what they read, and their constants.

The fields of TensorFlow's messages that are needed, by their numbers (graph.proto, node_def.proto, attr_value.proto,
tensor.proto, tensor_shape.proto, function.proto), are put together as protobuf's own descriptors; protobuf reads the
file and leaves the rest unread.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_STRING, _BYTES, _INT32, _INT64, _FLOAT, _BOOL = 9, 12, 5, 3, 2, 8  # FieldDescriptorProto.Type
# message: field, its number, its type (a message's name, or a number as above), whether it is repeated
_FIELDS: dict[str, tuple[tuple[str, int, str | int, bool], ...]] = {
    "SavedModel": (("meta_graph", 2, "MetaGraph", True),),
    "MetaGraph": (("graph_def", 2, _BYTES, False),),
    "GraphDef": (("node", 1, "NodeDef", True), ("library", 2, "Library", False)),
    "Library": (("function", 1, "Function", True),),
    "Function": (("signature", 1, "Signature", False), ("node_def", 3, "NodeDef", True)),
    "Signature": (("name", 1, _STRING, False),),
    "NodeDef": (
        ("name", 1, _STRING, False),
        ("op", 2, _STRING, False),
        ("input", 3, _STRING, True),
        ("attr", 5, "Attribute", True),
    ),
    "Attribute": (("key", 1, _STRING, False), ("value", 2, "AttrValue", False)),
    "AttrValue": (
        ("list", 1, "List", False),
        ("s", 2, _BYTES, False),
        ("i", 3, _INT64, False),
        ("f", 4, _FLOAT, False),
        ("b", 5, _BOOL, False),
        ("tensor", 8, "Tensor", False),
        ("func", 10, "Call", False),
    ),
    "List": (("func", 9, "Call", True),),
    "Call": (("name", 1, _STRING, False),),
    "Tensor": (
        ("dtype", 1, _INT32, False),
        ("shape", 2, "Shape", False),
        ("content", 4, _BYTES, False),
        ("float_val", 5, _FLOAT, True),
        ("int_val", 7, _INT32, True),
        ("int64_val", 10, _INT64, True),
    ),
    "Shape": (("dim", 2, "Dim", True),),
    "Dim": (("size", 1, _INT64, False),),
}
# TensorFlow's DataType: the type of the array, and the field that holds its numbers where they are not packed
_TYPES = {1: (np.float32, "float_val"), 3: (np.int32, "int_val"), 9: (np.int64, "int64_val")}
_LARGEST = 1 << 20
_PASSED = ("Identity", "Enter", "Snapshot")


@lru_cache(maxsize=2)
def _message(name: str) -> Any:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="detquant/graph.proto", package="detquant", syntax="proto3")
    for each, fields in _FIELDS.items():
        message = file.message_type.add(name=each)
        for field, number, kind, repeated in fields:
            made = message.field.add(name=field, number=number, label=3 if repeated else 1)
            made.type = 11 if isinstance(kind, str) else kind
            if isinstance(kind, str):
                made.type_name = f".detquant.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"detquant.{name}"))


@dataclass(frozen=True)
class Node:
    """One operation of a TensorFlow graph.

    Attributes:
        name: name of the operation; its outputs are "name:0" and so on.
        op: kind of the operation, such as "Conv2D".
        inputs: the names of the operations that it reads, without control inputs.
        ports: which of their outputs it reads.
        attributes: its attributes as TensorFlow's messages, by name.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    ports: tuple[int, ...]
    attributes: Mapping[str, Any]

    @cached_property
    def array(self) -> npt.NDArray[Any] | None:
        """The numbers of a small constant; None for all other nodes."""
        if self.op != "Const" or "value" not in self.attributes:
            return None
        tensor = self.attributes["value"].tensor
        shape = [dim.size for dim in tensor.shape.dim]
        if tensor.dtype not in _TYPES or any(not 0 <= size <= _LARGEST for size in shape):
            return None
        dtype, field = _TYPES[tensor.dtype]
        count = int(np.prod(shape, dtype=object))
        given = np.frombuffer(tensor.content, dtype) if tensor.content else np.array(getattr(tensor, field), dtype)
        if count > _LARGEST or len(given) > count or not len(given):
            return None
        # numbers that are left out at the end equal the last
        return np.concatenate([given, np.repeat(given[-1:], count - len(given))]).reshape(shape)


class GraphNodes:
    """All nodes of a frozen graph or of a function in its library, by name, and who reads whom.

    Attributes:
        nodes: the nodes, by name.
        functions: the functions of the library, each with its own names.
        readers: the nodes that read a node's outputs, by its name.
        name: name of a function; "" for a graph.
        twice: names that several nodes have.
    """

    def __init__(self, nodes: Iterable[Node], functions: Iterable[GraphNodes] = (), name: str = "") -> None:
        given = list(nodes)
        self.nodes = {node.name: node for node in given}
        self.twice = sorted(name for name, times in Counter(node.name for node in given).items() if times > 1)
        self.functions = tuple(functions)
        self.name = name
        self.readers: dict[str, list[Node]] = defaultdict(list)
        for node in self.nodes.values():
            for name in dict.fromkeys(node.inputs):
                self.readers[name].append(node)

    def sources(self, node: Node) -> list[Node]:
        """The nodes that it reads, as far as they are there."""
        return [self.nodes[name] for name in node.inputs if name in self.nodes]

    def constant(self, node: Node, position: int) -> npt.NDArray[Any] | None:
        """The small constant that a node reads at a place, perhaps through a loop's entry; None for anything else."""
        if position >= len(node.inputs):
            return None
        seen, found = set(), self.nodes.get(node.inputs[position])
        while found is not None and found.op in _PASSED and found.name not in seen:
            seen.add(found.name)
            found = self.nodes.get(found.inputs[0]) if found.inputs else None
        return None if found is None else found.array


def read_graph(content: bytes) -> GraphNodes | None:
    """The nodes of a frozen graph; None if it is damaged."""
    from google.protobuf.message import DecodeError

    try:
        graph = _message("GraphDef").FromString(content)
    except DecodeError:
        return None
    functions = [
        GraphNodes(map(_node, function.node_def), name=function.signature.name) for function in graph.library.function
    ]
    return GraphNodes(map(_node, graph.node), functions)


def graphs_inside(folder: Path) -> Iterator[GraphNodes]:
    """Goes through all graphs of a SavedModel that are not damaged, with or without variables."""
    for meta in _metas(folder):
        graph = read_graph(bytes(meta.graph_def))
        if graph is not None:
            yield graph


def graph_inside(folder: Path) -> bytes | None:
    """The one graph of a SavedModel that has no variables, since its weights are constants; None for all others.

    The Object Detection API wrote such folders beside its frozen graphs.
    """
    if any((folder / "variables").glob("variables.*")):
        return None
    metas = _metas(folder)
    return bytes(metas[0].graph_def) if len(metas) == 1 else None


def _metas(folder: Path) -> Sequence[Any]:
    """The graphs of a SavedModel as messages; none if it is damaged."""
    from google.protobuf.message import DecodeError

    try:
        metas: Sequence[Any] = _message("SavedModel").FromString((folder / "saved_model.pb").read_bytes()).meta_graph
    except (DecodeError, OSError):
        return ()
    return metas


def _node(message: Any) -> Node:
    read = [name.split(":") for name in message.input if not name.startswith("^")]
    return Node(
        name=message.name,
        op=message.op,
        inputs=tuple(parts[0] for parts in read),
        ports=tuple(int(parts[-1]) if len(parts) > 1 and parts[-1].isdecimal() else 0 for parts in read),
        attributes={entry.key: entry.value for entry in message.attr},
    )
