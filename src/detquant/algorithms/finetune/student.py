"""The network that is learnt: the quantised net with variables in place of weights, biases and grids.

1. Weights in codes, and their steps; layers in float stay as they are.
2. Biases, in units of how much the layer's output varies; the first one of a convolution in integers with them.
3. Steps of activations, and zero points where the grid is not symmetric: of grids that calibration has found, and on
   which no tensor outside lies. A grid that is known beforehand (`Fixed`) and that of the image stay.

What is learnt becomes a model as every step leaves it: weights on their grids, within the limits that the target puts
on codes and biases.
"""

from __future__ import annotations

# torch is untyped where it is not installed, and its modules are made to be subclassed
# mypy: allow-subclassing-any
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import fx, nn

from detquant.algorithms.finetune.clustered_weight import weight_variable, with_learnt_books
from detquant.algorithms.finetune.dropped import Dropped
from detquant.algorithms.finetune.learnt_grids import GridVariable
from detquant.algorithms.finetune.network import FOUR, Network
from detquant.algorithms.finetune.straight_through import KnownGrid
from detquant.algorithms.reconstruction.numbers import own_roots
from detquant.algorithms.reconstruction.tensors import aligned
from detquant.algorithms.reconstruction.twin import Function
from detquant.calibration import QuantModel, weight_limits
from detquant.calibration.probes import channel_axis
from detquant.graph.traits import bias_of, weight_of
from detquant.graph.values import constant
from detquant.graph.weights import replace_bias, replace_weight
from detquant.numerics import Capability, QuantParams, dequantize, quantize

WEIGHTS, STEPS, BIASES = "weights", "steps", "biases"


