"""Darknet's layers as ONNX nodes: one function a section, in a table.

Each follows its `parse_*` and `make_*_layer` in AlexeyAB's darknet. Where a layer gives just what another gave
([dropout] at inference, [route] to one layer) there is no node.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx_ir as ir

from detquant.errors import nearest_name
from detquant.families.yolo_heads import YoloHeads
from detquant.importers.darknet.activations import activate
from detquant.importers.darknet.cfg import Section, shown
from detquant.importers.darknet.network import COLOURS, Network, empty_network, size_of
from detquant.importers.darknet.yolo import heads_of, read_yolo

# Inside the root, as in `fuse_conv_batchnorm`. OpenCV takes 1e-6: half a per cent on maps of small variance.
_EPSILON = 1e-5
_MOST_CHANNELS, _MOST_STEPS, _MOST_PIXELS = 1 << 16, 1 << 8, 1 << 14

# Options that change what a layer computes, with the only value that is taken; None: must not be there.
_PLAIN: dict[str, dict[str, str | None]] = {
    "convolutional": {
        **dict.fromkeys(("binary", "xnor", "antialiasing", "flipped", "deform", "sway", "rotate", "stretch"), "0"),
        **dict.fromkeys(("stretch_sway", "assisted_excitation", "dontload", "dontloadscales"), "0"),
        **dict.fromkeys(("stride_x", "stride_y", "share_index")),
        "dilation": "1",
    },
    "maxpool": {"maxpool_depth": "0", "antialiasing": "0", "stride_x": None, "stride_y": None},
    "shortcut": {"weights_type": "none"},
    "upsample": {"scale": "1"},
}

Layer = Callable[[Network, Section], ir.Value]


def build(sections: Sequence[Section]) -> tuple[Network, YoloHeads]:
    """Builds the graph, without the numbers of its parameters; sizes in the cfg cost no memory.

    Args:
        sections: sections of a cfg, [net] first.

    Returns:
        The network, and what its [yolo] sections say.

    Raises:
        UnsupportedOperator: a section, activation or option that is not known here.
        ModelError: what the cfg says makes no sense, or it has no [yolo].
    """
    net, *layers = sections
    network = _start(net)
    yolos = []
    for section in layers:
        _check_options(section)
        if section.name == "yolo":
            yolos.append(read_yolo(network, section))
            network.layers.append(network.last)
        else:
            network.layers.append(_layer(section)(network, section))
    return network, heads_of(yolos, net)


def _start(net: Section) -> Network:
    channels = net.integer("channels", COLOURS, 1, _MOST_CHANNELS)
    if channels != COLOURS:
        net.not_taken(f"channels={channels}: only nets of colour images (channels=3) are taken.")
    return empty_network(net.integer("height", None, 1, _MOST_PIXELS), net.integer("width", None, 1, _MOST_PIXELS))


def _check_options(section: Section) -> None:
    for key, only in _PLAIN.get(section.name, {}).items():
        value = section.text(key, only or "")
        if value not in (only or "", f"{only}.0", f"{only}."):
            remedy = f"only {key}={only} is" if only else "the option is not"
            section.not_taken(f"{key}={shown(value)}: {remedy} taken.", section.line_of(key))


def _layer(section: Section) -> Layer:
    if section.name not in LAYERS:
        near = nearest_name(section.name, (*LAYERS, "yolo"))
        hint = f"did you mean [{near}]? " if near else ""
        section.not_taken(f"the section is not known here: {hint}Known: {', '.join(sorted((*LAYERS, 'yolo')))}.")
    return LAYERS[section.name]


def convolutional(network: Network, section: Section) -> ir.Value:
    """Convolution, perhaps BatchNorm, and an activation."""
    channels, height, width = size_of(network.last)
    filters = section.integer("filters", 1, 1, _MOST_CHANNELS)
    kernel = section.integer("size", 1, 1, _MOST_STEPS)
    stride = section.integer("stride", 1, 1, _MOST_STEPS)
    groups = section.integer("groups", 1, 1, _MOST_CHANNELS)
    padding = section.integer("padding", 0, 0, _MOST_STEPS)
    if section.integer("pad", 0, 0, _MOST_STEPS):  # a switch: "same", whatever `padding` says
        padding = kernel // 2
    if channels % groups or filters % groups:
        section.refuse(f"groups={groups} does not divide its {channels} channels and {filters} filters.")
    normalise = section.integer("batch_normalize", 0, 0, 2) > 0  # 2 is about training
    bias = network.parameter("bias", (filters,))  # in the order of the file
    norm = [network.parameter(name, (filters,), name == "var") for name in ("gamma", "mean", "var") if normalise]
    weight = network.parameter("weight", (filters, channels // groups, kernel, kernel))
    size = (filters, (height + 2 * padding - kernel) // stride + 1, (width + 2 * padding - kernel) // stride + 1)
    inputs = [network.last, weight] if normalise else [network.last, weight, bias]
    steps = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [padding] * 4, "group": groups}
    value = network.add(section, "Conv", "conv", inputs, size, **steps)
    if normalise:
        gamma, mean, var = norm
        parts = [value, gamma, bias, mean, var]
        value = network.add(section, "BatchNormalization", "bn", parts, size, epsilon=_EPSILON)
    return activate(network, section, value, section.text("activation", "logistic"))


def maxpool(network: Network, section: Section) -> ir.Value:
    """Maximum over a window; Darknet pads by size - 1, half of it before and the rest behind."""
    channels, *sides = size_of(network.last)
    stride = section.integer("stride", 1, 1, _MOST_STEPS)
    kernel = section.integer("size", stride, 1, _MOST_STEPS)
    padding = section.integer("padding", kernel - 1, 0, kernel - 1)
    height, width = ((side + padding - kernel) // stride + 1 for side in sides)
    before = padding // 2
    # What no window reaches is left away: size 2, stride 2 on an even map then is a plain pooling.
    behind = [
        max(0, (out - 1) * stride + kernel - side - before) for out, side in zip((height, width), sides, strict=True)
    ]
    steps = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [before, before, *behind]}
    return network.add(section, "MaxPool", "maxpool", [network.last], (channels, height, width), **steps)


def upsample(network: Network, section: Section) -> ir.Value:
    """Makes a square of equal cells of each cell."""
    channels, height, width = size_of(network.last)
    stride = section.integer("stride", 2, 1, _MOST_STEPS)
    scales = network.constant("scales", np.array([1, 1, stride, stride], np.float32))
    size = (channels, height * stride, width * stride)
    how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return network.add(section, "Resize", "upsample", [network.last, None, scales], size, **how)


def route(network: Network, section: Section) -> ir.Value:
    """The channels of earlier layers one after the other; with groups, part `group_id` of each."""
    sources = _sources(network, section, "layers")
    groups = section.integer("groups", 1, 1, _MOST_CHANNELS)
    part = section.integer("group_id", 0, 0, groups - 1)
    if groups > 1:
        sources = [_part(network, section, source, index, groups, part) for index, source in enumerate(sources)]
    sizes = [size_of(source) for source in sources]
    if len({size[1:] for size in sizes}) > 1:
        maps = ", ".join("x".join(map(str, size[1:])) for size in sizes)
        section.refuse(f"it joins maps of {maps} cells; expected one size.", section.line_of("layers"))
    if len(sources) == 1:
        return sources[0]
    joined = (sum(size[0] for size in sizes), *sizes[0][1:])
    return network.add(section, "Concat", "concat", sources, joined, axis=1)


def _part(network: Network, section: Section, source: ir.Value, index: int, groups: int, part: int) -> ir.Value:
    channels, height, width = size_of(source)
    if channels % groups:
        section.refuse(f"groups={groups} does not divide the {channels} channels.", section.line_of("groups"))
    each = channels // groups
    bounds = {"starts": part * each, "ends": (part + 1) * each, "axes": 1}
    inputs = [network.constant(f"slice_{index}_{key}", np.array([at], np.int64)) for key, at in bounds.items()]
    return network.add(section, "Slice", f"slice_{index}", [source, *inputs], (each, height, width))


def shortcut(network: Network, section: Section) -> ir.Value:
    """The sum with earlier layers, and an activation."""
    value = network.last
    for index, other in enumerate(_sources(network, section, "from")):
        if size_of(other) != size_of(value):
            section.not_taken(
                f"it adds a map of {size_of(other)} to one of {size_of(value)} (channels, height, width): only equal "
                "sizes are taken.",
                section.line_of("from"),
            )
        value = network.add(section, "Add", f"add_{index}" if index else "add", [value, other], size_of(value))
    return activate(network, section, value, section.text("activation", "linear"))


def dropout(network: Network, section: Section) -> ir.Value:
    """Passes the map on: at inference Dropout does nothing, since Darknet scales while it trains."""
    return network.last


def _sources(network: Network, section: Section, key: str) -> list[ir.Value]:
    """The layers an option names: from 0, or counted back from this one."""
    if not network.layers:
        section.refuse("it names an earlier layer, and there is none: expected a layer such as [convolutional] first.")
    named = section.integers(key, None, -network.number, network.number - 1)
    return [network.layers[layer] for layer in named]


LAYERS: dict[str, Layer] = {
    "convolutional": convolutional,
    "maxpool": maxpool,
    "upsample": upsample,
    "route": route,
    "shortcut": shortcut,
    "dropout": dropout,
}
