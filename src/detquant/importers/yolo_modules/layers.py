"""Single layers: convolutions, normalisation, activations, pools, and what moves maps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from detquant.importers.yolo_modules.part import Graph, Map, Part

ALIGNED = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
MOST = 1 << 16
"""Channels of a map, at most."""


def conv2d(graph: Graph, part: Part, maps: list[Map]) -> Map:
    """A Conv2d of torch."""
    [x] = maps
    weight, bias = part.needed("weight"), part.tensor("bias")
    groups = part.whole("groups", 1, MOST, 1)
    part.expect("padding_mode", "zeros")
    stride, dilation = part.pair("stride", 1), part.pair("dilation", 1)
    pads = part.pair("padding")
    if weight.ndim != 4 or weight.shape[1] * groups != x.channels or weight.shape[0] % groups:
        raise part.wrong(f"does not take the {x.channels} channels that it is given")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise part.wrong("has a bias of another length than its channels")
    sides = [
        (size + 2 * pad - step * (kernel - 1) - 1) // move + 1
        for size, pad, step, kernel, move in zip(
            (x.height, x.width), pads, dilation, weight.shape[2:], stride, strict=True
        )
    ]
    stored = [graph.constant(part, weight, name="weight")]
    stored += [graph.constant(part, bias, name="bias")] if bias is not None else []
    shape = {"kernel_shape": list(weight.shape[2:]), "strides": list(stride), "pads": [*pads, *pads]}
    value = graph.add(part, "Conv", x.value, *stored, group=groups, dilations=list(dilation), **shape)
    return _sized(part, Map(value, weight.shape[0], *sides))


def batch_norm(graph: Graph, part: Part, maps: list[Map]) -> Map:
    """A BatchNorm2d of torch, as it is after training."""
    [x] = maps
    names = ("weight", "bias", "running_mean", "running_var")
    numbers = [part.needed(name) for name in names]
    eps = part.setting("eps")
    if any(one.shape != (x.channels,) for one in numbers) or not isinstance(eps, float) or not 0 < eps < 1:
        raise part.wrong(f"does not take the {x.channels} channels that it is given")
    stored = [graph.constant(part, one, name=name) for one, name in zip(numbers, names, strict=True)]
    return replace(x, value=graph.add(part, "BatchNormalization", x.value, *stored, epsilon=eps))


def conv(graph: Graph, part: Part, maps: list[Map]) -> Map:
    """Conv2d, BatchNorm2d where it was not folded, and an activation where there is one."""
    found = graph.run(part["conv"], *maps)
    found = graph.run(part["bn"], found) if part.has("bn") else found
    return graph.run(part["act"], found) if part.has("act") else found


def silu(graph: Graph, part: Part, maps: list[Map]) -> Map:
    """X sigmoid(x)."""
    [x] = maps
    return replace(x, value=graph.add(part, "Mul", x.value, graph.add(part, "Sigmoid", x.value)))


def leaky_relu(graph: Graph, part: Part, maps: list[Map]) -> Map:
    """The larger of x and a x."""
    [x] = maps
    slope = part.setting("negative_slope", 0.01)
    if not isinstance(slope, float) or not 0 <= slope <= 1:
        raise part.wrong("has a negative_slope that is no number from 0 to 1")
    return replace(x, value=graph.add(part, "LeakyRelu", x.value, alpha=slope))


def relu(graph: Graph, part: Part, maps: list[Map]) -> Map:
    """The larger of x and 0."""
    return replace(maps[0], value=graph.add(part, "Relu", maps[0].value))


def hard_swish(graph: Graph, part: Part, maps: list[Map]) -> Map:
    """X times the nearest of (x + 3) / 6 in 0 to 1."""
    return replace(maps[0], value=graph.add(part, "HardSwish", maps[0].value))


def identity(graph: Graph, part: Part, maps: list[Map]) -> Map:
    """What comes in."""
    return maps[0]


def sequential(graph: Graph, part: Part, maps: list[Map]) -> Map:
    """One after the other."""
    [x] = maps
    for child in part.children():
        x = graph.run(child, x)
    return x


def max_pool(graph: Graph, part: Part, maps: list[Map]) -> Map:
    """A MaxPool2d of torch."""
    [x] = maps
    kernel, pads = part.pair("kernel_size", 1), part.pair("padding")
    stride = kernel if part.setting("stride") is None else part.pair("stride", 1)
    part.expect("dilation", 1, (1, 1))
    part.expect("ceil_mode", False)
    sides = [(n + 2 * p - k) // s + 1 for n, p, k, s in zip((x.height, x.width), pads, kernel, stride, strict=True)]
    shape = {"kernel_shape": list(kernel), "strides": list(stride), "pads": [*pads, *pads]}
    return _sized(part, Map(graph.add(part, "MaxPool", x.value, **shape), x.channels, *sides))


def pool_of(graph: Graph, part: Part, maps: list[Map]) -> Map:
    """YOLOv7's MP and SP, which hold a MaxPool2d."""
    return graph.run(part["m"], *maps)


def upsample(graph: Graph, part: Part, maps: list[Map]) -> Map:
    """Each pixel some times in each direction."""
    [x] = maps
    part.expect("mode", "nearest")
    part.expect("size", None)
    factor = part.setting("scale_factor")
    if isinstance(factor, tuple) and len(set(factor)) == 1:
        [factor] = set(factor)
    if factor not in (2, 4) or isinstance(factor, bool):
        raise part.wrong("has a scale_factor other than 2 or 4")
    scales = graph.constant(part, [1, 1, factor, factor], name="scales")
    times = int(factor)
    value = graph.add(part, "Resize", x.value, None, scales, **ALIGNED)
    return _sized(part, Map(value, x.channels, x.height * times, x.width * times))


def concat(graph: Graph, part: Part, maps: list[Map]) -> Map:
    """Maps behind one another."""
    part.expect("d", 1)
    return graph.joined(part, maps)


def shortcut(graph: Graph, part: Part, maps: list[Map]) -> Map:
    """YOLOv7's sum of two maps."""
    return graph.summed(part, *maps)


def focus(graph: Graph, part: Part, maps: list[Map]) -> Map:
    """YOLOv5's first layer of old: every second pixel of every second row, four times, then a convolution."""
    [x] = maps
    if x.height % 2 or x.width % 2:
        raise part.wrong("halves a map of odd size")
    pieces = []
    for column, row in ((0, 0), (0, 1), (1, 0), (1, 1)):
        bounds = ([row, column], [x.height, x.width], [2, 3], [2, 2])
        whole = [graph.constant(part, one, np.int64) for one in bounds]
        value = graph.add(part, "Slice", x.value, *whole)
        pieces.append(Map(value, x.channels, x.height // 2, x.width // 2))
    return graph.run(part["conv"], graph.joined(part, pieces))


def _sized(part: Part, x: Map) -> Map:
    if not (0 < x.channels <= MOST and 0 < x.height < MOST and 0 < x.width < MOST):
        raise part.wrong("gives a map without pixels, or of absurd size")
    return x
