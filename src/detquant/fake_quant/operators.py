"""ONNX operators as functions of torch tensors: one row an operator.

A row is made from a node into a function of the tensors that the node reads; inputs that say how (a shape, axes,
bounds) are taken from the graph beforehand. Layers are not here: they own weights, see `layers`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from torch.nn import functional as F

from detquant.fake_quant.site import Site
from detquant.graph.values import static_shape
from detquant.graph.window import Window

Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Operator:
    """How a node becomes a function.

    Attributes:
        build: makes it.
        static: places of the inputs that are read beforehand.
    """

    build: Callable[[Site], Function]
    static: tuple[int, ...] = ()


def _plain(function: Function) -> Operator:
    return Operator(lambda site: function)


def _softmax(site: Site) -> Function:
    return partial(torch.softmax, dim=site.integer("axis", -1))


def _concat(site: Site) -> Function:
    axis = site.integer("axis", 0)
    return lambda *parts: torch.cat(parts, dim=axis)


def _clip(site: Site) -> Function:
    low, high = (None if (bound := site.static(place)) is None else float(bound.reshape(())) for place in (1, 2))
    return partial(torch.clamp, min=low, max=high)


def _reshape(site: Site) -> Function:
    """The shape of one image; where it stays the first axis, any number of them beside each other."""
    shape, one = site.gives(), 1
    if shape[:1] == site.shape()[:1] == (one,):
        shape = (-1, *shape[1:])
    return partial(torch.reshape, shape=shape)


def _transpose(site: Site) -> Function:
    axes = site.numbers(len(site.node.inputs), "perm") or list(range(len(site.shape())))[::-1]
    return partial(torch.permute, dims=axes)


def _slice(site: Site) -> Function:
    shape = site.shape()
    starts, ends = site.numbers(1) or [], site.numbers(2) or []
    axes = site.numbers(3) or list(range(len(starts)))
    steps = site.numbers(4) or [1] * len(starts)
    if min(steps) < 1:
        raise site.refused("it walks backwards")
    whole = [slice(None)] * len(shape)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        whole[axis] = slice(*slice(start, end).indices(shape[axis])[:2], step)
    place = tuple(whole)
    return lambda data: data[place]


def _split(site: Site) -> Function:
    axis = site.integer("axis", 0)
    sizes = [(static_shape(out) or ())[axis] for out in site.node.outputs]
    return partial(torch.split, split_size_or_sections=sizes, dim=axis)


def _gather(site: Site) -> Function:
    axis, indices = site.integer("axis", 0), site.static(1)
    assert indices is not None, "Gather has two inputs"
    axis, size = axis % len(site.shape()), site.shape()[axis]
    if indices.ndim == 0:
        return partial(torch.select, dim=axis, index=int(indices) % size)
    if indices.ndim > 1:
        raise site.refused("its indices have more than one axis")
    wanted = [int(index) % size for index in indices]
    return lambda data: torch.index_select(data, axis, torch.tensor(wanted, device=data.device))


def _pad(site: Site) -> Function:
    pads, axes = site.numbers(1) or [], site.numbers(3)
    rank, kind = len(site.shape()), site.text("mode", "constant")
    axes = [axis % rank for axis in axes] if axes else list(range(rank))
    before, after = dict(zip(axes, pads, strict=False)), dict(zip(axes, pads[len(axes) :], strict=False))
    backwards = [n for axis in reversed(range(rank)) for n in (before.get(axis, 0), after.get(axis, 0))]
    if kind == "constant":
        fill = site.static(2)
        return partial(F.pad, pad=backwards, value=0.0 if fill is None else float(fill.reshape(())))
    if kind not in ("reflect", "edge") or rank != 4 or any(backwards[4:]):
        raise site.refused(f"mode '{kind}' over these axes has no counterpart")
    return partial(F.pad, pad=backwards[:4], mode={"edge": "replicate"}.get(kind, kind))


def _reduce(function: Function, site: Site) -> Function:
    axes, keep = site.numbers(1, "axes"), bool(site.integer("keepdims", 1))
    return partial(function, dim=axes or list(range(len(site.shape()))), keepdim=keep)


def _resize(site: Site) -> Function:
    size, mode = site.gives()[2:], site.text("mode", "nearest")
    how = site.text("coordinate_transformation_mode", "half_pixel")
    if len(size) != 2 or site.gives()[:2] != site.shape()[:2]:
        raise site.refused("it resizes other axes than height and width")
    if mode == "nearest" and how == "asymmetric" and site.text("nearest_mode", "round_prefer_floor") == "floor":
        return partial(F.interpolate, size=size, mode="nearest")
    if mode == "linear" and how in ("half_pixel", "pytorch_half_pixel", "align_corners"):
        return partial(F.interpolate, size=size, mode="bilinear", align_corners=how == "align_corners")
    if mode == "nearest" and all(out % into == 0 for out, into in zip(size, site.shape()[2:], strict=True)):
        return partial(F.interpolate, size=size, mode="nearest")  # by whole factors all rules agree
    raise site.refused(f"mode '{mode}' with '{how}' has no counterpart")


def border(window: Window) -> list[int]:
    """The pads of a window in torch's order: the last axis first."""
    rows, columns = window.pads
    return [*columns, *rows]


def _window(site: Site) -> Window:
    kernel = [int(side) for side in site.node.attributes.get_ints("kernel_shape", ())]
    return site.window(kernel)


