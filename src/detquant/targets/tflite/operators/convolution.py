"""Conv and ConvTranspose.

Weights are ``[out, in / groups, kh, kw]`` in ONNX and ``[out, kh, kw, in / groups]`` in TFLite; those of a depthwise
convolution ``[1, kh, kw, out]``. Padding that is not TFLite's own becomes a PAD, which pads codes with their zero
point, hence with zero; XNNPACK takes it into the convolution.
"""

from __future__ import annotations

from detquant.targets.tflite import parameters
from detquant.targets.tflite.file import Options, Tensor
from detquant.targets.tflite.layout import Order, channels_last
from detquant.targets.tflite.operators.window import Window, window_of
from detquant.targets.tflite.site import Site


def conv(site: Site) -> None:
    """Lowers Conv to CONV_2D or DEPTHWISE_CONV_2D."""
    shape, out, weight = site.shape(), site.out_shape(), site.shape(1)
    window = window_of(site, weight[2:], shape, out)
    order = _order(site, window)
    x = padded(site, site.read(0, order), window)
    padding = site.padding("VALID" if window.padding == "EXPLICIT" else window.padding)
    groups = site.attributes.get_int("group", 1)
    fields = {
        "padding": padding,
        "strideH": window.strides[0],
        "strideW": window.strides[1],
        "dilationHFactor": window.dilations[0],
        "dilationWFactor": window.dilations[1],
        "fusedActivationFunction": site.fused(),
    }
    if groups == shape[1] and groups > 1:
        taps = parameters.weight(site, 1, (1, 2, 3, 0), by_channel=True)
        options = Options("DepthwiseConv2D", {**fields, "depthMultiplier": out[1] // groups})
        dilated = "dilated" if max(window.dilations) > 1 and not site.codes else None
        special = "dynamic" if site.dynamic else dilated
        name = "DEPTHWISE_CONV_2D"
    else:
        taps = parameters.weight(site, 1, (0, 2, 3, 1))
        if groups > 1 and site.dynamic:
            raise site.unsupported("has groups and is to round its input as it runs")
        special = "grouped" if groups > 1 else "dynamic" if site.dynamic else None
        options, name = Options("Conv2D", fields), "CONV_2D"
    bias = parameters.bias(site, 2, out[1], taps)
    site.add(name, [x, taps, bias], [site.result(order)], options, special)


def conv_transpose(site: Site) -> None:
    """Lowers ConvTranspose to TRANSPOSE_CONV without padding, and a SLICE that takes ONNX's padding off the result.

    Groups, dilations and paddings that the runtime would work out are gone, see `detquant.graph.dense_transpose`. What
    ``output_padding`` adds behind the last place that the kernel reaches is the bias, in both.
    """
    shape, out, weight = site.shape(), site.out_shape(), site.shape(1)
    words = site.attributes
    if len(shape) != 4 or words.get_int("group", 1) != 1 or max(words.get_ints("dilations", (1, 1))) > 1:
        raise site.unsupported("has groups or dilations and a weight that is computed, or other than two axes")
    strides, top, left = words.get_ints("strides", (1, 1)), *words.get_ints("pads", (0, 0, 0, 0))[:2]
    reach = [(size - 1) * s + k for size, s, k in zip(shape[2:], strides, weight[2:], strict=True)]
    full = [max(size, start + end) for size, start, end in zip(reach, (top, left), out[2:], strict=True)]
    if any(size - inner >= step for size, inner, step in zip(full, reach, strides, strict=True)):
        raise site.unsupported("pads its output by a stride or more beyond what its kernel reaches")
    order = channels_last(4)
    taps = parameters.weight(site, 1, (1, 2, 3, 0))
    bias = parameters.bias(site, 2, out[1], taps)
    whole = [1, full[0], full[1], out[1]]
    x = site.read(0, order)
    result = site.result(order)
    cut = whole != [1, out[2], out[3], out[1]]
    raw = site.inside("whole", whole, result) if cut else result
    fields = {"padding": site.padding("VALID"), "strideH": int(strides[0]), "strideW": int(strides[1])}
    site.add("TRANSPOSE_CONV", [site.ints("shape", whole), taps, x, bias], [raw], Options("TransposeConv", fields))
    if cut:
        begin, size = site.ints("begin", [0, top, left, 0]), site.ints("size", result.shape)
        site.add("SLICE", [raw, begin, size], [result], Options("Slice", {}))


def padded(site: Site, x: Tensor, window: Window) -> Tensor:
    """The map with zeros around it, where the window asks for other ones than TFLite's kernels put there."""
    if window.padding != "EXPLICIT":
        return x
    (top, bottom), (left, right) = window.pads
    n, h, w, c = x.shape
    made = site.inside("padded", [n, h + top + bottom, w + left + right, c], x)
    sides = site.ints("pads", [[0, 0], [top, bottom], [left, right], [0, 0]])
    site.add("PAD", [x, sides], [made], Options("Pad", {}))
    return made


def _order(site: Site, window: Window) -> Order:
    """Channels last; a 1x1 convolution takes the places in any order, so they stay where they are."""
    order = site.order()
    point = window.kernel == window.strides == (1, 1) and window.padding == "VALID"
    return order if point and order[0] == 0 and order[-1] == 1 else channels_last(4)
