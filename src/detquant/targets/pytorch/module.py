"""A QDQ graph, or a float one, as a module of torch: same layers, same grids.

A pair of Q and DQ is one `FakeQuantize`, which lets gradients through where nothing was clipped, so the module can be
trained on. Parameters and buffers are called as torch's own quantised-aware modules call theirs::

    <layer>.weight  <layer>.bias  <layer>.weight_fake_quant.{scale, zero_point}
    <operator>.activation_post_process.{scale, zero_point}
    quant.activation_post_process.{scale, zero_point}

where layer and operator are the names of the graph's nodes with dots for slashes, and the last is the image's grid.
Each node of the module's own graph has the name of the tensor that it gives in its meta, under "tensor".
"""

# torch is untyped where it is not installed, and its modules are made to be subclassed
# mypy: allow-subclassing-any

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from torch import fx, nn

from detquant.graph.values import constant, fresh_name, is_op
from detquant.targets.pytorch.layers import LAYERS
from detquant.targets.pytorch.operators import OPERATORS, Function, Site

Array = np.ndarray[Any, Any]
OBSERVED, IMAGE, TENSOR = "activation_post_process", "quant", "tensor"


class FakeQuantize(nn.Module):
    """Rounds to a grid and gives the real numbers of it: per tensor, or per channel of an axis.

    Args:
        scale: float32, a number or one for each channel.
        zero_point: integers alike, of the type of the codes.
        axis: of the channels; None for per tensor.
    """

    scale: torch.Tensor
    zero_point: torch.Tensor

    def __init__(self, scale: Array, zero_point: Array, axis: int | None) -> None:
        super().__init__()
        limits = np.iinfo(zero_point.dtype)
        self.quant_min, self.quant_max, self.axis = int(limits.min), int(limits.max), axis
        self.register_buffer("scale", torch.from_numpy(np.array(scale, np.float32)))
        self.register_buffer("zero_point", torch.from_numpy(np.array(zero_point, np.int32)))

    def forward(self, data: torch.Tensor) -> torch.Tensor:
        """The nearest values of the grid."""
        grid, limits = (self.scale, self.zero_point), (self.quant_min, self.quant_max)
        if self.axis is None:
            return torch.fake_quantize_per_tensor_affine(data, *grid, *limits)
        return torch.fake_quantize_per_channel_affine(data, *grid, self.axis, *limits)


class Layer(nn.Module):
    """An operator with a weight, kept in float beside its grid.

    Args:
        function: of data, weight and bias.
        weight: real numbers, on the grid.
        bias: real numbers, or None.
        grid: of the weight, or None where the layer is in float.
    """

    def __init__(self, function: Function, weight: Array, bias: Array | None, grid: FakeQuantize | None) -> None:
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.from_numpy(weight))
        self.bias = None if bias is None else nn.Parameter(torch.from_numpy(bias))
        self.weight_fake_quant = grid

    def forward(self, data: torch.Tensor) -> torch.Tensor:
        """The operator on the rounded weight."""
        weight = self.weight if self.weight_fake_quant is None else self.weight_fake_quant(self.weight)
        result: torch.Tensor = self.function(data, weight, self.bias)
        return result


class Operation(nn.Module):
    """An operator without a weight; its constant inputs are buffers.

    Args:
        function: of all inputs.
        constants: inputs by place.
    """

    def __init__(self, function: Function, constants: Mapping[int, Array]) -> None:
        super().__init__()
        self.function, self.places = function, tuple(constants)
        for place, array in constants.items():
            self.register_buffer(f"constant_{place}", torch.from_numpy(array))

    def forward(self, *data: torch.Tensor) -> Any:
        """The operator; the inputs are those that are computed."""
        inputs = list(data)
        for place in self.places:
            inputs.insert(place, getattr(self, f"constant_{place}"))
        return self.function(*inputs)


def as_module(model: ir.Model) -> fx.GraphModule:
    """The graph as a module: the image in, a tuple of outputs out.

    Args:
        model: prepared, opset 21, static shapes, one input; with Q and DQ or without.

    Raises:
        UnsupportedOperator: a node that has no counterpart in torch.
    """
    return _Writer().write(model.graph)


class _Writer:
    """One graph on its way: what each value has become, and the modules by their paths."""

    def __init__(self) -> None:
        self.root, self.graph = nn.Module(), fx.Graph()
        self.made: dict[ir.Value, fx.Node] = {}
        self.paths: dict[ir.Node | None, str] = {}
        self.leaves, self.names = set[str](), {IMAGE}

    def write(self, graph: ir.Graph) -> fx.GraphModule:
        """Node after node."""
        for value in graph.inputs:
            self.made[value] = self.graph.placeholder(re.sub(r"\W", "_", value.name or "image"))
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
        self.paths[node] = path = self.path(node.name or node.op_type)
        result = self.call(path, module, *(self.read(node, place) for place in places))
        for place, out in enumerate(node.outputs):
            several = len(node.outputs) > 1
            self.made[out] = made = self.graph.call_function(operator.getitem, (result, place)) if several else result
            made.meta[TENSOR] = out.name

    def add_grid(self, node: ir.Node) -> None:
        """What rounds a value, below the operator that made it."""
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
        """What an input has become."""
        value = node.inputs[place]
        if value is None or value not in self.made:
            raise Site(node).refused(f"its input '{value.name if value else place}' is not computed before it")
        return self.made[value]

    def path(self, name: str) -> str:
        """A free path for an operator: never a folder of others, nor below another operator."""
        parts = [part for part in re.split(r"\W+", name) if part] or ["operator"]
        safe = [f"{part}_" if hasattr(fx.GraphModule, part) or part == "training" else part for part in parts]
        above = [".".join(safe[:k]) for k in range(1, len(safe))]
        if any(folder in self.leaves for folder in above):
            above, safe = [], ["_".join(safe)]
        path = fresh_name(".".join(safe), self.names)
        self.leaves.add(path)
        self.names.update(above)
        return path


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
    """What is known of a value beforehand: a constant, in real numbers if it is kept in codes."""
    producer = value.producer() if value is not None else None
    if producer is None or not is_op(producer, "DequantizeLinear"):
        found = constant(value)
        return None if found is None else np.array(found)
    codes = constant(producer.inputs[0])
    if codes is None:
        return None
    scale, zero_point, axis = _numbers(producer)
    if scale.ndim:
        shape = [-1 if k == axis else 1 for k in range(codes.ndim)]
        scale, zero_point = scale.reshape(shape), zero_point.reshape(shape)
    return np.asarray((codes.astype(np.int64) - zero_point.astype(np.int64)) * scale, np.float32)


def _grid(node: ir.Node) -> FakeQuantize:
    scale, zero_point, axis = _numbers(node)
    return FakeQuantize(scale, zero_point, axis)


def _numbers(node: ir.Node) -> tuple[Array, Array, int | None]:
    """Scale, zero point and axis of a Q or DQ."""
    site = Site(node)
    scale, zero_point = site.static(1), site.static(2)
    if scale is None:
        raise site.refused("its scale is not known")
    if zero_point is None:
        codes = constant(node.inputs[0])
        zero_point = np.zeros(scale.shape, np.uint8 if codes is None else codes.dtype)
    if scale.size == 1:
        return scale.reshape(()), zero_point.reshape(()), None
    if scale.ndim != 1 or node.attributes.get_int("block_size"):
        raise site.refused("its scales are of blocks")
    return scale, zero_point, node.attributes.get_int("axis", 1)