def _max_pool(site: Site) -> Function:
    window = _window(site)
    if len(site.node.outputs) > 1:
        raise site.refused("it gives the places of its maxima")
    pad = partial(F.pad, pad=border(window), value=float("-inf"))
    pool = partial(F.max_pool2d, kernel_size=window.kernel, stride=window.strides, dilation=window.dilations)
    return lambda data: pool(pad(data)) if any(border(window)) else pool(data)


def _average_pool(site: Site) -> Function:
    window = _window(site)
    if max(window.dilations) > 1:
        raise site.refused("it is dilated")
    pads, counts = border(window), bool(site.integer("count_include_pad", 0))
    pool = partial(F.avg_pool2d, kernel_size=window.kernel, stride=window.strides)

    def average(data: torch.Tensor) -> torch.Tensor:
        if not any(pads):
            return pool(data)
        mean = pool(F.pad(data, pads))
        return mean if counts else mean / pool(F.pad(torch.ones_like(data[:, :1]), pads))

    return average


def _arg_max(site: Site) -> Function:
    if site.integer("select_last_index", 0):
        raise site.refused("it wants the last of equals")
    return partial(torch.argmax, dim=site.integer("axis", 0), keepdim=bool(site.integer("keepdims", 1)))


def _batch_norm(site: Site) -> Function:
    epsilon = site.real("epsilon", 1e-5)
    return lambda data, scale, bias, mean, variance: F.batch_norm(data, mean, variance, scale, bias, eps=epsilon)


def _local_response(site: Site) -> Function:
    alpha, beta, k = site.real("alpha", 1e-4), site.real("beta", 0.75), site.real("bias", 1.0)
    return partial(F.local_response_norm, size=site.integer("size", 1), alpha=alpha, beta=beta, k=k)


def _tile(site: Site) -> Function:
    return partial(torch.tile, dims=site.numbers(1) or [])


def _cast(site: Site) -> Function:
    kind = ir.DataType(site.integer("to", 1))
    return partial(torch.Tensor.to, dtype=torch.from_numpy(np.zeros(1, kind.numpy())).dtype)


AXES = (1,)
OPERATORS: Mapping[str, Operator] = {
    "Abs": _plain(torch.abs),
    "Add": _plain(torch.add),
    "ArgMax": Operator(_arg_max),
    "AveragePool": Operator(_average_pool),
    "BatchNormalization": Operator(_batch_norm),
    "Cast": Operator(_cast),
    "Ceil": _plain(torch.ceil),
    "Clip": Operator(_clip, (1, 2)),
    "Concat": Operator(_concat),
    "Div": _plain(torch.div),
    "Elu": Operator(lambda site: partial(F.elu, alpha=site.real("alpha", 1.0))),
    "Erf": _plain(torch.erf),
    "Exp": _plain(torch.exp),
    "Expand": Operator(lambda site: partial(torch.broadcast_to, size=site.gives()), (1,)),
    "Flatten": Operator(_reshape),
    "Floor": _plain(torch.floor),
    "Gelu": Operator(lambda site: partial(F.gelu, approximate=site.text("approximate", "none"))),
    "Gather": Operator(_gather, (1,)),
    "GlobalAveragePool": _plain(partial(torch.mean, dim=(2, 3), keepdim=True)),
    "GlobalMaxPool": _plain(partial(torch.amax, dim=(2, 3), keepdim=True)),
    "HardSigmoid": Operator(
        lambda site: lambda x: torch.clamp(site.real("alpha", 0.2) * x + site.real("beta", 0.5), 0.0, 1.0)
    ),
    "HardSwish": _plain(F.hardswish),
    "Identity": _plain(lambda data: data),
    "LeakyRelu": Operator(lambda site: partial(F.leaky_relu, negative_slope=site.real("alpha", 0.01))),
    "LRN": Operator(_local_response),
    "Log": _plain(torch.log),
    "MatMul": _plain(torch.matmul),
    "Max": _plain(torch.maximum),
    "MaxPool": Operator(_max_pool),
    "Min": _plain(torch.minimum),
    "Mish": _plain(F.mish),
    "Mul": _plain(torch.mul),
    "Neg": _plain(torch.neg),
    "PRelu": _plain(lambda data, slope: torch.where(data < 0, data * slope, data)),
    "Pad": Operator(_pad, (1, 2, 3)),
    "Pow": _plain(torch.pow),
    "Reciprocal": _plain(torch.reciprocal),
    "ReduceMax": Operator(partial(_reduce, torch.amax), AXES),
    "ReduceMean": Operator(partial(_reduce, torch.mean), AXES),
    "ReduceMin": Operator(partial(_reduce, torch.amin), AXES),
    "ReduceSum": Operator(partial(_reduce, torch.sum), AXES),
    "Relu": _plain(torch.relu),
    "Reshape": Operator(_reshape, (1,)),
    "Resize": Operator(_resize, (1, 2, 3)),
    "Round": _plain(torch.round),
    "Sigmoid": _plain(torch.sigmoid),
    "Slice": Operator(_slice, (1, 2, 3, 4)),
    "Softmax": Operator(_softmax),
    "Softplus": _plain(F.softplus),
    "Split": Operator(_split, (1,)),
    "Sqrt": _plain(torch.sqrt),
    "Squeeze": Operator(_reshape, (1,)),
    "Sub": _plain(torch.sub),
    "Tanh": _plain(torch.tanh),
    "Tile": Operator(_tile, (1,)),
    "Transpose": Operator(_transpose),
    "Unsqueeze": Operator(_reshape, (1,)),
    "Where": _plain(torch.where),
}
