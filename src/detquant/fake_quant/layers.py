"""Operators with a weight as functions of data, weight and bias."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch.nn import functional as F

from detquant.fake_quant.operators import Function, border
from detquant.fake_quant.site import Site

Shape = tuple[int, ...]
Build = Callable[[Site, Shape], Function]
"""Makes the function of an operator from its node and the shape of its weight."""


def _convolution(site: Site, weight: Shape) -> Function:
    window, groups = site.window(weight[2:]), site.integer("group", 1)
    pads = border(window)
    left, right, top, bottom = pads
    even = left == right and top == bottom

    def convolve(data: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        padded = data if even else F.pad(data, pads)
        around = (top, left) if even else (0, 0)
        return F.conv2d(padded, weight, bias, window.strides, around, window.dilations, groups)

    return convolve


def _transposed(site: Site, weight: Shape) -> Function:
    if site.text("auto_pad", "NOTSET") != "NOTSET" or len(weight) != 4:
        raise site.refused("only pads given by numbers, over height and width, have a counterpart")
    attributes, (rows, columns) = site.node.attributes, site.gives()[2:]
    two = {name: list(attributes.get_ints(name, default)) for name, default in TWO.items()}
    top, left = list(attributes.get_ints("pads", (0, 0, 0, 0)))[:2]
    groups = site.integer("group", 1)

    def spread(data: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        more, stride, dilation = two["output_padding"], two["strides"], two["dilations"]
        whole = F.conv_transpose2d(data, weight, bias, stride, 0, more, groups, dilation)
        return whole[:, :, top : top + rows, left : left + columns]

    return spread


TWO = {"strides": (1, 1), "dilations": (1, 1), "output_padding": (0, 0)}


def _gemm(site: Site, weight: Shape) -> Function:
    turned, weight_turned = bool(site.integer("transA", 0)), bool(site.integer("transB", 0))
    alpha, beta = site.real("alpha", 1.0), site.real("beta", 1.0)
    plain = weight_turned and not turned and alpha == beta == 1.0

    def multiply(data: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        if plain and (bias is None or bias.shape == weight.shape[:1]):
            return F.linear(data, weight, bias)  # a program that is exported again has one layer in its place
        product = (data.t() if turned else data) @ (weight.t() if weight_turned else weight) * alpha
        return product if bias is None else product + bias * beta

    return multiply


def _matmul(site: Site, weight: Shape) -> Function:
    return lambda data, weight, bias: torch.matmul(data, weight)


LAYERS: Mapping[str, Build] = {
    "Conv": _convolution,
    "ConvTranspose": _transposed,
    "Gemm": _gemm,
    "MatMul": _matmul,
}
