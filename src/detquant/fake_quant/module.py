"""A QDQ graph, or a float one, as a module of torch: same layers, same grids.

A pair of Q and DQ is one `FakeQuantize`, which lets gradients through where nothing was clipped, so the module can be
trained on. Parameters and buffers are called as torch's own quantised-aware modules call theirs::

    <layer>.weight  <layer>.bias  <layer>.weight_fake_quant.{scale, zero_point}
    <operator>.activation_post_process.{scale, zero_point}
    quant.activation_post_process.{scale, zero_point}

where a layer is called as the module of the torch model that was exported, as far as the file tells it (`paths`), all
else as the graph's nodes with dots for slashes; the last is the image's grid.
Each node of the module's own graph has the name of the tensor that it gives in its meta, under "tensor", and one that
calls an operator its name under "operator".
"""

from __future__ import annotations

import operator
import re
from collections import Counter
from collections.abc import Mapping

import numpy as np
import onnx_ir as ir
from torch import fx, nn

from detquant.fake_quant.layers import LAYERS
from detquant.fake_quant.modules import Array, FakeQuantize, Layer, Operation
from detquant.fake_quant.operators import OPERATORS
from detquant.fake_quant.paths import module_path
from detquant.fake_quant.site import Site
from detquant.graph.grids import constant_of, grid_of
from detquant.graph.values import fresh_name, is_op

OBSERVED, IMAGE, TENSOR, OPERATOR = "activation_post_process", "quant", "tensor", "operator"


def as_module(model: ir.Model) -> fx.GraphModule:
    """The graph as a module: the image in, a tuple of outputs out.

    Args:
        model: prepared, opset 21, static shapes, one input; with Q and DQ or without.

    Raises:
        UnsupportedOperator: a node that has no counterpart in torch.
    """
    return _Writer().write(model.graph)


