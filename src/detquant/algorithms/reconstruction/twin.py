"""A quantised net in torch and the float net that it stands for, as one graph whose nodes compute either.

A node of the quantised net's graph is an operator, which the float net has too, or a grid, which is nothing in float.
The graph ends at the last layers with a weight in codes, unless other ends are asked for: what decodes their outputs
needs no counterpart in torch.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import onnx_ir as ir
import torch
from torch import fx

from detquant.calibration import QuantModel
from detquant.errors import UnsupportedOperator
from detquant.fake_quant.module import OPERATOR, TENSOR, as_module
from detquant.fake_quant.modules import FakeQuantize, Layer
from detquant.graph.taps import with_taps_only

Function = Callable[..., Any]
Functions = Mapping[fx.Node, Function]
Values = dict[fx.Node, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Twin:
    """The two nets.

    Attributes:
        nodes: nodes of the quantised net's graph in its order, without its inputs and its end.
        inputs: nodes of the graph's inputs, by name.
        rounded: what each node computes in the quantised net.
        exact: what it computes in the float net.
        kinds: operator type of each node that calls one.
        layers: the node of each layer whose weight is in codes, by the layer's name.
        grids: the tensor of each node that is a grid.
        names: the tensor that each node gives, as the model calls it.
    """

    nodes: tuple[fx.Node, ...]
    inputs: Mapping[str, fx.Node]
    rounded: dict[fx.Node, Function]
    exact: dict[fx.Node, Function]
    kinds: Mapping[fx.Node, str]
    layers: Mapping[str, fx.Node]
    grids: Mapping[fx.Node, str]
    names: Mapping[fx.Node, str]
    _owners: tuple[fx.GraphModule, ...] = field(repr=False)  # torch keeps a graph only as long as its module

    def layer(self, node: fx.Node) -> Layer:
        """The module of a layer in the quantised net."""
        module = self.rounded[node]
        assert isinstance(module, Layer)
        return module

    def grid(self, node: fx.Node) -> FakeQuantize:
        """The module of a grid."""
        module = self.rounded[node]
        assert isinstance(module, FakeQuantize)
        return module

    def source(self, node: fx.Node) -> fx.Node:
        """The node whose result stands behind a grid; the node itself where it is none."""
        while node in self.grids:
            node = node.all_input_nodes[0]
        return node

    def to(self, device: str) -> None:
        """Moves the numbers of both nets to a device."""
        for module in self._owners:
            module.to(device)


def compute(nodes: Sequence[fx.Node], values: Values, functions: Functions) -> Values:
    """Computes nodes in their order.

    Args:
        nodes: the nodes.
        values: what is known already; what the nodes give is added to it.
        functions: what each node computes.
    """
    for node in nodes:
        values[node] = functions[node](*(values[one] for one in node.args if isinstance(one, fx.Node)))
    return values


def twin_of(qm: QuantModel, step: str, ends: Collection[str] = (), exact: ir.Model | None = None) -> Twin:
    """The two nets of a quantised model; empty where no layer has its weight in codes.

    Args:
        qm: the model.
        step: name of the step that wants them, for messages.
        ends: names of the operators at which the graph is to end; none for the last layers.
        exact: the float net, whose operators have the same names; `QuantModel.reference` unless it is given.

    Raises:
        UnsupportedOperator: an operator before the last layer has no counterpart in torch.
    """
    qdq = qm.qdq()
    last = [node for node in qdq.graph if node.name in ends] or last_layers(qdq.graph, qm.weights)
    cut = with_taps_only(qdq, [node.outputs[0].name or "" for node in last])
    whole = qm.reference if exact is None else exact
    plain = {node.name: node for node in whole.graph}
    names = [plain[node.name].outputs[0].name or "" for node in last]
    try:
        modules = as_module(cut), as_module(with_taps_only(whole, names))
    except UnsupportedOperator as error:
        raise UnsupportedOperator(f"The step '{step}' computes in PyTorch. {error} Or leave the step out.") from error
    for module in modules:
        module.requires_grad_(False)
    return _joined(*modules, {node.name or "": node for node in qm.model.graph}, qm.weights.keys())


def last_layers(graph: ir.Graph, names: Mapping[str, Any]) -> list[ir.Node]:
    """The layers of these names behind which there is none of them."""
    followed: set[ir.Node] = set()
    for node in reversed(list(graph)):
        here = node.name in names or node in followed
        if here:
            followed.update(p for v in node.inputs if v is not None and (p := v.producer()) is not None)
    return [node for node in graph if node.name in names and node not in followed]


def _joined(rounded: fx.GraphModule, exact: fx.GraphModule, operators: Mapping[str, ir.Node], weights: Any) -> Twin:
    counterparts = {
        n.meta[OPERATOR]: exact.get_submodule(str(n.target)) for n in exact.graph.nodes if OPERATOR in n.meta
    }
    inputs, nodes = dict[str, fx.Node](), list[fx.Node]()
    of_rounded, of_exact = dict[fx.Node, Function](), dict[fx.Node, Function]()
    kinds, layers, grids = dict[fx.Node, str](), dict[str, fx.Node](), dict[fx.Node, str]()
    for node in rounded.graph.nodes:
        if node.op == "placeholder":
            inputs[node.meta[TENSOR]] = node
        elif node.op == "call_function":
            place = node.args[1]
            of_rounded[node] = of_exact[node] = lambda parts, place=place: parts[place]
        elif node.op == "call_module" and OPERATOR in node.meta:
            name = node.meta[OPERATOR]
            of_rounded[node], of_exact[node] = rounded.get_submodule(str(node.target)), counterparts[name]
            kinds[node] = operators[name].op_type
            if name in weights:
                layers[name] = node
        elif node.op == "call_module":
            of_rounded[node], of_exact[node] = rounded.get_submodule(str(node.target)), _same
            grids[node] = _tensor(node.all_input_nodes[0], operators)
        if node.op.startswith("call"):
            nodes.append(node)
    names = {node: grids.get(node) or _tensor(node, operators) for node in nodes}
    return Twin(tuple(nodes), inputs, of_rounded, of_exact, kinds, layers, grids, names, (rounded, exact))


def _same(data: torch.Tensor) -> torch.Tensor:
    return data


def _tensor(node: fx.Node, operators: Mapping[str, ir.Node]) -> str:
    """The name that the model has for what a node gives: a QDQ graph renames some."""
    if node.op == "placeholder":
        return str(node.meta[TENSOR])
    place = 0
    if node.op == "call_function":
        node, place = node.all_input_nodes[0], int(node.args[1])
    return operators[node.meta[OPERATOR]].outputs[place].name or ""
