"""Operations that move values about: other shapes, parts, wholes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from detquant.importers.openvino.operation import Operation
from detquant.importers.openvino.writer import Writer

_FAR = np.iinfo(np.int64).max
_PAD_MODES = {"constant": "constant", "edge": "edge", "reflect": "reflect"}


def concat(writer: Writer, operation: Operation) -> ir.Value:
    """Writes Concat along the same axis."""
    return writer.add("Concat", *operation.inputs, axis=int(operation.attribute("axis")))


def reshape(writer: Writer, operation: Operation) -> ir.Value:
    """Reshape; where its result is known the graph says it in numbers, -1 for what follows from the rest."""
    shape = operation.array(1)
    zeros_count = not operation.attribute("special_zero", False)
    if shape is None:
        target = writer.as_int64(operation.inputs[1])
    else:
        target = writer.int64(shape.ravel().tolist())
    return writer.add("Reshape", operation.inputs[0], target, allowzero=int(zeros_count))


def squeeze(writer: Writer, operation: Operation) -> ir.Value:
    """Squeeze, of the axes named or of all that have one element."""
    if len(operation.inputs) == 1:
        return writer.add("Squeeze", operation.inputs[0])
    return writer.add("Squeeze", operation.inputs[0], writer.int64(operation.ints(1, "axes")))


def unsqueeze(writer: Writer, operation: Operation) -> ir.Value:
    """Writes Unsqueeze of the axes that the second input names."""
    return writer.add("Unsqueeze", operation.inputs[0], writer.int64(operation.ints(1, "axes")))


def transpose(writer: Writer, operation: Operation) -> ir.Value:
    """Transpose; without an order, the reverse."""
    order = operation.ints(1, "axes") or tuple(reversed(range(operation.rank())))
    return writer.add("Transpose", operation.inputs[0], perm=list(order))


def split(writer: Writer, operation: Operation) -> list[ir.Value]:
    """Writes Split into equal parts."""
    [axis] = operation.ints(1, "axis")
    count = int(operation.attribute("num_splits"))
    size = operation.side(axis)
    sizes = writer.int64([size // count] * count)
    return writer.add_many("Split", [operation.inputs[0], sizes], count, axis=axis)


def variadic_split(writer: Writer, operation: Operation) -> list[ir.Value]:
    """Split, in parts of which one may be -1: what is left."""
    [axis] = operation.ints(1, "axis")
    sizes = list(operation.ints(2, "lengths"))
    if -1 in sizes:
        sizes[sizes.index(-1)] = operation.side(axis) - sum(sizes) - 1
    return writer.add_many("Split", [operation.inputs[0], writer.int64(sizes)], len(sizes), axis=axis)


def slices(writer: Writer, operation: Operation) -> ir.Value:
    """Slice: start, stop, step, and perhaps axes."""
    x, start, stop, step, *axes = operation.inputs
    bounds = [writer.as_int64(value) for value in (start, stop)]
    if axes:
        where = writer.as_int64(axes[0])
    else:
        where = writer.int64(range(operation.node.get_input_partial_shape(1).to_shape()[0]))
    return writer.add("Slice", x, *bounds, where, writer.as_int64(step))


def strided_slice(writer: Writer, operation: Operation) -> ir.Value:
    """Slice, then Squeeze of what was one index, and Unsqueeze of what was a new axis.

    A place i of the masks speaks of place i of begin, end and strides; places are matched with axes from the left,
    those behind an ellipsis from the right.
    """
    begin, end = operation.ints(1, "begins"), operation.ints(2, "ends")
    strides = operation.ints(3, "strides") if len(operation.inputs) > 3 else (1,) * len(begin)
    names = ("begin_mask", "end_mask", "new_axis_mask", "shrink_axis_mask", "ellipsis_mask")
    open_begin, open_end, new, shrink, ellipsis = (_mask(operation, name, len(begin)) for name in names)
    taken = sum(not flag for flag in new) - any(ellipsis)
    bounds: list[tuple[int, int, int, int]] = []  # axis, start, stop, step
    one_index, new_axes, axis, place = [], [], 0, 0
    for position in range(len(begin)):
        if ellipsis[position]:
            skipped = operation.rank() - taken
            axis, place = axis + skipped, place + skipped
        elif new[position]:
            new_axes.append(place)
            place += 1
        elif shrink[position]:
            start = begin[position]
            bounds.append((axis, start, start + 1 or _FAR, 1))
            one_index.append(axis)
            axis += 1
        else:
            step = strides[position]
            start = (0 if step > 0 else _FAR) if open_begin[position] else begin[position]
            stop = (_FAR if step > 0 else -_FAR) if open_end[position] else end[position]
            if (start, stop, step) != (0, _FAR, 1):
                bounds.append((axis, start, stop, step))
            axis, place = axis + 1, place + 1
    value = operation.inputs[0]
    if bounds:
        axes, starts, stops, steps = zip(*bounds, strict=True)
        value = writer.add("Slice", value, *(writer.int64(list(one)) for one in (starts, stops, axes, steps)))
    if one_index:
        value = writer.add("Squeeze", value, writer.int64(one_index))
    return writer.add("Unsqueeze", value, writer.int64(new_axes)) if new_axes else value


def _mask(operation: Operation, name: str, length: int) -> list[bool]:
    given = [bool(flag) for flag in operation.attribute(name) or ()]
    return (given + [False] * length)[:length]


def pad(writer: Writer, operation: Operation) -> ir.Value:
    """Pad, by a constant, the edge or a reflection; one that repeats the edge is written as Gather."""
    mode = str(operation.attribute("pad_mode", "constant")).lower()
    if mode == "symmetric":
        return _symmetric(writer, operation)
    operation.one_of("mode", mode, _PAD_MODES)
    pads = writer.int64([*operation.ints(1, "paddings"), *operation.ints(2, "paddings")])
    value = operation.inputs[3] if len(operation.inputs) > 3 and mode == "constant" else None
    return writer.add("Pad", operation.inputs[0], pads, value, mode=_PAD_MODES[mode])


def _symmetric(writer: Writer, operation: Operation) -> ir.Value:
    """Writes a Gather for each padded axis: of the cells n-1 .. 0, 0 .. n-1, n-1 .. 0, as far as there are paddings."""
    x, paddings = operation.inputs[0], zip(operation.ints(1, "paddings"), operation.ints(2, "paddings"), strict=True)
    for axis, (begin, end) in enumerate(paddings):
        side = operation.side(axis) if begin or end else 0
        if min(begin, end) < 0 or max(begin, end) > side:
            operation.refuse(f"it mirrors {begin} and {end} cells of {side} along axis {axis}")
        if begin or end:
            places = np.pad(np.arange(side), (begin, end), mode="symmetric")
            x = writer.add("Gather", x, writer.int64(places.tolist()), axis=axis)
    return x


def tile(writer: Writer, operation: Operation) -> ir.Value:
    """Tile; of a tensor with fewer axes than repeats, new axes come first."""
    x, repeats = operation.inputs[0], operation.ints(1, "repeats")
    rank = operation.rank()
    if rank < len(repeats):
        x = writer.add("Unsqueeze", x, writer.int64(range(len(repeats) - rank)))
    return writer.add("Tile", x, writer.int64((1,) * (rank - len(repeats)) + repeats))


def broadcast(writer: Writer, operation: Operation) -> ir.Value:
    """Expand; in the mode "explicit" the axes that the input lies along are named."""
    x = operation.inputs[0]
    mode = str(operation.attribute("mode", "numpy")).lower()
    operation.one_of("mode", mode, ("numpy", "bidirectional", "explicit"))
    if mode == "explicit":
        along, target = operation.ints(2, "axes"), operation.output_shape()
        sides = dict(zip(along, operation.shape(), strict=True))
        x = writer.reshape(x, [sides.get(axis, 1) for axis in range(len(target))])
    return writer.add("Expand", x, writer.as_int64(operation.inputs[1]))


def shape_of(writer: Writer, operation: Operation) -> ir.Value:
    """Shape, in the integers that are asked for."""
    shape = writer.add("Shape", operation.inputs[0])
    return shape if operation.dtype() == ir.DataType.INT64 else writer.cast(shape, operation.dtype())


def depth_to_space(writer: Writer, operation: Operation) -> ir.Value:
    """DepthToSpace, blocks first (DCR) or depth first (CRD)."""
    mode = "DCR" if str(operation.attribute("mode")).lower() == "blocks_first" else "CRD"
    size = int(operation.attribute("block_size"))
    return writer.add("DepthToSpace", operation.inputs[0], blocksize=size, mode=mode)


def space_to_depth(writer: Writer, operation: Operation) -> ir.Value:
    """SpaceToDepth; ONNX has the one with blocks first."""
    operation.one_of("mode", str(operation.attribute("mode")).lower(), ("blocks_first",))
    return writer.add("SpaceToDepth", operation.inputs[0], blocksize=int(operation.attribute("block_size")))


def matmul(writer: Writer, operation: Operation) -> ir.Value:
    """MatMul; operands are transposed first where they are to be."""
    a, b = (
        _turned(writer, value, operation.rank(position))
        if operation.attribute(f"transpose_{'ab'[position]}")
        else value
        for position, value in enumerate(operation.inputs)
    )
    return writer.add("MatMul", a, b)


def _turned(writer: Writer, value: ir.Value, rank: int) -> ir.Value:
    """The value with its last two axes swapped."""
    if rank < 2:
        return value
    order: Sequence[int] = [*range(rank - 2), rank - 1, rank - 2]
    if value.const_value is not None:
        return writer.constant(value.const_value.numpy().transpose(order), name="weight")
    return writer.add("Transpose", value, perm=order)


def ranges(writer: Writer, operation: Operation) -> ir.Value:
    """Writes Range in the element type of the result."""
    dtype = operation.dtype()
    bounds = [
        value if operation.input_dtype(position) == dtype else writer.cast(value, dtype)
        for position, value in enumerate(operation.inputs)
    ]
    scalars = [
        value if operation.rank(position) == 0 else writer.add("Squeeze", value)
        for position, value in enumerate(bounds)
    ]
    return writer.add("Range", *scalars)
