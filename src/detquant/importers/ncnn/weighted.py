"""Layers with weights: Convolution, Deconvolution, InnerProduct; in float, or as Q and DQ around what is of int8."""

from __future__ import annotations

import math

import numpy as np

from detquant.importers.ncnn.graph import Graph
from detquant.importers.ncnn.lines import Line
from detquant.numerics.arrays import Array, Floats

TERM, WRITES = 8, 100
"""The parameter that says that a layer is of int8, and what it is more by where it writes codes."""


def convolution(graph: Graph, line: Line) -> None:
    """A Convolution or ConvolutionDepthWise."""
    channels, groups, kernel = line.number(0), line.size(7), _pair(line, 11, 1)
    inputs = _quotient(line, line.number(6), channels * math.prod(kernel))
    weight = graph.weights.tagged(channels, inputs, *kernel)
    bias = graph.weights.bare(channels) if line.number(5) else np.zeros(channels, np.float32)
    x, taps, top = _ends(graph, line, weight, groups if line.number(TERM) % WRITES == 1 else channels)
    words = {
        "group": groups,
        "strides": _pair(line, 13, 3),
        "dilations": _pair(line, 12, 2),
        "pads": [line.number(14), line.number(4), line.number(16), line.number(15)],
    }
    made = graph.add("Conv", [x, taps, graph.constant(line, bias)], line, **words)
    _give(graph, line, made, top)


def deconvolution(graph: Graph, line: Line) -> None:
    """A Deconvolution or DeconvolutionDepthWise, whose weights ONNX has the other way round within each group."""
    channels, groups, kernel = line.number(0), line.size(7), _pair(line, 11, 1)
    each = _quotient(line, channels, groups)
    inputs = _quotient(line, line.number(6), channels * math.prod(kernel))
    weight = graph.weights.tagged(groups, each, inputs, *kernel).swapaxes(1, 2).reshape(-1, each, *kernel)
    bias = graph.weights.bare(channels) if line.number(5) else np.zeros(channels, np.float32)
    words = {
        "group": groups,
        "strides": _pair(line, 13, 3),
        "dilations": _pair(line, 12, 2),
        "pads": [line.number(14), line.number(4), line.number(16), line.number(15)],
        "output_padding": [line.number(19, line.number(18)), line.number(18)],
    }
    constants = [graph.constant(line, one) for one in (np.ascontiguousarray(weight), bias)]
    _give(graph, line, graph.add("ConvTranspose", [graph.take(line), *constants], line, **words), None)


def inner_product(graph: Graph, line: Line) -> None:
    """An InnerProduct: of one row a Gemm, of several a MatMul and an Add."""
    channels = line.number(0)
    weight = graph.weights.tagged(channels, _quotient(line, line.number(2), channels))
    bias = graph.constant(line, graph.weights.bare(channels) if line.number(1) else np.zeros(channels, np.float32))
    x, matrix, _ = _ends(graph, line, weight, channels)
    if graph.axes(line) == 1:
        made = graph.add("Gemm", [x, matrix, bias], line, transB=1)
    else:
        turned = graph.add("Transpose", [matrix], line, perm=[1, 0])
        made = graph.add("Add", [graph.add("MatMul", [x, turned], line), bias], line)
    _give(graph, line, made, None)


def _ends(graph: Graph, line: Line, weight: Array, scales: int) -> tuple[str, str, Floats | None]:
    """Input and weight, rounded where they are, and one over the scale of the codes that it writes."""
    term = line.number(TERM)
    if not term:
        if weight.dtype == np.int8:
            raise ValueError(f"'{line.name}' has weights of int8 and no scales")
        return graph.take(line), graph.constant(line, weight), None
    factors, factor = graph.weights.bare(scales), graph.weights.bare(1)
    top = graph.weights.bare(1) if term > WRITES else None
    for one in (factors, factor, *([] if top is None else [top])):
        if not np.isfinite(one).all() or (one <= 0).any():
            raise ValueError(f"'{line.name}' has scales that are none")
    return graph.rounded(line, graph.take(line), factor), graph.stored(line, weight, factors), top


def _give(graph: Graph, line: Line, made: str, top: Floats | None) -> None:
    """The result behind the activation that the layer takes in, rounded where it writes codes."""
    number = line.number(9)
    if number:
        made = _activated(graph, line, made, number, line.numbers(10) if 10 in line.parameters else [])
    graph.give(line, made if top is None else graph.rounded(line, made, top))


def _activated(graph: Graph, line: Line, x: str, number: int, words: list[float]) -> str:
    if number == 1:
        return graph.add("Relu", [x], line)
    if number == 2:
        return graph.add("LeakyRelu", [x], line, alpha=words[0])
    if number == 3:
        low, high = words
        return graph.add("Clip", [x, *(graph.real(line, end) for end in (low, high))], line)
    if number == 5:
        return graph.add("Mish", [x], line)
    if number == 6 and math.isclose(words[0], 1 / 6, rel_tol=1e-6) and words[1] == 0.5:
        return graph.add("HardSwish", [x], line)
    raise ValueError(f"'{line.name}' has the activation {number} inside, which detquant does not write")


def _pair(line: Line, first: int, second: int) -> list[int]:
    """Two sizes for height and width, of which the former is like the latter where it is not told."""
    other = line.size(second)
    return [line.size(first, other), other]


def _quotient(line: Line, whole: int, part: int) -> int:
    if part < 1 or whole < part or whole % part:
        raise ValueError(f"'{line.name}' has {whole} weights, which its channels do not divide")
    return whole // part
