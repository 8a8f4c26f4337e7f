"""What a graph does to its image before the network: a scale, a mean, channels in another order.

Exporters put it there (`Div` by 255, `Sub` of a mean), converters do (mean_values, scale_values and
reverse_input_channels of OpenVINO), and so do people, in as many ways as there are to write it. All of it is

    y[c] = slope[c] * x[order[c]] + offset[c]

for each pixel. So operators that work on each pixel by itself are followed from the image to where they end, that part
is run on noise, and the numbers are fitted to what comes out:

1. followed are `POINTWISE` operators with constants, and those that cut, join and pick channels (`BY_CHANNEL`), as
   long as all that they read is constant or followed, and height and width stay;
2. the end is the one value of them that the rest of the graph reads, an image of the same shape;
3. what is no such map to `TOLERANCE` of its range (a mean image, a clip, channels that are mixed) is none.

`fold_image_arithmetic` takes it into the convolution behind it, whose weights W and bias b become

    W'[o, order[c]] = slope[c] W[o, c]        b'[o] = b[o] + sum over c of offset[c] W[o, c]

so the image's grid is that of pixels, whose codes are exact, and nothing is computed for it. Where the convolution has
a border and the offsets are not 0, it stays: a border of zeros is no border of pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from detquant.graph.running import OrtRunner
from detquant.graph.values import constant, is_op, new_initializer, static_shape
from detquant.numerics.arrays import Doubles

Triple = tuple[float, float, float]

POINTWISE = frozenset({"Add", "BatchNormalization", "Cast", "Div", "Identity", "Mul", "Neg", "Sub"})
BY_CHANNEL = frozenset({"Concat", "Gather", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"})
TOLERANCE = 1e-3
_ROUNDING = 1e-6
_IMAGE_RANK = 4
CHANNELS = 3
_LONGEST, _LARGEST = 64, 1 << 24
"""Most values that are followed, and most pixels of an image; files come from anyone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageArithmetic:
    """The formula at the top of this file.

    Attributes:
        end: name of the value that the network reads.
        order: order of the image's channels, as the network reads them.
        slope: ``[3]``, slope of each of the network's channels.
        offset: ``[3]``, offset of each of the network's channels.
    """

    end: str
    order: tuple[int, int, int]
    slope: Triple
    offset: Triple


def find_image_arithmetic(model: ir.Model) -> ImageArithmetic | None:
    """The arithmetic that a graph does on its one colour image first; None where there is none of that form.

    Args:
        model: prepared: one input [1, 3, height, width] in float32.
    """
    image = _image(model.graph)
    shape = static_shape(image)
    if image is None or shape is None or len(shape) != 4 or shape[:2] != (1, CHANNELS):
        return None
    if shape[2] * shape[3] > _LARGEST:
        return None
    followed = _followed(model.graph, image)
    end = _end(image, followed)
    if end is None or end is image or static_shape(end) != shape:
        return None
    noise = np.random.default_rng(0).uniform(-1, 255, shape).astype(np.float32)
    found = OrtRunner(_part(model, end), optimisation="none").run({image.name or "": noise})[end.name or ""]
    fitted = _fit(noise.reshape(CHANNELS, -1).astype(np.float64), found.reshape(CHANNELS, -1).astype(np.float64))
    if fitted is None:
        return None
    order, slope, offset = fitted
    return ImageArithmetic(end=end.name or "", order=order, slope=slope, offset=offset)


def first_layer_norm(graph: ir.Graph) -> float | None:
    """The median norm of the filters of the one convolution that reads the image; None where there is none such.

    Args:
        graph: the graph of a prepared model.
    """
    image = _image(graph)
    if image is None:
        return None
    readers = image.consumers()
    weight = constant(readers[0].inputs[1]) if len(readers) == 1 and is_op(readers[0], "Conv") else None
    if weight is None or not weight.size:
        return None
    return float(np.median(np.linalg.norm(weight.reshape(len(weight), -1).astype(np.float64), axis=1)))


def _image(graph: ir.Graph) -> ir.Value | None:
    """The one input that is an image; None where there is another number of them."""
    images = [value for value in graph.inputs if len(static_shape(value) or ()) == _IMAGE_RANK]
    return images[0] if len(images) == 1 else None


def _followed(graph: ir.Graph, image: ir.Value) -> dict[ir.Value, None]:
    """The values that are computed of the image pixel by pixel, in the graph's order, the image first (case 1)."""
    followed: dict[ir.Value, None] = {image: None}
    for node in graph:
        inputs = [value for value in node.inputs if value is not None]
        reads = any(value in followed for value in inputs) and _works_on_pixels(node, image)
        if reads and all(value in followed or constant(value) is not None for value in inputs):
            followed.update(dict.fromkeys(node.outputs))
        if len(followed) > _LONGEST:
            break
    return followed


