"""What the heads lose with each channel, by gradients: Taylor expansion about the network as it is.

Molchanov et al. 2019, Importance Estimation for Neural Network Pruning, eq. 8: the change of a loss when a channel is
made 0 is about (sum over positions of activation times gradient)^2. There are no labels here, and what the heads give
is itself what is wanted, so the gradient of any distance to it is 0. Its curvature is not: with J the derivative of the
heads' outputs by a channel's activations a,

    |heads without the channel - heads|^2  ~  |J a|^2  =  E over v of (sum over positions of a J^T v)^2,

v of independent numbers of variance 1 in place of the loss's gradient at the heads. Outputs of a head count as shares
of its variance, so that boxes do not drown scores. Of channels that go together costs are added; a depthwise layer only
passes on what has been counted.

The gradient is torch's, on the float graph as a module; this file imports it, and the step does so when it is asked.
"""

from __future__ import annotations

# torch is untyped where it is not installed, and its modules are made to be subclassed
# mypy: allow-subclassing-any
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from torch import fx

from detquant.algorithms._base import Context
from detquant.calibration import Images
from detquant.errors import UnsupportedOperator
from detquant.fake_quant.module import OPERATOR, TENSOR, as_module
from detquant.graph.channels import Channels
from detquant.graph.decode_tail import find_decode_tail
from detquant.graph.taps import with_taps_only
from detquant.numerics.arrays import Doubles

IMAGES, PROBES = 32, 2
"""Images that are looked at, and how many v are drawn for each."""


def taylor_costs(
    model: ir.Model, channels: Channels, images: Images, context: Context, *, seed: int
) -> dict[int, float]:
    """What each channel costs with all that go with it, as a share of the heads' variance.

    Args:
        model: float graph.
        channels: of it.
        images: calibration images.
        context: who is told how far it is.
        seed: of the numbers that are drawn.

    Raises:
        UnsupportedOperator: an operator before the heads has no counterpart in torch.
    """
    heads = [node.outputs[0].name or "" for node in find_decode_tail(model.graph).head_convs]
    try:
        module = as_module(with_taps_only(model, heads))
    except UnsupportedOperator as error:
        raise UnsupportedOperator(
            f"The step 'prune' finds the criterion 'taylor' by gradients in PyTorch. {error} Or give another criterion."
        ) from error
    module.requires_grad_(False)
    layers = [name for name, layer in channels.layers.items() if layer.makes.size and not layer.depthwise]
    random, costs = torch.Generator().manual_seed(seed), dict[int, float]()
    some = images.part(range(min(IMAGES, len(images))))
    for done, feed in enumerate(some, 1):
        kept = _Kept(module, layers)
        given = [torch.from_numpy(np.array(feed[name])) for name in _inputs(module)]
        outputs = kept.run(*given)
        for _ in range(PROBES):
            for name, changes in _changes(kept, outputs, random).items():
                roots = channels.roots(channels.layers[name].makes).tolist()
                for root, change in zip(roots, np.square(changes).tolist(), strict=True):
                    costs[root] = costs.get(root, 0.0) + change / (len(some) * PROBES)
        context.tick("looking at gradients", done, len(some))
    return costs


def _inputs(module: fx.GraphModule) -> list[str]:
    return [str(node.meta[TENSOR]) for node in module.graph.nodes if node.op == "placeholder"]


def _changes(kept: _Kept, outputs: Sequence[torch.Tensor], random: torch.Generator) -> Mapping[str, Doubles]:
    """Sums over positions of activation times gradient, for one v: by layer, ``[channels]``."""
    drawn = [torch.randn(y.shape, generator=random) / (y.detach().std() + 1e-12) / y.numel() ** 0.5 for y in outputs]
    names = list(kept.activations)
    grads = torch.autograd.grad(
        list(outputs), [kept.activations[name] for name in names], drawn, retain_graph=True, allow_unused=True
    )
    found = dict[str, Doubles]()
    for name, grad in zip(names, grads, strict=True):
        if grad is not None:
            product = (kept.activations[name].detach() * grad).movedim(kept.axis(name), 0)
            found[name] = np.asarray(product.reshape(len(product), -1).sum(dim=1).numpy(), np.float64)
    return found


class _Kept(fx.Interpreter):
    """A run that keeps what layers give, with a gradient."""

    def __init__(self, module: fx.GraphModule, layers: Sequence[str]) -> None:
        super().__init__(module)
        self._layers, self.activations = frozenset(layers), dict[str, torch.Tensor]()

    def run_node(self, n: fx.Node) -> Any:
        """A layer's output becomes a variable."""
        found = super().run_node(n)
        name = str(n.meta.get(OPERATOR))
        if name in self._layers:
            found = found if found.requires_grad else found.requires_grad_()
            self.activations[name] = found
        return found

    def axis(self, name: str) -> int:
        """The axis of a layer's channels: behind the batch of a map, the last of a matrix."""
        return 1 if self.activations[name].dim() > 2 else -1