class Student(nn.Module):
    """The variables of a whole network.

    Args:
        network: both nets.
        qm: the model that it starts from.
        image: one image, to see how large outputs are.
    """

    def __init__(self, network: Network, qm: QuantModel, image: torch.Tensor) -> None:
        super().__init__()
        self.network, self.qm, twin = network, qm, network.twin
        self.nodes = {node.name or "": node for node in qm.model.graph}
        self.names = tuple(twin.layers)
        self.weights, self.shifts, self.grids = nn.ModuleList(), nn.ParameterDict(), nn.ModuleDict()
        with torch.no_grad():
            values, _ = network.exact(image)
        self.biases, self.sizes = dict[str, torch.Tensor](), dict[str, torch.Tensor]()
        self.matched, self.widened = dict[str, torch.Tensor](), dict[str, torch.Tensor]()
        self.functions: dict[fx.Node, Function] = dict(twin.rounded)
        for k, name in enumerate(self.names):
            node = twin.layers[name]
            weight = np.asarray(constant(weight_of(self.nodes[name])), np.float32)
            powers = qm.plan.weights[name].power_of_two
            self.weights.append(weight_variable(weight, qm.weights[name], qm.allowed.get(name), power_of_two=powers))
            self._add_bias(k, name, values.get(node))
            self.functions[node] = self._layer(k, name)
        images = {value.name for value in qm.model.graph.inputs}
        roots = own_roots(qm, twin, set(twin.grids.values()) - {name or "" for name in images})
        self.roots = {root: f"grid{k}" for k, root in enumerate(roots)}
        for root, key in self.roots.items():
            spec = qm.plan.owned[root]
            self.grids[key] = GridVariable(roots[root], offset=not spec.symmetric, power_of_two=spec.power_of_two)
        self.to(image.device)
        self.functions |= _known(network, qm)
        for node, tensor in twin.grids.items():
            if (found := qm.plan.root(tensor)) in self.roots:
                self.functions[node] = self.grids[self.roots[found]]
        self.biases = {name: bias.to(image.device) for name, bias in self.biases.items()}

    def _add_bias(self, k: int, name: str, output: torch.Tensor | None) -> None:
        bias, twin = constant(bias_of(self.nodes[name])), self.network.twin
        convolves = twin.kinds[twin.layers[name]] == "Conv" and name in self.qm.plan.integer
        if output is None or (bias is None and not convolves):
            return
        channels = output.shape[channel_axis(output.dim())]
        self.biases[name] = torch.zeros(channels) if bias is None else aligned(np.asarray(bias, np.float32))
        self.shifts[str(k)] = nn.Parameter(torch.zeros(self.biases[name].shape))
        self.sizes[name] = output.std().clamp(min=1e-9)

    def _layer(self, k: int, name: str) -> Function:
        layer = self.network.twin.layer(self.network.twin.layers[name])
        weight = constant(weight_of(self.nodes[name]))
        form = torch.channels_last if weight is not None and weight.ndim == FOUR else torch.contiguous_format
        return lambda data: layer.function(data, self.weights[k]().contiguous(memory_format=form), self.bias(k, name))

    def bias(self, k: int, name: str) -> torch.Tensor | None:
        """The bias of a layer as it is now."""
        if str(k) not in self.shifts:
            return None
        bias = self.biases[name] + self.sizes[name] * self.shifts[str(k)]
        return bias * self.widened.get(name, 1.0) + self.matched.get(name, 0.0)

    def has_steps_of_channels(self, name: str, channels: int) -> bool:
        """Whether each output channel of a layer has a step of its own, of any size, and a number of the bias."""
        real = not self.qm.plan.weights[name].power_of_two
        return real and self.qm.weights[name].scale.shape == (channels,) == tuple(self.biases[name].shape)

    def dropping(self, drop: float, random: torch.Generator) -> Mapping[fx.Node, Function]:
        """The functions of its nodes, each number of an activation left unrounded with a probability (QDrop).

        Args:
            drop: the probability.
            random: draws.
        """
        if drop <= 0:
            return self.functions
        kinds = (GridVariable, KnownGrid)
        grids = {node: one for node in self.network.twin.grids if isinstance(one := self.functions[node], kinds)}
        dropped = Dropped(drop, random)

        def mixed(grid: Function) -> Function:
            return lambda data: grid(data, dropped.kept(data))

        return {**self.functions, **{node: mixed(grid) for node, grid in grids.items()}}

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """The variables by kind."""
        weights = [one.moved for one in self.weights]
        steps = [*(one.stretched for one in self.weights), *self.grids.parameters()]
        return {WEIGHTS: weights, STEPS: steps, BIASES: list(self.shifts.values())}

    def model(self, capability: Capability) -> QuantModel:
        """What is learnt, as a model within the target's limits.

        Args:
            capability: the target's facts.
        """
        params = {root: self.grids[key].found() for root, key in self.roots.items()}
        qm = replace(self.qm, model=self.qm.model.clone(), params={**self.qm.params, **params})
        nodes = {node.name or "": node for node in qm.model.graph}
        for k, name in enumerate(self.names):
            with torch.no_grad():
                bias = self.bias(k, name)
            if bias is not None:
                replace_bias(nodes[name], np.array(bias.cpu().numpy(), np.float32))
        qm = with_learnt_books(qm, dict(zip(self.names, self.weights, strict=True)))
        limits, weights = weight_limits(qm, capability), dict[str, QuantParams]()
        for k, name in enumerate(self.names):
            real, grid = self.weights[k].found()
            if name in self.widened:
                wider = self.widened[name].cpu().numpy()
                real = real * wider.reshape(grid.spread(real.ndim)[0].shape)
                grid = replace(grid, scale=grid.scale * wider)
            least = limits[name].smallest_scale
            floor = least if grid.scale.ndim else least.max()
            weights[name] = replace(grid, scale=np.maximum(grid.scale, floor).astype(np.float32))
            replace_weight(nodes[name], dequantize(limits[name].project(quantize(real, weights[name])), weights[name]))
        return replace(qm, weights={**qm.weights, **weights})


def put(network: Network, qm: QuantModel) -> Mapping[fx.Node, Function]:
    """Gives the modules of the quantised net the numbers of a model; what its nodes then compute."""
    nodes, twin = {node.name or "": node for node in qm.model.graph}, network.twin
    for name, node in twin.layers.items():
        module = twin.layer(node)
        device = module.weight.device
        module.weight.data = aligned(np.asarray(constant(weight_of(nodes[name])), np.float32)).to(device)
        if module.weight_fake_quant is not None:
            module.weight_fake_quant.scale.copy_(aligned(qm.weights[name].scale))
        bias = constant(bias_of(nodes[name]))
        if bias is not None:
            found = aligned(np.asarray(bias, np.float32)).to(device)
            module.bias = nn.Parameter(found, requires_grad=False)
    grids = qm.activations
    for node, tensor in twin.grids.items():
        twin.grid(node).scale.copy_(aligned(grids[tensor].scale))
        twin.grid(node).zero_point.copy_(torch.from_numpy(np.array(grids[tensor].zero_point, np.int32)))
    return {**twin.rounded, **_known(network, qm)}


def _known(network: Network, qm: QuantModel) -> dict[fx.Node, Function]:
    """Grids of whole tensors that nobody learns: the same as the twin's own, and much faster."""
    grids = {node: qm.activations[tensor] for node, tensor in network.twin.grids.items()}
    return {
        node: KnownGrid(grid).to(network.twin.grid(node).scale.device)
        for node, grid in grids.items()
        if grid.axis is None
    }
