"""OpenVINO's graph as ONNX: the walk over the operations, and the names of what they give.

Names are those of the tensors in the file, without TensorFlow's ":0". OpenVINO names what it makes itself by a
counter that goes on from file to file ("Transpose_1942"); here such a tensor is named by its kind and a counter of
its own, so that the same file gives the same names.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx_ir as ir

from detquant.errors import ModelError, UnsupportedOperator, nearest_name
from detquant.graph.values import fresh_name
from detquant.importers.openvino.operation import TYPES, Operation, contents, static_dims
from detquant.importers.openvino.operators import OPERATORS, WITHOUT_COUNTERPART
from detquant.importers.openvino.writer import IR_VERSION, OPSET, Writer

_COUNTED = re.compile(r"[A-Za-z]+_\d+")
_RESULT = re.compile(r"Result_\d+")


def translate(model: Any, path: Path) -> ir.Model:
    """Writes an OpenVINO model as ONNX.

    Args:
        model: an `openvino.Model` whose inputs have fixed shapes.
        path: path of its file, for messages.

    Returns:
        The same function, in opset 21.

    Raises:
        UnsupportedOperator: an operation that has no row, or is of a form that has no counterpart.
        ModelError: the model has no operations.
    """
    return _Translation(model, path).run()


@dataclass(slots=True)
class _Translation:
    model: Any
    path: Path
    writer: Writer = field(default_factory=Writer)
    values: dict[tuple[int, int], ir.Value] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)
    ids: dict[str, int] = field(default_factory=dict)
    given: set[ir.Value] = field(default_factory=set)

    def run(self) -> ir.Model:
        nodes = list(self.model.get_ordered_ops())
        self.ids = {node.get_name(): number for number, node in enumerate(nodes)}
        inputs = [self.parameter(port.get_node()) for port in self.model.inputs]
        names = [self.output_name(port, place) for place, port in enumerate(self.model.outputs)]
        for node in nodes:
            if node.get_type_name() not in ("Parameter", "Result", "Constant"):
                self.operation(node)
        outputs = [self.output(port, name) for port, name in zip(self.model.outputs, names, strict=True)]
        if not self.writer.nodes:
            raise ModelError(f"'{self.path}' holds a graph without operations: there is nothing to quantise.")
        graph = ir.Graph(
            inputs,
            outputs,
            nodes=self.writer.nodes,
            initializers=self.writer.constants,
            opset_imports={"": OPSET},
            name=self.path.stem,
        )
        return ir.Model(graph, ir_version=IR_VERSION, producer_name="openvino")

    def key(self, port: Any) -> tuple[int, int]:
        return self.ids[port.get_node().get_name()], int(port.get_index())

    def parameter(self, node: Any) -> ir.Value:
        operation = Operation(node, (), self.path, self.read)
        shape = static_dims(node.get_output_partial_shape(0))
        assert shape is not None, "shapes were fixed before"
        name = fresh_name(_plain(_tensor_name(node.output(0)) or node.get_friendly_name()), self.writer.taken)
        value = ir.Value(name=name, shape=ir.Shape(shape), type=ir.TensorType(operation.dtype()))
        self.values[self.key(node.output(0))] = value
        return value

    def output_name(self, port: Any, place: int) -> str:
        """The name of a graph output, given before any other name can take it."""
        result = port.get_node()
        source = result.input_value(0)
        names = {_plain(name) for name in (*port.get_names(), *source.get_names())}
        names = {name for name in names if not _RESULT.fullmatch(name)}
        friendly = _plain(result.get_friendly_name())
        if friendly in names:
            chosen = friendly
        elif names:
            chosen = min(names, key=_rank)
        else:
            chosen = _plain(source.get_node().get_friendly_name())
            chosen = f"output{place}" if _COUNTED.fullmatch(chosen) or chosen in self.writer.taken else chosen
        return fresh_name(chosen, self.writer.taken)

    def operation(self, node: Any) -> None:
        kind = str(node.get_type_name())
        if kind not in OPERATORS:
            raise UnsupportedOperator(_no_row(self.path, node))
        stem = _plain(_tensor_name(node.output(0)) or node.get_friendly_name())
        if _COUNTED.fullmatch(stem):
            stem = f"{kind}_{self.kinds[kind]}"
        self.kinds[kind] += 1
        self.writer.scope = stem
        inputs = tuple(self.read(node.input_value(position)) for position in range(node.get_input_size()))
        made = OPERATORS[kind](self.writer, Operation(node, inputs, self.path, self.read))
        outputs = made if isinstance(made, list) else [made]
        for position, value in enumerate(outputs):
            self.values[self.key(node.output(position))] = value
            new = value.producer() is not None and all(value is not one for one in (*inputs, *outputs[:position]))
            if new:
                self.describe(value, node.output(position), stem if position == 0 else f"{stem}:{position}")

    def describe(self, value: ir.Value, port: Any, stem: str) -> None:
        """Name, shape and type of what an operation gives."""
        value.name = fresh_name(_plain(_tensor_name(port) or stem), self.writer.taken)
        shape = static_dims(port.get_partial_shape())
        if shape is not None and value.shape is None:
            value.shape = ir.Shape(shape)
        if value.type is None:
            kind = str(port.get_element_type().get_type_name())
            value.type = ir.TensorType(TYPES[kind]) if kind in TYPES else None

    def read(self, port: Any) -> ir.Value:
        """The value made of another operation's output; constants are written where they are first read."""
        key = self.key(port)
        if key not in self.values:
            array = contents(port.get_node())
            assert array is not None, "operations come in order"
            if array.dtype.kind not in "biuf":
                raise UnsupportedOperator(f"'{self.path}' has a constant of {array.dtype}: only numbers are taken.")
            self.values[key] = self.writer.constant(array)
        return self.values[key]

    def output(self, port: Any, name: str) -> ir.Value:
        """A graph output, under its name; one that is an input, a constant or given twice goes through Identity."""
        value = self.read(port.get_node().input_value(0))
        if value.producer() is None or value in self.given:
            self.writer.scope = name
            value = self.writer.add("Identity", value)
        self.given.add(value)
        value.name, value.type = name, ir.TensorType(Operation(port.get_node(), (), self.path, self.read).input_dtype())
        shape = static_dims(port.get_partial_shape())
        if shape is not None:
            value.shape = ir.Shape(shape)
        return value


def _plain(name: str) -> str:
    """A tensor's name without TensorFlow's number of the output, where that is 0."""
    return name.removesuffix(":0")


def _tensor_name(port: Any) -> str:
    """The name of a tensor in the file, "" where it has none."""
    return min(port.get_names(), key=_rank, default="")


def _rank(name: str) -> tuple[bool, int, str]:
    """Words before numbers (as PyTorch's graphs have), short before long."""
    return name.isdigit(), len(name), name


def _no_row(path: Path, node: Any) -> str:
    kind = node.get_type_name()
    known = WITHOUT_COUNTERPART.get(kind)
    if known is not None:
        return f"'{path}' has the operation {kind} ('{node.get_friendly_name()}'), and {known}."
    near = nearest_name(kind, OPERATORS, 0.8)
    hint = f" (there is {near})" if near else ""
    return (
        f"'{path}' has the operation {kind} ('{node.get_friendly_name()}'), which cannot be translated{hint}: cut it "
        "off, or export the model to ONNX and give that file."
    )
