"""An ONNX graph in the making, from layers of ncnn: each blob is a value with a batch of 1 before its axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from detquant.importers.ncnn.lines import Line, Weights
from detquant.numerics.arrays import Array, Floats

OPSET = 21


@dataclass(slots=True)
class Graph:
    """What has been read so far.

    Attributes:
        weights: numbers of the layers that are still to come.
        nodes: operators.
        constants: arrays by name.
        inputs: shapes by name.
        blobs: the value that a blob is, by its name.
        read: blobs that a layer reads.
    """

    weights: Weights
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    inputs: dict[str, list[int]] = field(default_factory=dict)
    blobs: dict[str, str] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)
    _axes: dict[str, int] = field(default_factory=dict)

    def take(self, line: Line, place: int = 0) -> str:
        """The value that a layer reads."""
        if place >= len(line.inputs):
            raise ValueError(f"the layer '{line.name}' reads {len(line.inputs)} blobs, and {place + 1} were expected")
        name = line.inputs[place]
        if name not in self.blobs:
            raise ValueError(f"the layer '{line.name}' reads '{name}', which no layer before it makes")
        self.read.add(name)
        return self.blobs[name]

    def give(self, line: Line, value: str, place: int = 0, axes: int | None = None) -> None:
        """Lets a blob of a layer be a value, of so many axes or of as many as the layer's first input."""
        self.blobs[line.outputs[place]] = value
        self._axes[line.outputs[place]] = self.axes(line) if axes is None else axes

    def axes(self, line: Line) -> int:
        """How many axes the first input of a layer has, the batch not counted."""
        return self._axes[line.inputs[0]]

    def add(self, op: str, inputs: Sequence[str], line: Line, **attributes: Any) -> str:
        """An operator of one result; gives the result's name."""
        [made] = self.several(op, inputs, line, [f"{line.outputs[0]}/{op}"], **attributes)
        return made

    def several(
        self, op: str, inputs: Sequence[str], line: Line, results: Sequence[str], **attributes: Any
    ) -> list[str]:
        """An operator with its results, whose names may get a number behind them."""
        names = [f"{name}_{len(self.nodes)}" for name in results]
        self.nodes.append(helper.make_node(op, list(inputs), names, f"{line.name}/{len(self.nodes)}", **attributes))
        return names

    def constant(self, line: Line, array: Array) -> str:
        """A constant; gives its name."""
        name = f"{line.name}/constant_{len(self.constants)}"
        self.constants[name] = array
        return name

    def real(self, line: Line, number: float) -> str:
        """A constant that is one real number."""
        return self.constant(line, np.array(number, np.float32))

    def ints(self, line: Line, numbers: Sequence[int]) -> str:
        """A constant of whole numbers."""
        return self.constant(line, np.array(numbers, np.int64))

    def rounded(self, line: Line, value: str, factor: Floats) -> str:
        """A value on the int8 grid that ncnn rounds it to; the factor is one over its scale."""
        grid = [
            self.constant(line, np.asarray(1 / factor, np.float32).reshape(())),
            self.constant(line, np.zeros((), np.int8)),
        ]
        return self.add("DequantizeLinear", [self.add("QuantizeLinear", [value, *grid], line), *grid], line)

    def stored(self, line: Line, codes: Array, factors: Floats) -> str:
        """Weights of int8 as real numbers, with a scale for each index of their first axis."""
        grid = [
            self.constant(line, np.asarray(1 / factors, np.float32)),
            self.constant(line, np.zeros(factors.shape, np.int8)),
        ]
        return self.add("DequantizeLinear", [self.constant(line, codes), *grid], line, axis=0)

    def finish(self) -> onnx.ModelProto:
        """The model; blobs that no layer reads are its outputs, under their own names."""
        outputs = [name for name in self.blobs if name not in self.read]
        nodes = [*self.nodes, *(helper.make_node("Identity", [self.blobs[name]], [name]) for name in outputs)]
        made = helper.make_graph(
            nodes,
            "ncnn",
            [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name, shape in self.inputs.items()],
            [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in outputs],
            [numpy_helper.from_array(np.asarray(array), name) for name, array in self.constants.items()],
        )
        return helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
