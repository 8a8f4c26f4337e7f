"""What each layer of ncnn is in ONNX: a literal table, one function a row; the parameters are ncnn's own numbers.

https://github.com/Tencent/ncnn/wiki/operators
"""

from __future__ import annotations

import math
from collections.abc import Callable

from detquant.importers.ncnn.graph import Graph
from detquant.importers.ncnn.lines import Line
from detquant.importers.ncnn.weighted import convolution, deconvolution, inner_product

Read = Callable[[Graph, Line], None]

BINARY = {0: "Add", 1: "Sub", 2: "Mul", 3: "Div", 4: "Max", 5: "Min", 7: "Sub", 8: "Div"}
TURNED = (7, 8)
UNARY = {
    0: "Abs",
    1: "Neg",
    2: "Floor",
    3: "Ceil",
    5: "Sqrt",
    7: "Exp",
    8: "Log",
    9: "Sin",
    10: "Cos",
    15: "Reciprocal",
    18: "Round",
}
SQUARE = 4
REDUCTIONS = {0: "ReduceSum", 3: "ReduceMean", 4: "ReduceMax", 5: "ReduceMin"}
NAMES = {2: "hw", 3: "chw", 4: "cdhw"}
ORDERS = {
    2: "wh hw",
    3: "whc hwc wch cwh hcw chw",
    4: "whdc hwdc wdhc dwhc hdwc dhwc whcd hwcd wchd cwhd hcwd chwd "
    "wdch dwch wcdh cwdh dcwh cdwh hdcw dhcw hcdw chdw dchw cdhw",
}
"""Permute's numbers, in order: which axis becomes the innermost one, the next, ..., by the number of axes."""
PADS = {0: "constant", 1: "edge", 2: "reflect"}
POOLS = {0: "MaxPool", 1: "AveragePool"}
NEAREST, LINEAR = 1, 2
PLAIN = {"Erf": "Erf", "Mish": "Mish", "Sigmoid": "Sigmoid", "Softplus": "Softplus", "TanH": "Tanh"}


def _input(graph: Graph, line: Line) -> None:
    graph.inputs[line.outputs[0]] = [1, *line.shape()]
    graph.give(line, line.outputs[0], axes=len(line.shape()))


def _memory(graph: Graph, line: Line) -> None:
    shape = line.shape()
    graph.give(line, graph.constant(line, graph.weights.tagged(*shape)[None]), axes=len(shape))


def _same(graph: Graph, line: Line) -> None:
    value = graph.take(line)
    for place in range(len(line.outputs)):
        graph.give(line, value, place)


def _plain(graph: Graph, line: Line) -> None:
    graph.give(line, graph.add(PLAIN[line.kind], [graph.take(line)], line))


def _relu(graph: Graph, line: Line) -> None:
    slope = line.real(0)
    made = (
        graph.add("LeakyRelu", [graph.take(line)], line, alpha=slope)
        if slope
        else graph.add("Relu", [graph.take(line)], line)
    )
    graph.give(line, made)


def _clip(graph: Graph, line: Line) -> None:
    ends = [graph.real(line, line.real(key)) if key in line.parameters else "" for key in (0, 1)]
    graph.give(line, graph.add("Clip", [graph.take(line), *ends], line))


def _swish(graph: Graph, line: Line) -> None:
    x = graph.take(line)
    graph.give(line, graph.add("Mul", [x, graph.add("Sigmoid", [x], line)], line))


def _hard_swish(graph: Graph, line: Line) -> None:
    if not (math.isclose(line.real(0), 1 / 6, rel_tol=1e-6) and line.real(1) == 0.5):
        raise ValueError(f"'{line.name}' is a HardSwish of other numbers than 1/6 and 1/2")
    graph.give(line, graph.add("HardSwish", [graph.take(line)], line))


def _hard_sigmoid(graph: Graph, line: Line) -> None:
    words = {"alpha": line.real(0, 0.2), "beta": line.real(1, 0.5)}
    graph.give(line, graph.add("HardSigmoid", [graph.take(line)], line, **words))


def _elu(graph: Graph, line: Line) -> None:
    graph.give(line, graph.add("Elu", [graph.take(line)], line, alpha=line.real(0, 1.0)))


def _prelu(graph: Graph, line: Line) -> None:
    slopes = graph.weights.bare(line.number(0), 1, 1)
    graph.give(line, graph.add("PRelu", [graph.take(line), graph.constant(line, slopes)], line))


def _scale(graph: Graph, line: Line) -> None:
    factor, shift = (graph.constant(line, graph.weights.bare(line.number(0), 1, 1)) for _ in range(2))
    graph.give(line, graph.add("Add", [graph.add("Mul", [graph.take(line), factor], line), shift], line))


def _softmax(graph: Graph, line: Line) -> None:
    graph.give(line, graph.add("Softmax", [graph.take(line)], line, axis=1 + line.number(0)))


def _binary(graph: Graph, line: Line) -> None:
    number = line.number(0)
    other = graph.real(line, line.real(2)) if line.number(1) else graph.take(line, 1)
    inputs = [graph.take(line), other]
    graph.give(line, graph.add(line.choice(0, BINARY), inputs[::-1] if number in TURNED else inputs, line))


def _unary(graph: Graph, line: Line) -> None:
    x, number = graph.take(line), line.number(0)
    made = graph.add("Mul", [x, x], line) if number == SQUARE else graph.add(line.choice(0, UNARY), [x], line)
    graph.give(line, made)


