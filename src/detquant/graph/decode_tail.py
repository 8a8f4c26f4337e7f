"""Find where a detector's network ends and the decoding of its outputs begins.

Behind its last convolutions a detector computes boxes: softmax over bins, grids, strides, sigmoids of scores,
perhaps suppression. These values span pixels and probabilities in one tensor and gain nothing from INT8, so
plans leave them in float. The border is found by the graph's form, never by names.

A *weighted* operator is Conv, ConvTranspose, or Gemm or MatMul with a constant matrix. Then

1. the tail is every node, not weighted itself, from which no weighted operator can be reached downstream;
2. a head convolution is a weighted operator that feeds the tail, or that is itself an output of the graph;
3. the convolution of a distribution focal loss (Li et al., Generalized Focal Loss, 2020) is no weighted
   operator: 1x1, weights 0, 1, 2, ... (and perhaps a second row of ones); it takes an expectation and
   belongs to the tail;
4. a product with a constant matrix of 4 by 4 is none either: it turns centre and size into corners, as YOLOv7's
   exporter writes it;
5. a node with subgraphs (If, Loop, Scan), and NonMaxSuppression, is never weighted, whatever is inside it.

An activation directly behind a head convolution (the sigmoid of YOLOX's scores) thus belongs to the tail.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from detquant.graph.values import constant, is_op

OF_BOXES = (4, 4)
"""Shape of a matrix that turns the four numbers of a box into four others."""


@dataclass(frozen=True, slots=True)
class DecodeTail:
    """The part of a detector after its network.

    Attributes:
        nodes: the nodes of the tail; empty if the network's last operators are the outputs.
        head_convs: the last weighted operators, in the graph's order.
        reason: one sentence on what was found.
    """

    nodes: frozenset[ir.Node]
    head_convs: tuple[ir.Node, ...]
    reason: str


def find_decode_tail(graph: ir.Graph) -> DecodeTail:
    """Find the tail of a prepared graph, whose nodes are in topological order."""
    around = _around(graph)
    weighted = {node for node in graph if is_weighted(node)}
    before_weights: set[ir.Node] = set()  # nodes from which a weighted operator can be reached
    for node in reversed(tuple(graph)):
        readers = {reader for output in node.outputs for reader in _readers(output, around)}
        if readers & weighted or readers & before_weights:
            before_weights.add(node)
    tail = frozenset(node for node in graph if node not in before_weights and node not in weighted)
    heads = tuple(node for node in graph if node in weighted and _feeds(node, tail, around))
    return DecodeTail(tail, heads, _reason(tail, heads))


def is_weighted(node: ir.Node) -> bool:
    """Whether the node is a layer with weights: a convolution, or a product with a constant matrix."""
    if is_op(node, "Conv", "ConvTranspose"):
        return not is_expectation(node)
    if is_op(node, "Gemm", "MatMul"):
        matrix = constant(node.inputs[1])
        return matrix is not None and matrix.ndim == 2 and matrix.shape != OF_BOXES
    return False


def is_expectation(node: ir.Node) -> bool:
    """Whether a Conv takes an expectation: sum over bins i of i * p[i], perhaps beside the plain sum of p (case 3)."""
    weight = constant(node.inputs[1])
    if node.op_type != "Conv" or weight is None or weight.ndim < 3:
        return False
    outputs, bins = weight.shape[:2]
    if weight.shape != (outputs, bins, *[1] * (weight.ndim - 2)) or bins < 2 or outputs > 2:
        return False
    rows = weight.reshape(outputs, bins).astype(np.float64)
    return bool(np.allclose(rows[0], np.arange(bins), atol=1e-3) and np.all(rows[1:] == 1.0))


def _around(graph: ir.Graph) -> dict[ir.Node, ir.Node]:
    """For each node inside a subgraph, however deep, the node of the main graph that holds it."""
    around: dict[ir.Node, ir.Node] = {}
    outer: ir.Node | None = None
    for node in ir.traversal.RecursiveGraphIterator(graph):
        if node.graph is graph:
            outer = node  # the iterator gives a node before what is inside it
        elif outer is not None:
            around[node] = outer
    return around


def _readers(value: ir.Value, around: dict[ir.Node, ir.Node]) -> set[ir.Node]:
    """The nodes that read the value; a reader in a subgraph counts as the node around it."""
    return {around.get(reader, reader) for reader in value.consumers()}


def _feeds(node: ir.Node, tail: frozenset[ir.Node], around: dict[ir.Node, ir.Node]) -> bool:
    return any(output.is_graph_output() or not tail.isdisjoint(_readers(output, around)) for output in node.outputs)


def _reason(tail: frozenset[ir.Node], heads: tuple[ir.Node, ...]) -> str:
    if not heads:
        return "The graph has no weighted operator, so all of it is tail."
    if not tail:
        return f"The last {len(heads)} weighted operators are the outputs: there is no tail."
    return f"{len(tail)} nodes follow the last {len(heads)} weighted operators."