def _works_on_pixels(node: ir.Node, image: ir.Value) -> bool:
    height, width = (static_shape(image) or (0, 0))[-2:]
    if any(not _has_in_order(static_shape(output) or (), height, width) for output in node.outputs):
        return False
    if is_op(node, "BatchNormalization"):
        return not node.attributes.get_int("training_mode", 0) and len(node.outputs) == 1
    if is_op(node, "Cast"):
        return node.attributes.get_int("to", 0) == ir.DataType.FLOAT
    return is_op(node, *POINTWISE, *BY_CHANNEL)


def _has_in_order(shape: tuple[int, ...], height: int, width: int) -> bool:
    """Whether the two sizes stand side by side in a shape, channels before or behind them."""
    return (height, width) in pairwise(shape)


def _end(image: ir.Value, followed: dict[ir.Value, None]) -> ir.Value | None:
    """The one value at which the arithmetic ends and the network begins (case 2); None where there is no such value."""
    read = [value for value in followed if _read_outside(value, followed)]
    return read[0] if len(read) == 1 else None


def _read_outside(value: ir.Value, followed: dict[ir.Value, None]) -> bool:
    return value.is_graph_output() or any(
        not any(output in followed for output in reader.outputs) for reader in value.consumers()
    )


def _part(model: ir.Model, end: ir.Value) -> ir.Model:
    """The graph up to one value."""
    part = model.clone()
    [value] = [one for node in part.graph for one in node.outputs if one.name == end.name]
    part.graph.outputs.clear()
    part.graph.outputs.append(value)
    RemoveUnusedNodesPass()(part)
    return part


def _fit(x: Doubles, y: Doubles) -> tuple[tuple[int, int, int], Triple, Triple] | None:
    """Order, slopes and offsets by which y [3, pixels] is made of x, or None: case 3."""
    if not np.isfinite(y).all():
        return None
    known = np.concatenate([x, np.ones((1, x.shape[1]))]).T
    matrix, *_ = np.linalg.lstsq(known, y.T, rcond=None)  # [4, 3]
    reach = float(y.max() - y.min())
    if np.abs(known @ matrix - y.T).max() > TOLERANCE * reach:
        return None
    mixed = matrix[:CHANNELS].T  # [network's channel, image's channel]
    order = np.abs(mixed).argmax(axis=1)
    rest = np.abs(mixed).sum(axis=1) - np.abs(mixed).max(axis=1)
    if sorted(order) != [0, 1, 2] or (rest > TOLERANCE * np.abs(mixed).max(axis=1)).any():
        return None
    slope = mixed[np.arange(CHANNELS), order]
    offset = np.where(np.abs(matrix[CHANNELS]) > _ROUNDING * reach, matrix[CHANNELS], 0)
    first, second, third = (int(place) for place in order)
    return (first, second, third), _triple(slope), _triple(offset)


def _triple(values: Doubles) -> Triple:
    first, second, third = (float(f"{value:.7g}") for value in values)  # the graph's constants are float32
    return first, second, third


def fold_image_arithmetic(model: ir.Model) -> ir.Model:
    """Take the arithmetic before the first convolution into it where that is exact, in place.

    Args:
        model: prepared.
    """
    found = find_image_arithmetic(model)
    if found is None:
        return model
    image = _image(model.graph)
    assert image is not None, "it was found"
    [end] = [one for node in model.graph for one in node.outputs if one.name == found.end]
    uses = list(end.uses())
    layers = [_layer(use.node, use.idx, found) for use in uses]
    if end.is_graph_output() or not all(layers):
        return model
    for use in uses:
        _fold(model.graph, use.node, image, found)
    RemoveUnusedNodesPass()(model)
    return model


def _layer(node: ir.Node, place: int, found: ImageArithmetic) -> bool:
    """Whether the arithmetic can be taken into a layer."""
    weight = constant(node.inputs[1]) if is_op(node, "Conv") and place == 0 else None
    if weight is None or weight.ndim != 4 or node.attributes.get_int("group", 1) != 1:
        return False
    if len(node.inputs) > 2 and node.inputs[2] is not None and constant(node.inputs[2]) is None:
        return False
    known = node.attributes.get_string("auto_pad", "NOTSET") in ("NOTSET", "VALID")
    padded = not known or any(node.attributes.get_ints("pads", ()) or ())
    return not padded or not any(found.offset)


def _fold(graph: ir.Graph, node: ir.Node, image: ir.Value, found: ImageArithmetic) -> None:
    """The second formula at the top of this file."""
    value, bias = node.inputs[1], constant(node.inputs[2]) if len(node.inputs) > 2 else None
    weight = constant(value)
    assert weight is not None and value is not None, "asked before"
    wide = weight.astype(np.float64)
    scaled = np.empty_like(wide)
    scaled[:, list(found.order)] = wide * np.reshape(found.slope, (1, -1, 1, 1))
    node.replace_input_with(0, image)
    node.replace_input_with(1, new_initializer(graph, f"{value.name}_scaled", scaled.astype(weight.dtype)))
    if any(found.offset):
        shift = np.einsum("ochw,c->o", wide, np.asarray(found.offset))
        total = shift if bias is None else bias.astype(np.float64) + shift
        node.resize_inputs(3)
        node.replace_input_with(2, new_initializer(graph, f"{value.name}_shifted", total.astype(weight.dtype)))
