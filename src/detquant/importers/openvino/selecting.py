"""Operations that pick values: by index, by size, by overlap."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from detquant.importers.openvino.operation import Operation
from detquant.importers.openvino.writer import Writer


def gather(writer: Writer, operation: Operation) -> ir.Value:
    """Gather; with batches, and their axes first, it is GatherND of indices of one place."""
    [axis] = operation.ints(2, "axis") if len(operation.inputs) > 2 else (0,)
    rank = operation.rank()
    axis = axis + rank if axis < 0 else axis
    batches = int(operation.attribute("batch_dims", 0))
    batches = batches + operation.rank(1) if batches < 0 else batches
    x, indices = operation.inputs[:2]
    if not batches:
        return writer.add("Gather", x, indices, axis=axis)
    if axis != batches:
        operation.refuse(f"it has {batches} batch axes and picks along axis {axis}, which must follow them")
    places = writer.add("Unsqueeze", writer.as_int64(indices), writer.int64([-1]))
    return writer.add("GatherND", x, places, batch_dims=batches)


def gather_nd(writer: Writer, operation: Operation) -> ir.Value:
    """GatherND; OpenVINO's fifth form flattens the batch axes, which is not taken."""
    batches = int(operation.attribute("batch_dims", 0))
    if batches > 1 and operation.node.get_type_info().version_id == "opset5":
        operation.refuse("it flattens its batch axes")
    return writer.add("GatherND", operation.inputs[0], writer.as_int64(operation.inputs[1]), batch_dims=batches)


def gather_elements(writer: Writer, operation: Operation) -> ir.Value:
    """Writes GatherElements along the same axis."""
    return writer.add("GatherElements", *operation.inputs, axis=int(operation.attribute("axis", 0)))


def scatter_nd(writer: Writer, operation: Operation) -> ir.Value:
    """Writes ScatterND; reductions are refused."""
    _plain(operation)
    x, indices, updates = operation.inputs
    return writer.add("ScatterND", x, writer.as_int64(indices), updates)


def scatter_elements(writer: Writer, operation: Operation) -> ir.Value:
    """Writes ScatterElements; reductions are refused."""
    _plain(operation)
    [axis] = operation.ints(3, "axis")
    x, indices, updates = operation.inputs[:3]
    return writer.add("ScatterElements", x, writer.as_int64(indices), updates, axis=axis)


def _plain(operation: Operation) -> None:
    reduction = str(operation.attribute("reduction", "none")).lower()
    if reduction != "none":
        operation.refuse(f"it reduces by '{reduction}'")


def top_k(writer: Writer, operation: Operation) -> list[ir.Value]:
    """TopK, sorted by value; the order among equals is the lower index first, as with OpenVINO's stable sort."""
    sort = str(operation.attribute("sort", "value")).lower()
    operation.one_of("order", sort, ("value", "none"))
    count = operation.array(1)
    k = writer.int64([int(count.item())]) if count is not None else _as_vector(writer, operation, 1)
    largest = str(operation.attribute("mode")).lower() == "max"
    axis = int(operation.attribute("axis"))
    values, indices = writer.add_many("TopK", [operation.inputs[0], k], 2, axis=axis, largest=int(largest), sorted=1)
    dtype = operation.dtype(1)
    return [values, indices if dtype == ir.DataType.INT64 else writer.cast(indices, dtype)]


def _as_vector(writer: Writer, operation: Operation, position: int) -> ir.Value:
    value = writer.as_int64(operation.inputs[position])
    return writer.add("Reshape", value, writer.int64([1]))


def one_hot(writer: Writer, operation: Operation) -> ir.Value:
    """OneHot; ONNX takes "off" and "on" as one tensor."""
    indices, depth, on, off = operation.inputs
    shape = writer.int64([1])
    pair = [writer.add("Reshape", value, shape) for value in (off, on)]
    values = writer.add("Concat", *pair, axis=0)
    return writer.add("OneHot", writer.as_int64(indices), writer.as_int64(depth), values, axis=_axis(operation))


def _axis(operation: Operation) -> int:
    return int(operation.attribute("axis", -1))


def cumulative_sum(writer: Writer, operation: Operation) -> ir.Value:
    """Writes CumSum along the same axis."""
    flags = {name: int(bool(operation.attribute(name))) for name in ("exclusive", "reverse")}
    return writer.add("CumSum", operation.inputs[0], writer.as_int64(operation.inputs[1]), **flags)


def non_zero(writer: Writer, operation: Operation) -> ir.Value:
    """NonZero, in the integers that are asked for."""
    found = writer.add("NonZero", operation.inputs[0])
    return found if operation.dtype() == ir.DataType.INT64 else writer.cast(found, operation.dtype())


def non_max_suppression(writer: Writer, operation: Operation) -> list[ir.Value]:
    """NonMaxSuppression, and what OpenVINO gives besides: scores, and how many.

    ONNX sorts the boxes of one class after the other; `sort_result_descending` wants them all by score.

    Returns:
        Indices [n, 3] of batch, class and box; scores [n, 3] of batch, class and score; n, as [1].
    """
    limit, iou, threshold = (_input(writer, operation, position) for position in (2, 3, 4))
    sigma = operation.array(5)
    if sigma is not None and float(sigma.item()) != 0:
        operation.refuse("it lowers scores (soft NMS)")
    boxes, scores = operation.inputs[:2]
    centres = str(operation.attribute("box_encoding", "corner")).lower() == "center"
    chosen = writer.add("NonMaxSuppression", boxes, scores, limit, iou, threshold, center_point_box=int(centres))
    confidence = writer.add("GatherND", scores, chosen)
    if operation.attribute("sort_result_descending", True):
        count = writer.add("Shape", confidence)
        confidence, order = writer.add_many("TopK", [confidence, count], 2, axis=0, largest=1, sorted=1)
        chosen = writer.add("Gather", chosen, order, axis=0)
    return [_as(writer, chosen, operation, 0), *_besides(writer, operation, chosen, confidence)]


def _besides(writer: Writer, operation: Operation, chosen: ir.Value, confidence: ir.Value) -> list[ir.Value]:
    if operation.node.get_output_size() == 1:
        return []
    column = writer.add("Unsqueeze", confidence, writer.int64([1]))
    pair = writer.add("Slice", chosen, writer.int64([0]), writer.int64([2]), writer.int64([1]))
    scores = writer.add("Concat", writer.cast(pair, ir.DataType.FLOAT), column, axis=1)
    return [scores, _as(writer, writer.add("Shape", confidence), operation, 2)]


def _as(writer: Writer, value: ir.Value, operation: Operation, position: int) -> ir.Value:
    dtype = operation.dtype(position)
    return value if dtype == ir.DataType.INT64 else writer.cast(value, dtype)


def _input(writer: Writer, operation: Operation, position: int) -> ir.Value:
    """Boxes a class, IoU or score: a number, by default OpenVINO's 0."""
    whole = position == 2
    if position >= len(operation.inputs):
        return writer.constant([0], np.int64 if whole else np.float32)
    value = operation.inputs[position]
    return _as_vector(writer, operation, position) if whole else writer.add("Reshape", value, writer.int64([1]))
