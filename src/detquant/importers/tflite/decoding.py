"""The decoding that detquant puts beside a file of integers only: ``decode.onnx`` in the same folder.

It belongs to the file when its inputs are the file's outputs, by name and, but for maps that lie channels last in the
one and channels first in the other, by shape. Both then become one graph again, which is of a known family.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir

from detquant.errors import ModelError
from detquant.graph.raise_opset import raise_opset
from detquant.graph.values import constant, is_op, new_initializer, static_shape, used_names
from detquant.importers import onnx as onnx_files

DECODE = "decode.onnx"
TO_FIRST = (0, 3, 1, 2)
MOVES = ("Transpose", "Reshape")
HALF = 128


def with_decoding(network: ir.Model, path: Path) -> ir.Model | None:
    """The network with its decoding behind it.

    Args:
        network: the file's graph, whose outputs are real.
        path: path of the file.

    Returns:
        One graph with the metadata of the decoding; None where there is no decoding that belongs to the file.

    Raises:
        ModelError: the decoding is damaged.
    """
    beside = path.parent / DECODE
    if not beside.is_file():
        return None
    decode = onnx_files.load(beside).model
    maps = {value.name: value for value in network.graph.outputs}
    pairs = [(maps.get(value.name), value) for value in decode.graph.inputs]
    if len(pairs) != len(maps) or not all(mine is not None and _fits(mine, value) for mine, value in pairs):
        return None
    turned = with_channels_first(network, {v.name or "": static_shape(v) or () for v in decode.graph.inputs})
    parts = [ir.to_proto(raise_opset(part)) for part in (turned, decode)]
    names = [value.name or "" for value in decode.graph.inputs]
    try:
        behind = onnx.compose.add_prefix(parts[1], "decode/", rename_inputs=False, rename_outputs=False)
        whole = ir.from_proto(onnx.compose.merge_models(parts[0], behind, io_map=[(name, name) for name in names]))
    except (ValueError, onnx.checker.ValidationError) as error:
        raise ModelError(f"'{beside}' does not go behind '{path}': {str(error).splitlines()[0]}.") from error
    whole.metadata_props.update(decode.metadata_props)
    _unsigned(whole.graph)
    return whole


def _unsigned(graph: ir.Graph) -> None:
    """Maps' int8 codes as uint8, the same numbers: ONNX Runtime would make them so on the way, and stumbles over it.

    (onnxruntime 1.31: a DequantizeLinear that is moved through a Reshape gets a QuantizeLinear whose zero point is
    uint8 and whose output_dtype is not.)
    """
    names = used_names(graph)
    for node in graph:
        zero = constant(node.inputs[2]) if is_op(node, "QuantizeLinear") and len(node.inputs) > 2 else None
        if zero is None or zero.dtype != np.int8:
            continue
        moved, ends, values = [node.outputs[0]], [], []
        while moved:
            values.append(moved.pop())
            for reader in values[-1].consumers():
                ends += [] if is_op(reader, *MOVES) else [reader]
                moved += reader.outputs if is_op(reader, *MOVES) else []
        if all(is_op(end, "DequantizeLinear") and len(end.inputs) > 2 for end in ends):
            point = new_initializer(
                graph, f"{node.name}_unsigned", (zero.astype(np.int16) + HALF).astype(np.uint8), names
            )
            for one in (node, *ends):
                one.replace_input_with(2, point)
            for value in values:
                value.type = point.type


def _fits(mine: ir.Value, value: ir.Value) -> bool:
    have, want = static_shape(mine), static_shape(value)
    return have is not None and want is not None and (have == want or _turned(have) == want)


def _turned(shape: tuple[int, ...]) -> tuple[int, ...] | None:
    return tuple(shape[axis] for axis in TO_FIRST) if len(shape) == 4 else None


def with_channels_first(network: ir.Model, wanted: Mapping[str, tuple[int, ...]]) -> ir.Model:
    """A copy of a network whose outputs of these names have these shapes, with their channels first."""
    copy = network.clone()
    for k, value in enumerate(list(copy.graph.outputs)):
        name = value.name or ""
        if name not in wanted or static_shape(value) == wanted[name]:
            continue
        value.name = f"{name}/last"
        node = ir.node("Transpose", [value], attributes={"perm": list(TO_FIRST)}, name=f"{name}/first")
        first = node.outputs[0]
        first.name, first.type, first.shape = name, value.type, ir.Shape(wanted[name])
        copy.graph.append(node)
        copy.graph.outputs[k] = first
    return copy


def as_it_lies(network: ir.Model, last: frozenset[str]) -> ir.Model:
    """A network whose maps of these names, which the file has with their channels last, come out channels first."""
    shapes = {value.name or "": static_shape(value) or () for value in network.graph.outputs}
    wanted = {name: _turned(shape) for name, shape in shapes.items() if name in last}
    found = {name: shape for name, shape in wanted.items() if shape is not None}
    return with_channels_first(network, found) if found else network