def _matmul(graph: Graph, line: Line) -> None:
    graph.give(line, graph.add("MatMul", [graph.take(line), graph.take(line, 1)], line))


def _reshape(graph: Graph, line: Line) -> None:
    shape = line.shape()
    made = graph.add("Reshape", [graph.take(line), graph.ints(line, [1, *shape])], line)
    graph.give(line, made, axes=len(shape))


def _permute(graph: Graph, line: Line) -> None:
    rank = graph.axes(line)
    words = line.choice(0, dict(enumerate(ORDERS[rank].split())))
    perm = [0, *(1 + NAMES[rank].index(letter) for letter in reversed(words))]
    graph.give(line, graph.add("Transpose", [graph.take(line)], line, perm=perm))


def _concat(graph: Graph, line: Line) -> None:
    parts = [graph.take(line, place) for place in range(len(line.inputs))]
    graph.give(line, graph.add("Concat", parts, line, axis=1 + line.number(0)))


def _slice(graph: Graph, line: Line) -> None:
    sizes = graph.ints(line, [int(one) for one in line.numbers(0)])
    made = graph.several("Split", [graph.take(line), sizes], line, line.outputs, axis=1 + line.number(1))
    for place, value in enumerate(made):
        graph.give(line, value, place)


def _crop(graph: Graph, line: Line) -> None:
    starts, ends, axes = ([int(one) for one in line.numbers(key)] for key in (9, 10, 11))
    places = [graph.ints(line, one) for one in (starts, ends, [1 + axis for axis in axes])]
    graph.give(line, graph.add("Slice", [graph.take(line), *places], line))


def _padding(graph: Graph, line: Line) -> None:
    sides = {axis: (line.number(a), line.number(b)) for axis, a, b in ((-3, 7, 8), (-2, 0, 1), (-1, 2, 3))}
    kept = {axis: ends for axis, ends in sides.items() if any(ends)}
    pads = graph.ints(line, [*(first for first, _ in kept.values()), *(last for _, last in kept.values())])
    number = graph.real(line, line.real(5))
    inputs = [graph.take(line), pads, number, graph.ints(line, list(kept))]
    graph.give(line, graph.add("Pad", inputs, line, mode=line.choice(4, PADS)))


def _pooling(graph: Graph, line: Line) -> None:
    kind = line.choice(0, POOLS)
    if line.number(4):
        whole = graph.add(f"Global{kind}", [graph.take(line)], line)
        graph.give(line, graph.add("Flatten", [whole], line, axis=1), axes=1)
        return
    if line.number(5) != 1:
        raise ValueError(f"'{line.name}' pads in a way that detquant does not write")
    words = {
        "kernel_shape": [line.size(11), line.size(1)],
        "strides": [line.size(12), line.size(2)],
        "pads": [line.number(13), line.number(3), line.number(15), line.number(14)],
        "count_include_pad": line.number(6),
    }
    if kind == "MaxPool":
        del words["count_include_pad"]
    graph.give(line, graph.add(kind, [graph.take(line)], line, **words))


def _reduction(graph: Graph, line: Line) -> None:
    axes = graph.ints(line, [1 + int(axis) for axis in line.numbers(3)])
    graph.give(line, graph.add(line.choice(0, REDUCTIONS), [graph.take(line), axes], line, keepdims=1))


def _interp(graph: Graph, line: Line) -> None:
    sizes, aligned = graph.ints(line, [line.number(3), line.number(4)]), line.number(6)
    how = "align_corners" if aligned else "half_pixel"
    forms = {
        NEAREST: {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
        LINEAR: {"mode": "linear", "coordinate_transformation_mode": how},
    }
    words = line.choice(0, forms)
    graph.give(line, graph.add("Resize", [graph.take(line), "", "", sizes], line, axes=[2, 3], **words))


FIXED: dict[str, dict[int, int]] = {
    "Convolution": {5: 1},
    "ConvolutionDepthWise": {5: 1},
    "Deconvolution": {5: 1},
    "DeconvolutionDepthWise": {5: 1},
    "InnerProduct": {1: 1},
    "MemoryData": {21: 0},
    "Reduction": {1: 0, 4: 1, 5: 1},
    "Scale": {1: 1},
    "Softmax": {1: 1},
}
"""Parameters that are the same in all layers of a kind; others that nothing here reads are refused."""

LAYERS: dict[str, Read] = {
    "BinaryOp": _binary,
    "Clip": _clip,
    "Concat": _concat,
    "Convolution": convolution,
    "ConvolutionDepthWise": convolution,
    "Crop": _crop,
    "Deconvolution": deconvolution,
    "DeconvolutionDepthWise": deconvolution,
    "ELU": _elu,
    **dict.fromkeys(PLAIN, _plain),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _hard_swish,
    "InnerProduct": inner_product,
    "Input": _input,
    "Interp": _interp,
    "MatMul": _matmul,
    "MemoryData": _memory,
    "Noop": _same,
    "PReLU": _prelu,
    "Padding": _padding,
    "Permute": _permute,
    "Pooling": _pooling,
    "ReLU": _relu,
    "Reduction": _reduction,
    "Reshape": _reshape,
    "Scale": _scale,
    "Slice": _slice,
    "Softmax": _softmax,
    "Split": _same,
    "Swish": _swish,
    "UnaryOp": _unary,
}
