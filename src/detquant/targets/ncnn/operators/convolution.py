"""Conv and ConvTranspose.

Weights lie as ONNX has them, ``[out, in / groups, kh, kw]``; those of a Deconvolution likewise, so ONNX's
``[in, out / groups, kh, kw]`` is turned within each group.

A ConvolutionDepthWise on codes has one scale a group: where a group has several output channels, each group is a
Convolution of its own, behind a Slice and before a Concat.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detquant.graph.window import Window, window_of
from detquant.numerics.arrays import Array
from detquant.targets.ncnn.integer import WRITES, Integer, integer
from detquant.targets.ncnn.param_file import Parameters, bare
from detquant.targets.ncnn.site import Site
from detquant.targets.ncnn.winograd import mask_of


def conv(site: Site) -> None:
    """Lowers Conv to Convolution or ConvolutionDepthWise."""
    weight, out = _weight(site), site.out_shape()
    window, groups = _window(site, weight, out), site.attributes.get_int("group", 1)
    found = integer(site, out[1])
    if found is None:
        content = site.weights(np.asarray(weight, np.float32)) + _bias(site, out[1])
        parameters = {**_parameters(window, out[1], weight.size), **_groups(groups), **_activation(site)}
        site.add(_kind(groups), [site.read()], [site.result()], parameters, content)
    elif groups == 1 or weight.shape[:2] == (groups, 1):
        term = (2 if groups == 1 else 1) + WRITES * (site.written is not None)
        parameters = {**_parameters(window, out[1], weight.size), **_groups(groups), 8: term, **_activation(site)}
        content = site.weights(found.weight) + _bias(site, out[1]) + found.tail(site)
        mask = mask_of(found.weight) if groups == 1 else 0
        site.add(_kind(groups), [found.read(site)], [site.result()], parameters, content, mask)
    else:
        _by_group(site, found, window, groups)


def _by_group(site: Site, found: Integer, window: Window, groups: int) -> None:
    """A Convolution on codes for each group."""
    x, (channels, height, width) = found.read(site), site.out_shape()[1:]
    each, inner = channels // groups, x.shape[0] // groups
    parts = [site.inside(f"in{k}", (inner, *x.shape[1:])) for k in range(groups)]
    made = [site.inside(f"out{k}", (each, height, width)) for k in range(groups)]
    site.add("Slice", [x], parts, {0: (inner,) * groups, 1: 0})
    biases = np.frombuffer(_bias(site, channels), "<f4")
    for k, (part, result) in enumerate(zip(parts, made, strict=True)):
        mine = slice(k * each, (k + 1) * each)
        codes = found.weight[mine]
        one = Integer(codes, found.scales[mine], found.scale, found.source)
        parameters = {**_parameters(window, each, codes.size), 8: 2, **_activation(site)}
        content = site.weights(codes) + bare(biases[mine]) + one.tail(site)
        site.add("Convolution", [part], [result], parameters, content, mask_of(codes))
    site.add("Concat", made, [site.result()], {0: 0})


def conv_transpose(site: Site) -> None:
    """Lowers ConvTranspose to Deconvolution or DeconvolutionDepthWise; pads are what the sizes make them."""
    weight, out, shape, words = _weight(site), site.out_shape(), site.shape(), site.attributes
    if len(shape) != 4:
        raise site.unsupported(f"has {len(shape) - 2} axes of places instead of 2")
    groups = words.get_int("group", 1)
    strides, dilations = words.get_ints("strides", (1, 1)), words.get_ints("dilations", (1, 1))
    more = words.get_ints("output_padding", (0, 0))
    tops = _tops(site, shape, out, weight.shape[2:], more)
    lasts = [
        (size - 1) * stride + (k - 1) * d + 1 + extra - first - made
        for size, stride, k, d, extra, first, made in zip(
            shape[2:], strides, weight.shape[2:], dilations, more, tops, out[2:], strict=True
        )
    ]
    if min(lasts) < 0:
        raise site.unsupported("pads its output beyond what its kernel reaches")
    inputs, each = weight.shape[:2]
    turned = weight.reshape(groups, inputs // groups, each, *weight.shape[2:]).swapaxes(1, 2)
    window = Window(
        (weight.shape[2], weight.shape[3]),
        (strides[0], strides[1]),
        (dilations[0], dilations[1]),
        ((tops[0], lasts[0]), (tops[1], lasts[1])),
    )
    parameters = {
        **_parameters(window, out[1], weight.size),
        **_groups(groups),
        **_activation(site),
        18: more[1],
        19: more[0],
    }
    kind = "Deconvolution" if groups == 1 else "DeconvolutionDepthWise"
    content = site.weights(np.asarray(turned, np.float32)) + _bias(site, out[1])
    site.add(kind, [site.read()], [site.result()], parameters, content)


def _tops(
    site: Site, shape: tuple[int, ...], out: tuple[int, ...], kernel: Sequence[int], more: Sequence[int]
) -> list[int]:
    """What is cut off at the top and at the left: as given, or as a rule has it (auto_pad, output_shape)."""
    words = site.attributes
    auto, wanted = words.get_string("auto_pad", "NOTSET"), words.get_ints("output_shape", ())
    if auto in ("NOTSET", "VALID") and not wanted:
        return list(words.get_ints("pads", (0, 0, 0, 0)))[:2] if auto == "NOTSET" else [0, 0]
    strides, dilations = words.get_ints("strides", (1, 1)), words.get_ints("dilations", (1, 1))
    totals = [
        max(0, (size - 1) * stride + extra + (k - 1) * d + 1 - made)
        for size, stride, extra, k, d, made in zip(shape[2:], strides, more, kernel, dilations, out[2:], strict=True)
    ]
    return [total // 2 if auto == "SAME_UPPER" else total - total // 2 for total in totals]


def _weight(site: Site) -> Array:
    known = site.constant(1)
    if known is None:
        raise site.unsupported("has weights that are computed")
    return known


def _window(site: Site, weight: Array, out: tuple[int, ...]) -> Window:
    try:
        return window_of(site.node, weight.shape[2:], site.shape(), out)
    except ValueError as error:
        raise site.unsupported(str(error)) from error


def _bias(site: Site, channels: int) -> bytes:
    known = site.constant(2) if site.has(2) else np.zeros(channels, np.float32)
    if known is None:
        raise site.unsupported("has a bias that is computed")
    return bare(np.asarray(known, np.float32).reshape(-1))


def _parameters(window: Window, channels: int, size: int) -> Parameters:
    (top, bottom), (left, right) = window.pads
    return {
        0: channels,
        1: window.kernel[1],
        11: window.kernel[0],
        2: window.dilations[1],
        12: window.dilations[0],
        3: window.strides[1],
        13: window.strides[0],
        4: left,
        15: right,
        14: top,
        16: bottom,
        5: 1,
        6: size,
    }


def _groups(groups: int) -> Parameters:
    return {7: groups} if groups > 1 else {}


def _kind(groups: int) -> str:
    return "Convolution" if groups == 1 else "ConvolutionDepthWise"


def _activation(site: Site) -> Parameters:
    return {} if site.fused is None else site.fused.told()
