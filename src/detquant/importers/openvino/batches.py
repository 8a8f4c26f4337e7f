"""SpaceToBatch and BatchToSpace: how TensorFlow writes dilated convolutions.

SpaceToBatch pads a map and deals its cells out to b x b smaller maps, one behind the other in the batch; an ordinary
convolution runs on all of them; BatchToSpace puts them together and crops. Together that is one convolution

    dilations = b        pads = padding of the first - crops of the last

and as such it is written. Where there is no convolution between them, they are reshapes and transposes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from detquant.importers.openvino.operation import Operation, contents
from detquant.importers.openvino.writer import Writer

_LAYERS = ("Convolution", "GroupConvolution")


def space_to_batch(writer: Writer, operation: Operation) -> ir.Value:
    """Padding, then each axis is split and its inner part goes to the batch."""
    block, begin, end = (operation.ints(place, "blocks and paddings") for place in (1, 2, 3))
    x, rank = operation.inputs[0], operation.rank()
    sides = [side + low + high for side, low, high in zip(operation.shape(), begin, end, strict=True)]
    if any(begin) or any(end):
        x = writer.add("Pad", x, writer.int64([*begin, *end]))
    split = [part for side, size in zip(sides, block, strict=True) for part in (side // size, size)]
    order = [*range(1, 2 * rank, 2), *range(0, 2 * rank, 2)]
    turned = writer.add("Transpose", writer.add("Reshape", x, writer.int64(split)), perm=order)
    return writer.add("Reshape", turned, writer.int64(operation.output_shape()))


def batch_to_space(writer: Writer, operation: Operation) -> ir.Value:
    """A dilated convolution, or the way back."""
    block, begin, end = (operation.ints(place, "blocks and crops") for place in (1, 2, 3))
    dilated = _dilated(writer, operation, block, begin, end)
    if dilated is not None:
        return dilated
    shape, rank = operation.shape(), operation.rank()
    batch = shape[0] // int(np.prod(block))
    parts = [*block, batch, *shape[1:]]  # block[0] is 1
    order = [place for axis in range(rank) for place in (rank + axis, axis)]
    turned = writer.add("Transpose", writer.add("Reshape", operation.inputs[0], writer.int64(parts)), perm=order)
    sides = [batch * block[0], *(side * size for side, size in zip(shape[1:], block[1:], strict=True))]
    x = writer.add("Reshape", turned, writer.int64(sides))
    if not any(begin) and not any(end):
        return x
    stops = [side - high for side, high in zip(sides, end, strict=True)]
    return writer.add("Slice", x, *(writer.int64(list(each)) for each in (begin, stops, range(rank))))


def _dilated(
    writer: Writer, operation: Operation, block: tuple[int, ...], begin: tuple[int, ...], end: tuple[int, ...]
) -> ir.Value | None:
    """The formula at the top of this file, or None where it does not apply."""
    layer, convolution = operation.source(0), operation.inputs[0].producer()
    if layer.get_type_name() not in _LAYERS or convolution is None or convolution.op_type != "Conv":
        return None
    first = layer.input_value(0).get_node()
    if first.get_type_name() != "SpaceToBatch" or block[:2] != (1, 1) or _ints(first, 1) != block:
        return None
    low, high = _ints(first, 2), _ints(first, 3)
    plain = {"strides": [1, 1], "dilations": [1, 1], "pads": [0, 0, 0, 0]}
    if low is None or high is None or len(block) != 4:
        return None
    if any(list(convolution.attributes.get_ints(name) or ()) != value for name, value in plain.items()):
        return None
    pads = [inner - outer for inner, outer in zip((*low[2:], *high[2:]), (*begin[2:], *end[2:]), strict=True)]
    if min(pads) < 0:
        return None
    attributes = {name: convolution.attributes[name].value for name in ("kernel_shape", "group")}
    x = operation.made(first.input_value(0))
    return writer.add("Conv", x, convolution.inputs[1], dilations=list(block[2:]), pads=pads, **attributes)


def _ints(node: Any, place: int) -> tuple[int, ...] | None:
    array = contents(node.input_value(place).get_node())
    return None if array is None else tuple(int(value) for value in array.ravel())
