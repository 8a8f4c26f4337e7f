"""Channels matched: what their means still lack goes into the bias, and what they vary too little into the step.

BatchNorm is folded into these layers, so this takes the place of estimating its statistics anew after training. With r
and e what a channel of a layer gives in the quantised and in the float net, over images and places,

    a = std(e) / std(r)        W' = a W,  s' = a s  (the codes stay)        b' = a b + mean(e) - a mean(r)

where the step is the channel's own, and a = 1 elsewhere. A layer's error is that of its outputs when all layers before
it have been matched already, as in `refit`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import fx

from detquant.algorithms.finetune.smaller import seen
from detquant.algorithms.finetune.student import Student
from detquant.algorithms.reconstruction.twin import Function, Values, compute
from detquant.calibration.probes import channel_axis

FURTHEST = 1.25
"""A step is multiplied by this at most, and divided by it."""
LEAST = 1e-9


def match_channels(
    student: Student, functions: Mapping[fx.Node, Function], images: Sequence[torch.Tensor], *, steps: bool
) -> None:
    """Finds what the channels of a network lack.

    Args:
        student: the network; `Student.matched` and `Student.widened` are filled.
        functions: what the quantised net's nodes compute with the numbers that are to be matched.
        images: images that it is computed on, one each, all at once node after node.
        steps: whether steps are matched, too.
    """
    network, names = student.network, {node: name for name, node in student.network.twin.layers.items()}
    student.matched.clear()
    student.widened.clear()
    [given] = network.twin.inputs.values()
    rounded: list[Values] = [{given: image} for image in images]
    exact: list[Values] = [{given: image} for image in images]
    last = _last_readers(network.body)
    with torch.no_grad():
        for node in network.body:
            for nets, computed in ((rounded, functions), (exact, network.twin.exact)):
                for values in nets:
                    compute([node], values, computed)
            if (name := names.get(node)) in student.biases:
                wanted = [seen(network.shown, node, values[node]) for values in exact]
                _match(student, name, node, rounded, wanted, steps=steps)
            for one in [read for read in node.all_input_nodes if last[read] is node]:
                for values in (*rounded, *exact):
                    values.pop(one, None)


def _match(
    student: Student, name: str, node: fx.Node, rounded: Sequence[Values], exact: Sequence[torch.Tensor], *, steps: bool
) -> None:
    """Matches a layer, and what it has given on the images, to what the float net gives."""
    (mean, deviation), (wanted, spread) = _moments([values[node] for values in rounded]), _moments(exact)
    factor = torch.ones_like(mean)
    if steps and student.has_steps_of_channels(name, len(mean)):
        known = (deviation > LEAST) & (spread > LEAST)
        ratio = torch.clamp(spread / deviation.clamp(min=LEAST), 1.0 / FURTHEST, FURTHEST)
        student.widened[name] = factor = torch.where(known, ratio, factor)
    lacking, shape = wanted - factor * mean, student.biases[name].shape
    student.matched[name] = lacking.reshape(shape) if lacking.numel() == shape.numel() else lacking.mean()
    for values in rounded:
        data = values[node]
        form = [-1 if k == channel_axis(data.dim()) else 1 for k in range(data.dim())]
        values[node] = data * factor.reshape(form) + lacking.reshape(form)


def _moments(images: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation of each channel over images and places."""
    axes = [k for k in range(images[0].dim()) if k != channel_axis(images[0].dim())]
    mean = torch.stack([data.mean(dim=axes) for data in images]).mean(0)
    square = torch.stack([data.square().mean(dim=axes) for data in images]).mean(0)
    return mean, (square - mean.square()).clamp(min=0).sqrt()


def _last_readers(nodes: Sequence[fx.Node]) -> dict[fx.Node, fx.Node]:
    """The last node that reads each."""
    return {read: node for node in nodes for read in node.all_input_nodes}
