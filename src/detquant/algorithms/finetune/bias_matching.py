"""Biases matched: what of the mean of each channel is still missing goes into the bias, layer after layer.

BatchNorm is folded into these layers, so this takes the place of estimating its means anew after training. A layer's
error is that of its outputs when all layers before it have been matched already, as in `refit`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import fx

from detquant.algorithms.finetune.smaller import seen
from detquant.algorithms.finetune.student import Student
from detquant.algorithms.reconstruction.twin import Values, compute
from detquant.calibration.probes import channel_axis


def match_biases(student: Student, images: Sequence[torch.Tensor]) -> None:
    """Finds what the biases of a network lack; its quantised modules have the numbers that are to be matched.

    Args:
        student: the network; `Student.matched` is filled.
        images: images that it is computed on, one each, all at once node after node.
    """
    network, names = student.network, {node: name for name, node in student.network.twin.layers.items()}
    [given] = network.twin.inputs.values()
    rounded: list[Values] = [{given: image} for image in images]
    exact: list[Values] = [{given: image} for image in images]
    last = _last_readers(network.body)
    with torch.no_grad():
        for node in network.body:
            for nets, functions in ((rounded, network.twin.rounded), (exact, network.twin.exact)):
                for values in nets:
                    compute([node], values, functions)
            name = names.get(node)
            if name in student.biases:
                lacking = torch.stack(
                    [_means(seen(network.shown, node, e[node]) - r[node]) for e, r in zip(exact, rounded, strict=True)]
                ).mean(0)
                shape = student.biases[name].shape
                student.matched[name] = lacking.reshape(shape) if lacking.numel() == shape.numel() else lacking.mean()
                for values in rounded:
                    axis = channel_axis(values[node].dim())
                    values[node] = values[node] + lacking.reshape(
                        [-1 if k == axis else 1 for k in range(values[node].dim())]
                    )
            for one in [read for read in node.all_input_nodes if last[read] is node]:
                for values in (*rounded, *exact):
                    values.pop(one, None)


def _means(data: torch.Tensor) -> torch.Tensor:
    axis = channel_axis(data.dim())
    return data.mean(dim=[k for k in range(data.dim()) if k != axis])


def _last_readers(nodes: Sequence[fx.Node]) -> dict[fx.Node, fx.Node]:
    """The last node that reads each."""
    return {read: node for node in nodes for read in node.all_input_nodes}
