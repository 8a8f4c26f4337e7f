"""TensorFlow's GraphDef, SavedModel and table of variables, written field by field, without TensorFlow."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from detquant.importers.tensorflow.variables import _written

DTYPES = {"f4": 1, "f8": 2, "i4": 3, "u1": 4, "i1": 6, "i8": 9, "b1": 10, "f2": 19}  # DataType of types.proto
FLOAT, INT32 = 1, 3
Attribute = bytes


def varint(number: int) -> bytes:
    number %= 2**64
    groups = []
    while number >= 0x80:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])


def field(number: int, value: int | float | str | bytes) -> bytes:
    """One field of a message: integers and booleans as varints, floats in 4 bytes, all else with its length."""
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def shape_of(sizes: Sequence[int] | None) -> bytes:
    """A TensorShapeProto; None for an unknown rank."""
    return field(3, 1) if sizes is None else b"".join(field(2, field(1, size)) for size in sizes)


def tensor(array: np.ndarray, **changes: bytes | int | Sequence[int]) -> bytes:
    """A TensorProto whose dtype, shape and content may be others."""
    facts = {"dtype": DTYPES[array.dtype.str[1:]], "shape": array.shape, "content": array.tobytes()} | changes
    return field(1, facts["dtype"]) + field(2, shape_of(facts["shape"])) + field(4, facts["content"])


def kind(number: int) -> Attribute:
    return field(6, number)


def sizes(value: Sequence[int] | None) -> Attribute:
    return field(7, shape_of(value))


def numbers(values: Iterable[int]) -> Attribute:
    return field(1, b"".join(field(3, value) for value in values))


def text(value: str | bytes) -> Attribute:
    return field(2, value)


def value_of(array: np.ndarray, **changes: bytes | int | Sequence[int]) -> Attribute:
    return field(8, tensor(array, **changes))


def called(name: str) -> Attribute:
    return field(10, field(1, name))


def node(op: str, name: str, inputs: Iterable[str] = (), **attributes: Attribute) -> bytes:
    """A NodeDef."""
    content = field(1, name) + field(2, op) + b"".join(field(3, one) for one in inputs)
    return content + b"".join(field(5, field(1, key) + field(2, value)) for key, value in attributes.items())


def function(name: str, nodes: Iterable[bytes], inputs: Sequence[str], outputs: Mapping[str, str]) -> bytes:
    """A FunctionDef of float arguments."""
    arguments = [field(2, field(1, one) + field(3, FLOAT)) for one in inputs]
    results = [field(3, field(1, one) + field(3, FLOAT)) for one in outputs]
    signature = field(1, field(1, name) + b"".join(arguments + results))
    returned = b"".join(field(4, field(1, one) + field(2, source)) for one, source in outputs.items())
    return signature + b"".join(field(3, one) for one in nodes) + returned


def graph_def(nodes: Iterable[bytes], functions: Iterable[bytes] = ()) -> bytes:
    library = b"".join(field(1, one) for one in functions)
    return b"".join(field(1, one) for one in nodes) + (field(2, library) if library else b"") + field(4, field(1, 1000))


def saved_model(graph: bytes, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> bytes:
    """A SavedModel with one graph and one signature."""

    def ends(number: int, named: Mapping[str, str]) -> bytes:
        infos = {key: field(1, name) + field(2, FLOAT) for key, name in named.items()}
        return b"".join(field(number, field(1, key) + field(2, info)) for key, info in infos.items())

    signature = ends(1, inputs) + ends(2, outputs) + field(3, "tensorflow/serving/predict")
    meta = field(1, field(4, "serve")) + field(2, graph) + field(5, field(1, "serving_default") + field(2, signature))
    return field(1, 1) + field(2, meta)


def write_variables(folder: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """variables.index and the one file of data."""
    folder.mkdir(parents=True, exist_ok=True)
    tracked = [
        field(2, field(1, "VARIABLE_VALUE") + field(2, name) + field(3, f"{name}/.ATTRIBUTES/VARIABLE_VALUE"))
        for name in arrays
    ]
    root = field(1, field(1, 1) + field(2, "_" * 200))  # a string of at least 128 bytes, as that of every real model
    objects = b"".join(field(1, one) for one in [root, *tracked])
    data = varint(len(objects)) + bytes(4) + objects
    entries = [
        (b"", field(1, 1) + field(3, field(1, 1))),
        (b"_CHECKPOINTABLE_OBJECT_GRAPH", field(1, 7) + field(5, len(data))),
    ]
    for name, array in sorted(arrays.items()):
        place = field(1, DTYPES[array.dtype.str[1:]]) + field(2, shape_of(array.shape))
        place += field(4, len(data)) + field(5, array.nbytes)
        entries.append((f"{name}/.ATTRIBUTES/VARIABLE_VALUE".encode(), place))
        data += array.tobytes()
    (folder / "variables.index").write_bytes(_written(entries))
    (folder / "variables.data-00000-of-00001").write_bytes(data)
