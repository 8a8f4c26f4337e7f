"""The image as a network gets it, in a frozen graph that reads bytes of any size and resizes them in a loop.

It is what the only convolution reads that has none before it: something that resizes, stacks, or leaves a loop, and
then arithmetic by constants, y = factor x + shift, such as 2 / 255 x - 1. In the form of an input that is

    mean = -shift / factor        std = 1 / factor

Padding in front of the convolution belongs to the network.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from detquant.families.ssd_layout import Triple
from detquant.importers.tensorflow.graph_def import GraphNodes, Node
from detquant.numerics.arrays import Doubles

LAYERS = ("Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput", "MatMul")
ARITHMETIC = ("Add", "AddV2", "Sub", "Mul", "RealDiv", "Div")
_RESIZES = ("ResizeBilinear", "ResizeNearestNeighbor", "ResizeBicubic", "ResizeArea")
_GIVES_IMAGES = ("TensorArrayGatherV3", "TensorListStack", "Exit", "While", "StatelessWhile", "Pack", *_RESIZES)
_BY_MIDDLES = ("align_corners", "half_pixel_centers")
_PADS = ("Pad", "PadV2")


def find_image(graph: GraphNodes) -> tuple[Node, Triple, Triple] | None:
    """The node that gives the network its image, and the mean and standard deviation that were taken out on the way.

    None where no convolution reads such an image, or several do.
    """
    found = []
    for layer in graph.nodes.values():
        node = source_of(graph, layer) if layer.op in LAYERS else None
        if node is not None and node.op in _PADS:
            node = source_of(graph, node)
        ends = None if node is None else _behind_arithmetic(graph, node)
        if node is not None and ends is not None:
            found.append((node, *ends))
    return found[0] if len(found) == 1 else None


def source_of(graph: GraphNodes, node: Node, place: int = 0) -> Node | None:
    """The node that a node reads at a place; None where there is none."""
    return graph.nodes.get(node.inputs[place]) if place < len(node.inputs) else None


def _behind_arithmetic(graph: GraphNodes, node: Node) -> tuple[Triple, Triple] | None:
    """Mean and std by which an image came to be a node's output, y = factor x + shift; None if it is no image."""
    factor, shift = np.ones(1), np.zeros(1)
    for _ in graph.nodes:  # a damaged graph may go in circles
        if node.op in _GIVES_IMAGES:
            sensible = np.all(factor > 0) and np.isfinite(shift / factor).all()
            return (_triple(-shift / factor), _triple(1 / factor)) if sensible else None
        step = _step(graph, node)
        source = None if step is None else source_of(graph, node, step[0])
        if step is None or source is None:
            return None
        node, factor, shift = source, factor * step[1], factor * step[2] + shift
    return None


def _step(graph: GraphNodes, node: Node) -> tuple[int, Doubles, Doubles] | None:
    """One operation by a constant: the place at which it reads x, its factor and its shift; None for any other."""
    if node.op == "Identity":
        return 0, np.ones(1), np.zeros(1)
    constants = [graph.constant(node, place) for place in (0, 1)]
    for place, constant in enumerate(reversed(constants)):
        if node.op in ARITHMETIC and constant is not None and constants[place] is None:
            affine = _affine(node.op, place, constant.astype(np.float64))
            return None if affine is None else (place, *affine)
    return None


def _affine(op: str, place: int, constant: Doubles) -> tuple[Doubles, Doubles] | None:
    """Factor and shift of one operation on x, which it reads at a place; None if it is not of that form."""
    number = constant.ravel()
    if number.size not in (1, 3):
        return None
    one, zero = np.ones(1), np.zeros(1)
    if op in ("Add", "AddV2"):
        return one, number
    if op == "Sub":
        return (one, -number) if place == 0 else (-one, number)
    if op == "Mul":
        return number, zero
    return (1 / number, zero) if place == 0 and np.all(number != 0) else None


def _triple(values: Doubles) -> Triple:
    red, green, blue = (float(f"{value:.6g}") for value in np.broadcast_to(values, 3))  # constants are float32
    return red, green, blue


def image_size(graph: GraphNodes) -> tuple[int, int] | None:
    """Height and width that images are resized to; None where they are computed, or there are several."""
    sizes = set()
    for scope, node in _resizing(graph):
        array = scope.constant(node, 1)
        if array is not None and array.size == 2:
            sizes.add((int(array[0]), int(array[1])))
    return sizes.pop() if len(sizes) == 1 and min(min(sizes)) > 0 else None


def image_resize(graph: GraphNodes) -> str:
    """How images are resized, a key of `ssd_layout.RESIZES`: TensorFlow 1 goes by corners of pixels unless told."""
    kinds = {node.op: node.attributes for _, node in _resizing(graph)}
    told = kinds.get("ResizeBilinear")
    if len(kinds) != 1 or told is None or any(name in told and told[name].b for name in _BY_MIDDLES):
        return "stretch"
    return "stretch-from-corner"


def _resizing(graph: GraphNodes) -> Iterator[tuple[GraphNodes, Node]]:
    for scope in (graph, *graph.functions):
        for node in scope.nodes.values():
            if node.op in _RESIZES:
                yield scope, node