class _Writer:
    """The writing of one graph as a module: what each value has become, and the modules by their paths."""

    def __init__(self) -> None:
        self.root, self.graph = nn.Module(), fx.Graph()
        self.made: dict[ir.Value, fx.Node] = {}
        self.paths: dict[ir.Node | None, str] = {}
        self.leaves, self.names = set[str](), {IMAGE}

    def write(self, graph: ir.Graph) -> fx.GraphModule:
        """Writes the graph, node after node; gives the module."""
        self.keep_paths(graph)
        for value in graph.inputs:
            self.made[value] = given = self.graph.placeholder(re.sub(r"\W", "_", value.name or "image"))
            given.meta[TENSOR] = value.name
        for node in graph:
            if all(_held(value) is not None for value in node.outputs):
                continue
            if is_op(node, "QuantizeLinear"):
                self.add_grid(node)
            elif is_op(node, "DequantizeLinear"):
                self.made[node.outputs[0]] = self.read(node, 0)
            else:
                self.add(node)
        self.graph.output(tuple(self.made[value] for value in graph.outputs))
        self.graph.lint()
        return fx.GraphModule(self.root, self.graph, "Quantized")

    def add(self, node: ir.Node) -> None:
        """An operator, its weight and constants with it."""
        held = {place: array for place, value in enumerate(node.inputs) if (array := _held(value)) is not None}
        module, aside = _module(node, held)
        places = (k for k, value in enumerate(node.inputs) if value is not None and k not in aside and k not in held)
        self.paths[node] = path = self.paths.get(node) or self.path(node.name or node.op_type)
        result = self.call(path, module, *(self.read(node, place) for place in places))
        result.meta[OPERATOR] = node.name
        for place, out in enumerate(node.outputs):
            several = len(node.outputs) > 1
            self.made[out] = made = self.graph.call_function(operator.getitem, (result, place)) if several else result
            made.meta[TENSOR] = out.name

    def add_grid(self, node: ir.Node) -> None:
        """Adds the module that rounds a value, below the operator that made it."""
        source = node.inputs[0]
        above = self.paths.get(source.producer() if source else None, IMAGE)
        path = fresh_name(f"{above}.{OBSERVED}", self.names)
        self.made[node.outputs[0]] = made = self.call(path, _grid(node), self.read(node, 0))
        made.meta[TENSOR] = node.outputs[0].name

    def call(self, path: str, module: nn.Module, *data: fx.Node) -> fx.Node:
        """The module at its place, and what it gives."""
        above, _, name = path.rpartition(".")
        self._folder(above).add_module(name, module)
        return self.graph.call_module(path, data)

    def _folder(self, path: str) -> nn.Module:
        if not path:
            return self.root
        above, _, name = path.rpartition(".")
        parent = self._folder(above)
        if name not in parent._modules:
            parent.add_module(name, nn.Module())
        return parent.get_submodule(name)

    def read(self, node: ir.Node, place: int) -> fx.Node:
        """The fx node that an input of a node has become."""
        value = node.inputs[place]
        if value is None or value not in self.made:
            raise Site(node).refused(f"its input '{value.name if value else place}' is not computed before it")
        return self.made[value]

    def keep_paths(self, graph: ir.Graph) -> None:
        """Gives layers the paths that they had in the user's own model, where each is that of one layer alone."""
        told = {node: path for node in graph if node.op_type in LAYERS and (path := module_path(node))}
        folders = Counter(above for path in set(told.values()) for above in _above(path.split(".")))
        readers = Counter(told.values())
        for node, path in told.items():
            parts = path.split(".")
            alone = readers[path] == 1 and not folders[path] and not any(one in readers for one in _above(parts))
            if alone and _safe(parts) == parts and path not in self.names:
                self.paths[node] = path
        for path in self.paths.values():
            self.leaves.add(path)
            self.names.update([path, *_above(path.split("."))])

    def path(self, name: str) -> str:
        """A free path for an operator: never a folder of others, nor below another operator."""
        safe = _safe([part for part in re.split(r"\W+", name) if part] or ["operator"])
        above = _above(safe)
        if any(folder in self.leaves for folder in above):
            above, safe = [], ["_".join(safe)]
        path = fresh_name(".".join(safe), self.names)
        self.leaves.add(path)
        self.names.update(above)
        return path


def _safe(parts: list[str]) -> list[str]:
    """Names of modules that are none of torch's own attributes."""
    return [f"{part}_" if hasattr(fx.GraphModule, part) or part == "training" else part for part in parts]


def _above(parts: list[str]) -> list[str]:
    """The folders around a path."""
    return [".".join(parts[:k]) for k in range(1, len(parts))]


def _module(node: ir.Node, held: Mapping[int, Array]) -> tuple[nn.Module, tuple[int, ...]]:
    """The module of an operator, and the inputs that it has read beforehand."""
    site = Site(node)
    if node.op_type in LAYERS and 1 in held and is_op(node, node.op_type):
        codes = node.inputs[1]
        producer = codes.producer() if codes is not None else None
        grid = _grid(producer) if producer is not None and is_op(producer, "DequantizeLinear") else None
        return Layer(LAYERS[node.op_type](site, held[1].shape), held[1], held.get(2), grid), (1, 2)
    row = OPERATORS.get(node.op_type)
    if row is None or not is_op(node, node.op_type):
        raise site.refused("it has no counterpart")
    constants = {place: array for place, array in held.items() if place not in row.static}
    return Operation(row.build(site), constants), row.static


def _held(value: ir.Value | None) -> Array | None:
    """The contents of a constant, as real numbers if it is kept in codes; None for a value that is computed."""
    known = constant_of(value)
    return None if known is None else np.array(known)


def _grid(node: ir.Node) -> FakeQuantize:
    """The module that rounds as a QuantizeLinear or DequantizeLinear does."""
    grid = grid_of(node)
    if grid is None:
        raise Site(node).refused("its scale or zero point is computed, of blocks, or of no integer type")
    return FakeQuantize(grid)
