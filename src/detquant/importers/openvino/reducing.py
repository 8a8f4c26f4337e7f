"""Operations that take axes together."""

from __future__ import annotations

import onnx_ir as ir

from detquant.importers.openvino.elementwise import Row
from detquant.importers.openvino.operation import Operation
from detquant.importers.openvino.writer import Writer


def reduce(op_type: str) -> Row:
    """A row for one of the reductions."""

    def row(writer: Writer, operation: Operation) -> ir.Value:
        keep = int(bool(operation.attribute("keep_dims", False)))
        axes = _axes(operation)
        if not axes:  # ONNX would take them all
            return operation.inputs[0]
        return writer.add(op_type, operation.inputs[0], writer.int64(axes), keepdims=keep)

    return row


def reduce_logical(op_type: str) -> Row:
    """A row for "all" (the smallest) and "any" (the largest) of truth values."""

    def row(writer: Writer, operation: Operation) -> ir.Value:
        keep = int(bool(operation.attribute("keep_dims", False)))
        numbers = writer.cast(operation.inputs[0], ir.DataType.INT32)
        found = writer.add(op_type, numbers, writer.int64(_axes(operation)), keepdims=keep)
        return writer.cast(found, ir.DataType.BOOL)

    return row


def _axes(operation: Operation) -> tuple[int, ...]:
    return operation.ints(1, "axes")


def along(op_type: str, default: int = 1) -> Row:
    """A row for what runs along one axis: Softmax, LogSoftmax."""

    def row(writer: Writer, operation: Operation) -> ir.Value:
        return writer.add(op_type, operation.inputs[0], axis=int(operation.attribute("axis", default)))

    return row


def adaptive_average(writer: Writer, operation: Operation) -> ir.Value:
    """The mean of a whole map; of parts of it is not taken."""
    sides = operation.ints(1, "sides")
    if any(side != 1 for side in sides):
        operation.refuse(f"it averages to {'x'.join(map(str, sides))} cells, and only one cell is taken")
    axes = range(operation.rank() - len(sides), operation.rank())
    return writer.add("ReduceMean", operation.inputs[0], writer.int64(axes), keepdims=1)
