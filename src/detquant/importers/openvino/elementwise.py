"""Operations on each element: arithmetic, comparisons, activations, conversions of type."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir

from detquant.graph.values import is_op
from detquant.importers.openvino.operation import Operation
from detquant.importers.openvino.quantizing import codes_behind, is_to_codes
from detquant.importers.openvino.writer import Writer

Row = Callable[[Writer, Operation], ir.Value | list[ir.Value]]

_FLOATS = (ir.DataType.FLOAT, ir.DataType.DOUBLE)


def same(op_type: str, **attributes: object) -> Callable[[Writer, Operation], ir.Value]:
    """A row for an operation that ONNX has under this name, with the same inputs."""

    def row(writer: Writer, operation: Operation) -> ir.Value:
        if operation.attribute("auto_broadcast", "numpy") not in ("numpy", "none"):
            operation.refuse(f"it broadcasts as '{operation.attribute('auto_broadcast')}' does, not as numpy")
        return writer.add(op_type, *operation.inputs, **attributes)

    return row


def multiply(writer: Writer, operation: Operation) -> ir.Value:
    """Writes Mul; a product of integer codes with their scale becomes DequantizeLinear."""
    codes = codes_behind(operation.node)
    if codes is None:
        return same("Mul")(writer, operation)
    if codes.codes.dtype in (np.int8, np.uint8):
        try:
            return writer.dequantized(codes)
        except ValueError:  # scales along several axes: numbers say the same
            pass
    return writer.constant(codes.values(), np.float32)


def divide(writer: Writer, operation: Operation) -> ir.Value:
    """A quotient; whole numbers are rounded down, as in Python, where ONNX would round towards zero."""
    if operation.dtype() in _FLOATS:
        return same("Div")(writer, operation)
    dividend, divisor = operation.inputs
    if not operation.attribute("m_pythondiv", True):
        return writer.add("Div", dividend, divisor)
    rest = writer.add("Mod", dividend, divisor)
    return writer.add("Div", writer.add("Sub", dividend, rest), divisor)


def floor_mod(writer: Writer, operation: Operation) -> ir.Value:
    """Writes the remainder of a division rounded down, which has the sign of the divisor."""
    if operation.dtype() not in _FLOATS:
        return writer.add("Mod", *operation.inputs)
    dividend, divisor = operation.inputs
    whole = writer.add("Floor", writer.add("Div", dividend, divisor))
    return writer.add("Sub", dividend, writer.add("Mul", whole, divisor))


def squared_difference(writer: Writer, operation: Operation) -> ir.Value:
    """Writes (a - b)^2 as Sub and Mul."""
    difference = writer.add("Sub", *operation.inputs)
    return writer.add("Mul", difference, difference)


def not_equal(writer: Writer, operation: Operation) -> ir.Value:
    """Writes Equal, then Not."""
    return writer.add("Not", writer.add("Equal", *operation.inputs))


def clamp(writer: Writer, operation: Operation) -> ir.Value:
    """Clip; ReLU6 is one from 0 to 6."""
    kind = operation.dtype().numpy()
    low, high = float(operation.attribute("min")), float(operation.attribute("max"))
    if low == 0 and high >= np.finfo(np.float32).max:
        return writer.add("Relu", operation.inputs[0])
    if not np.issubdtype(kind, np.floating):
        limits = np.iinfo(kind)
        low, high = max(np.ceil(low), limits.min), min(np.floor(high), limits.max)
    return writer.add("Clip", operation.inputs[0], writer.constant(low, kind), writer.constant(high, kind))


def maximum(writer: Writer, operation: Operation) -> ir.Value:
    """Max; with one number Clip from there, or Relu."""
    value, bound = _bounded(operation)
    if value is None or bound is None:
        return same("Max")(writer, operation)
    if bound == 0:
        return writer.add("Relu", value)
    return writer.add("Clip", value, writer.constant(bound, np.float32))


def minimum(writer: Writer, operation: Operation) -> ir.Value:
    """Min; with one number Clip up to there, of what a maximum before it cuts off too: so exporters write ReLU6."""
    value, bound = _bounded(operation)
    if value is None or bound is None:
        return same("Min")(writer, operation)
    maker, low = value.producer(), None
    if is_op(maker, "Relu") and maker is not None:
        value, low = maker.inputs[0], writer.constant(0.0, np.float32)
    elif is_op(maker, "Clip") and maker is not None and len(maker.inputs) == 2:
        value, low = maker.inputs
    return writer.add("Clip", value, low, writer.constant(bound, np.float32))


def _bounded(operation: Operation) -> tuple[ir.Value | None, float | None]:
    """The value that is compared with one number, and the number; None each for other comparisons."""
    floating = np.issubdtype(operation.dtype().numpy(), np.floating)
    for place in (1, 0):
        array = operation.array(place)
        if array is not None and array.size == 1 and floating and array.ndim <= operation.rank(1 - place):
            return operation.inputs[1 - place], float(array.item())
    return None, None


def elu(writer: Writer, operation: Operation) -> ir.Value:
    """Writes Elu with the same alpha."""
    return writer.add("Elu", operation.inputs[0], alpha=float(operation.attribute("alpha", 1.0)))


def swish(writer: Writer, operation: Operation) -> ir.Value:
    """The product x sigmoid(beta x), in the form that detquant.graph.activations knows as one operator."""
    x, *beta = operation.inputs
    array = operation.array(1)
    inner = x if not beta or (array is not None and np.all(array == 1)) else writer.add("Mul", x, beta[0])
    return writer.add("Mul", x, writer.add("Sigmoid", inner))


def hard_sigmoid(writer: Writer, operation: Operation) -> ir.Value:
    """max(0, min(1, alpha x + beta)), whose alpha and beta are inputs."""
    alpha, beta = operation.array(1), operation.array(2)
    if alpha is None or beta is None:
        operation.refuse("its alpha and beta depend on the image")
    return writer.add("HardSigmoid", operation.inputs[0], alpha=float(alpha.item()), beta=float(beta.item()))


def hsigmoid(writer: Writer, operation: Operation) -> ir.Value:
    """min(max(x + 3, 0), 6) / 6."""
    return writer.add("HardSigmoid", operation.inputs[0], alpha=1 / 6, beta=0.5)


def gelu(writer: Writer, operation: Operation) -> ir.Value:
    """Writes Gelu, exact or by tanh."""
    mode = str(operation.attribute("approximation_mode", "ERF")).lower()
    return writer.add("Gelu", operation.inputs[0], approximate="tanh" if mode == "tanh" else "none")


def selu(writer: Writer, operation: Operation) -> ir.Value:
    """Writes Selu, whose alpha and lambda are inputs in OpenVINO."""
    alpha, gamma = operation.array(1), operation.array(2)
    if alpha is None or gamma is None:
        operation.refuse("its alpha and lambda depend on the image")
    return writer.add("Selu", operation.inputs[0], alpha=float(alpha.item()), gamma=float(gamma.item()))


def prelu(writer: Writer, operation: Operation) -> ir.Value:
    """A slope for what is negative; one number a channel stands for axis 1."""
    x, slope = operation.inputs
    array = operation.array(1)
    if array is None:
        return writer.add("PRelu", x, slope)
    if array.size == 1:
        return writer.add("LeakyRelu", x, alpha=float(array.item()))
    rank = operation.rank()
    if array.ndim == 1 and rank > 2:
        slope = writer.constant(array.reshape(-1, *[1] * (rank - 2)), name="slope")
    return writer.add("PRelu", x, slope)


def rounding(writer: Writer, operation: Operation) -> ir.Value:
    """Round, halves to even; or halves away from zero."""
    mode = str(operation.attribute("mode", "half_to_even")).lower()
    if mode == "half_to_even":
        return writer.add("Round", operation.inputs[0])
    x = operation.inputs[0]
    size = writer.add("Floor", writer.add("Add", writer.add("Abs", x), writer.constant(0.5, np.float32)))
    return writer.add("Mul", writer.add("Sign", x), size)


def convert(writer: Writer, operation: Operation) -> ir.Value:
    """Cast; nothing where the type stays, or where a FakeQuantize has made codes already."""
    x, dtype = operation.inputs[0], operation.dtype()
    if dtype == operation.input_dtype() or is_to_codes(operation.source(0)):
        return x
    if x.const_value is not None:
        return writer.constant(x.const_value.numpy().astype(dtype.numpy()))
    return writer.cast(x, dtype)


def convert_like(writer: Writer, operation: Operation) -> ir.Value:
    """Cast to the type of the second input."""
    return writer.cast(operation.inputs[0], operation.dtype())


def identity(writer: Writer, operation: Operation) -> ir.Value:
    """Writes no node: the value itself is passed on."""
    return operation.inputs[0]
