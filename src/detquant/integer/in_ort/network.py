"""An integer network in ONNX Runtime: which operator is written by what is one literal table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx_ir as ir

from detquant.errors import UnsupportedOperator
from detquant.graph.running import OrtRunner
from detquant.integer.alone import IR_VERSION, OPSET
from detquant.integer.graph import IntegerGraph, image_codes
from detquant.integer.in_ort import arithmetic, layers, moving
from detquant.integer.in_ort.draft import Steps
from detquant.integer.operators import (
    Blend,
    CodeArray,
    Concat,
    Convolution,
    IntegerOperator,
    Matrix,
    MaxPool,
    Mean,
    Move,
    Product,
    Sum,
    Table,
)
from detquant.numerics.arrays import Array

Write = Callable[[Any, Steps], None]

WRITERS: Mapping[type[IntegerOperator], Write] = {
    Blend: arithmetic.blended,
    Concat: moving.joined,
    Convolution: layers.convolution,
    Matrix: layers.matrix,
    MaxPool: moving.largest,
    Mean: arithmetic.averaged,
    Move: moving.moved,
    Product: arithmetic.multiplied,
    Sum: arithmetic.added,
    Table: arithmetic.table,
}


class OrtNetwork:
    """An integer graph, run by ONNX Runtime: the codes that NumPy gives.

    Args:
        graph: the integer operators.
        threads: number of threads.
        every: whether the codes of all operators are given, not those of the outputs alone.

    Raises:
        UnsupportedOperator: sums of an operator are too large to be exact here; NumPy runs it.
    """

    def __init__(self, graph: IntegerGraph, threads: int = 1, *, every: bool = False) -> None:
        self.images, self.shapes = graph.images, graph.shapes
        self.outputs = tuple(one.output for one in graph.operators) if every else graph.outputs
        self._runner = OrtRunner(_written(graph, self.outputs), threads)

    def run(self, feeds: Mapping[str, Array]) -> dict[str, CodeArray]:
        """Codes of the outputs for real images."""
        return self.run_codes(image_codes(self.images, feeds))

    def run_codes(self, given: Mapping[str, CodeArray]) -> dict[str, CodeArray]:
        """Codes of the outputs for codes of the images, int32."""
        found = self._runner.run({name: codes.astype(np.float32) for name, codes in given.items()})
        return {name: found[f"{name}:codes"].astype(np.int32) for name in self.outputs}


def fastest(graph: IntegerGraph, threads: int = 1) -> OrtNetwork | IntegerGraph:
    """What gives the codes of a graph soonest: ONNX Runtime, and NumPy where that cannot be exact."""
    try:
        return OrtNetwork(graph, threads)
    except UnsupportedOperator:
        return graph


def _written(graph: IntegerGraph, outputs: tuple[str, ...]) -> ir.Model:
    steps = Steps(graph.shapes)
    images = []
    for image in graph.images.values():
        value = ir.Value(
            name=image.codes, shape=ir.Shape(graph.shapes[image.codes]), type=ir.TensorType(ir.DataType.FLOAT)
        )
        images.append(value)
        steps.codes[image.codes] = value
        steps.largest[image.codes] = max(abs(image.grid.qtype.qmin), abs(image.grid.qtype.qmax))
    for operator in graph.operators:
        WRITERS[type(operator)](operator, steps)
    wanted = []
    for name in outputs:
        value = steps.step("Identity", steps.codes[name])
        value.name, value.type = f"{name}:codes", ir.TensorType(ir.DataType.FLOAT)
        value.shape = ir.Shape(graph.shapes[name])
        wanted.append(value)
    made = ir.Graph(
        images, wanted, nodes=steps.nodes, initializers=steps.constants, opset_imports={"": OPSET}, name="integers"
    )
    return ir.Model(made, ir_version=IR_VERSION)
