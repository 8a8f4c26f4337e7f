"""Recognise activations that exporters write as several operators.

A finder, not a rewrite: the graph stays as it is, and whoever decides where grids go (a plan, a fake
quantisation) can treat the group as one operator with one input and one output.

1. SiLU: x * Sigmoid(x).
2. HardSwish: the HardSwish operator, or x * g(x) / 6 with g(x) = Clip(x + 3, 0, 6), or x * HardSigmoid(x)
   with alpha = 1/6 and beta = 1/2, which is g(x) / 6.
3. Mish: the Mish operator, or x * Tanh(Softplus(x)).

The product may be written in any order: factors and constant multipliers or divisors are gathered through
nested Mul and Div until x and its gate remain. Values inside the group must have no reader outside it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import onnx_ir as ir

from detquant.graph.values import is_op, is_used_once, scalar

ActivationKind = Literal["silu", "hardswish", "mish"]

_OPERATORS: dict[str, ActivationKind] = {"HardSwish": "hardswish", "Mish": "mish"}
_TOLERANCE = 1e-3  # 1/6 is written as 0.1666 by some, and in half precision by others


@dataclass(frozen=True, slots=True)
class Activation:
    """An activation function that the graph writes as several operators.

    Attributes:
        kind: "silu", "hardswish" or "mish".
        input: the value that it is a function of.
        output: the value that it gives.
        nodes: the nodes it is made of, in the graph's order.
    """

    kind: ActivationKind
    input: ir.Value
    output: ir.Value
    nodes: tuple[ir.Node, ...]


@dataclass(frozen=True, slots=True)
class _Gate:
    """The bounded factor of an activation: g(x), of which the activation is x * g(x) * scale."""

    kind: ActivationKind
    input: ir.Value
    scale: float
    nodes: tuple[ir.Node, ...]


@dataclass(frozen=True, slots=True)
class _Product:
    """A constant times some factors, and the Mul and Div nodes that multiply them."""

    constant: float
    factors: tuple[ir.Value, ...]
    nodes: tuple[ir.Node, ...]


def find_activations(graph: ir.Graph) -> dict[ir.Value, Activation]:
    """Find the activations of a graph.

    Args:
        graph: a prepared graph; subgraphs are not searched.

    Returns:
        Each activation by the value that it gives.
    """
    order = {node: index for index, node in enumerate(graph)}
    found: dict[ir.Value, Activation] = {}
    for node in graph:
        activation = _single_operator(node) or _product_of_input_and_gate(node)
        if activation is not None:
            nodes = tuple(sorted(activation.nodes, key=order.__getitem__))
            output = activation.output
            found[output] = Activation(activation.kind, activation.input, output, nodes)
    return found


def _single_operator(node: ir.Node) -> Activation | None:
    if not is_op(node, *_OPERATORS) or node.inputs[0] is None:
        return None
    return Activation(_OPERATORS[node.op_type], node.inputs[0], node.outputs[0], (node,))


def _product_of_input_and_gate(node: ir.Node) -> Activation | None:
    if not is_op(node, "Mul", "Div"):
        return None
    product = _gather(node)
    if product is None or len(product.factors) != 2:
        return None
    for x, candidate in (product.factors, product.factors[::-1]):
        gate = _gate(candidate)
        if gate is not None and gate.input is x and math.isclose(gate.scale, product.constant, rel_tol=_TOLERANCE):
            return Activation(gate.kind, x, node.outputs[0], product.nodes + gate.nodes)
    return None


def _gather(node: ir.Node) -> _Product | None:
    """Multiply out a tree of Mul and of Div by a constant; None if it divides by something computed."""
    left, right = node.inputs
    if left is None or right is None:
        return None
    if node.op_type == "Div":
        divisor = scalar(right)
        if not divisor:
            return None
        sides = (_side(left), _Product(1.0 / divisor, (), ()))
    else:
        sides = (_side(left), _side(right))
    return _Product(
        sides[0].constant * sides[1].constant,
        sides[0].factors + sides[1].factors,
        (node, *sides[0].nodes, *sides[1].nodes),
    )


def _side(value: ir.Value) -> _Product:
    number = scalar(value)
    if number is not None:
        return _Product(number, (), ())
    node = value.producer()
    if node is not None and is_op(node, "Mul", "Div") and is_used_once(value):
        product = _gather(node)
        if product is not None:
            return product
    return _Product(1.0, (value,), ())


def _gate(value: ir.Value) -> _Gate | None:
    node = value.producer()
    if node is None or not is_used_once(value) or not node.inputs or node.inputs[0] is None:
        return None
    x = node.inputs[0]
    if is_op(node, "Sigmoid"):  # case 1
        return _Gate("silu", x, 1.0, (node,))
    if is_op(node, "HardSigmoid"):  # case 2
        alpha, beta = node.attributes.get_float("alpha", 0.2), node.attributes.get_float("beta", 0.5)
        fits = math.isclose(alpha, 1 / 6, rel_tol=_TOLERANCE) and math.isclose(beta, 0.5, rel_tol=_TOLERANCE)
        return _Gate("hardswish", x, 1.0, (node,)) if fits else None
    if is_op(node, "Clip"):  # case 2
        return _relu6_of_shifted(node, x)
    inner = x.producer()
    if is_op(node, "Tanh") and inner is not None and is_op(inner, "Softplus") and is_used_once(x):  # case 3
        source = inner.inputs[0]
        return None if source is None else _Gate("mish", source, 1.0, (inner, node))
    return None


def _relu6_of_shifted(clip: ir.Node, shifted: ir.Value) -> _Gate | None:
    bounds = [scalar(bound) for bound in clip.inputs[1:3]]
    add = shifted.producer()
    if bounds != [0.0, 6.0] or add is None or not is_op(add, "Add") or not is_used_once(shifted):
        return None
    for x, offset in (add.inputs, add.inputs[::-1]):
        if x is not None and scalar(offset) == 3.0:
            return _Gate("hardswish", x, 1 / 6, (add, clip))
    return None
