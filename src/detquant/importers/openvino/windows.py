"""Operations that slide a window over a map: convolutions and pooling.

Where OpenVINO says how to pad ("same_upper", "same_lower", "valid") the paddings are computed here, so that the
graph holds numbers: of a side of n cells, with a window that spans k and steps of s,

    out = ceil(n / s)        total = max((out - 1) s + k - n, 0)

of which the smaller half comes before the map, or behind it for "same_lower".
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from detquant.importers.openvino.operation import Operation
from detquant.importers.openvino.writer import Writer

_AUTO = ("explicit", "notset", "valid", "same_upper", "same_lower")


def convolution(writer: Writer, operation: Operation) -> ir.Value:
    """Conv; the weight is [out, in, height, width]."""
    return _conv(writer, operation, operation.inputs[1], operation.shape(1), 1)


def group_convolution(writer: Writer, operation: Operation) -> ir.Value:
    """Conv; the weight is [groups, out / groups, in / groups, height, width]."""
    groups, outs, *rest = operation.shape(1)
    shape = (groups * outs, *rest)
    return _conv(writer, operation, _reshaped(writer, operation, shape), shape, groups)


def _reshaped(writer: Writer, operation: Operation, shape: Sequence[int]) -> ir.Value:
    try:
        return writer.reshape(operation.inputs[1], shape)
    except ValueError as error:
        operation.refuse(f"its weight is quantised, and {error}")


def _conv(writer: Writer, operation: Operation, weight: ir.Value, shape: Sequence[int], groups: int) -> ir.Value:
    kernel = list(shape[2:])
    attributes = {"kernel_shape": kernel, "group": groups, **_steps(operation, kernel)}
    return writer.add("Conv", operation.inputs[0], weight, **attributes)


def _steps(operation: Operation, kernel: Sequence[int]) -> dict[str, list[int]]:
    strides, dilations, begin, end, auto = _window(operation, len(kernel))
    if auto.startswith("same"):
        sides = operation.shape()[2:]
        begin, end = _same(sides, kernel, strides, dilations, auto)
    return {"strides": strides, "dilations": dilations, "pads": [*begin, *end]}


def _window(operation: Operation, rank: int) -> tuple[list[int], list[int], list[int], list[int], str]:
    """Strides, dilations, paddings before and behind, and the kind of padding."""
    strides, dilations, begin, end = (
        [int(value) for value in operation.attribute(name) or [default] * rank]
        for name, default in (("strides", 1), ("dilations", 1), ("pads_begin", 0), ("pads_end", 0))
    )
    auto = operation.one_of("padding", str(operation.attribute("auto_pad", "explicit")).lower(), _AUTO)
    if auto == "valid":
        begin, end = [0] * rank, [0] * rank
    return strides, dilations, begin, end, auto


def _same(
    sides: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int], auto: str
) -> tuple[list[int], list[int]]:
    """The formula at the top of this file."""
    begin, end = [], []
    for side, size, stride, dilation in zip(sides, kernel, strides, dilations, strict=True):
        total = max((math.ceil(side / stride) - 1) * stride + (size - 1) * dilation + 1 - side, 0)
        small, large = total // 2, total - total // 2
        begin.append(large if auto == "same_lower" else small)
        end.append(small if auto == "same_lower" else large)
    return begin, end


def deconvolution(writer: Writer, operation: Operation) -> ir.Value:
    """ConvTranspose; the weight is [in, out, height, width]."""
    return _deconv(writer, operation, operation.inputs[1], operation.shape(1), 1)


def group_deconvolution(writer: Writer, operation: Operation) -> ir.Value:
    """ConvTranspose; the weight is [groups, in / groups, out / groups, height, width]."""
    groups, ins, *rest = operation.shape(1)
    shape = (groups * ins, *rest)
    return _deconv(writer, operation, _reshaped(writer, operation, shape), shape, groups)


def _deconv(writer: Writer, operation: Operation, weight: ir.Value, shape: Sequence[int], groups: int) -> ir.Value:
    """Paddings follow from the size of the result, which OpenVINO has worked out."""
    kernel = list(shape[2:])
    strides, dilations, begin, end, _ = _window(operation, len(kernel))
    extra = [int(value) for value in operation.attribute("output_padding") or [0] * len(kernel)]
    wanted = operation.output_shape()[2:]
    for axis, (side, size, out) in enumerate(zip(operation.shape()[2:], kernel, wanted, strict=True)):
        whole = strides[axis] * (side - 1) + (size - 1) * dilations[axis] + 1
        # "same" puts the larger half first here; OpenVINO has worked it out, and keeps it in pads_begin
        extra[axis] = out - (whole - begin[axis] - end[axis])
        if extra[axis] < 0:
            end[axis], extra[axis] = end[axis] - extra[axis], 0
    steps = {"strides": strides, "dilations": dilations, "pads": [*begin, *end], "output_padding": extra}
    return writer.add("ConvTranspose", operation.inputs[0], weight, kernel_shape=kernel, group=groups, **steps)


def max_pool(writer: Writer, operation: Operation) -> list[ir.Value]:
    """MaxPool; the positions of the maxima, a second output, are not taken."""
    outputs = operation.node.get_output_size()
    if any(operation.is_read(position) for position in range(1, outputs)):
        operation.refuse("the positions of its maxima are read")
    kernel, steps = _pooling(operation)
    return [writer.add("MaxPool", operation.inputs[0], kernel_shape=kernel, **steps)] * outputs


def avg_pool(writer: Writer, operation: Operation) -> ir.Value:
    """AveragePool, over the padding or not."""
    kernel, steps = _pooling(operation)
    counts = not operation.attribute("exclude-pad", operation.attribute("exclude_pad", True))
    padded = any(steps["pads"])
    if counts and padded and str(operation.attribute("rounding_type", "floor")).lower() != "floor":
        operation.refuse("it rounds up and averages over its padding")
    return writer.add(
        "AveragePool", operation.inputs[0], kernel_shape=kernel, count_include_pad=int(counts and padded), **steps
    )


def _pooling(operation: Operation) -> tuple[list[int], dict[str, list[int]]]:
    """Kernel and steps; what rounding up adds to the result is said as padding behind."""
    kernel = [int(value) for value in operation.attribute("kernel")]
    steps = _steps(operation, kernel)
    rank, sides, outs = len(kernel), operation.shape()[2:], operation.output_shape()[2:]
    if str(operation.attribute("rounding_type", "floor")).lower() != "floor":
        for axis, (side, size, out) in enumerate(zip(sides, kernel, outs, strict=True)):
            span = (out - 1) * steps["strides"][axis] + (size - 1) * steps["dilations"][axis] + 1
            steps["pads"][rank + axis] = max(span - side - steps["pads"][axis], 0)
    for pad, size in zip(steps["pads"], kernel * 2, strict=True):
        if pad >= size:
            operation.refuse(f"its padding of {pad} is as wide as its window of {size}")
    return kernel, steps


def batch_norm(writer: Writer, operation: Operation) -> ir.Value:
    """BatchNormalization: OpenVINO's data, gamma, beta, mean, variance; its first form has gamma and beta first."""
    inputs = operation.inputs
    if operation.node.get_type_info().version_id == "opset1":
        inputs = (inputs[2], inputs[0], inputs[1], *inputs[3:])
    epsilon = float(operation.attribute("epsilon", operation.attribute("eps", 1e-5)))
    return writer.add("BatchNormalization", *inputs, epsilon=epsilon)


def normalize_l2(writer: Writer, operation: Operation) -> ir.Value:
    """The quotient x / sqrt(sum(x^2) + eps), or with the larger of sum and eps."""
    x, axes = operation.inputs[0], writer.int64(operation.ints(1, "axes"))
    total = writer.add("ReduceSumSquare", x, axes, keepdims=1)
    mode = operation.one_of("eps_mode", str(operation.attribute("eps_mode", "add")).lower(), ("add", "max"))
    floor = writer.constant(float(operation.attribute("eps")), np.float32)
    total = writer.add("Add" if mode == "add" else "Max", total, floor)
    return writer.add("Div", x, writer.add("Sqrt", total))


def local_response(writer: Writer, operation: Operation) -> ir.Value:
    """LRN, the quotient x / (bias + alpha mean)^beta, where the mean is of x^2 in a window around each cell.

    Over the channels it is ONNX's; over height and width the mean is that of an AveragePool.
    """
    size, axes = int(operation.attribute("size")), tuple(sorted(axis % 4 for axis in operation.ints(1, "axes")))
    alpha, beta, bias = (float(operation.attribute(name)) for name in ("alpha", "beta", "bias"))
    x = operation.inputs[0]
    if operation.rank() != 4 or size % 2 == 0 or axes not in ((1,), (2, 3)):
        operation.refuse(f"it sums over windows of {size} along the axes {list(axes)}")
    if axes == (1,):
        return writer.add("LRN", x, size=size, alpha=alpha, beta=beta, bias=bias)
    window = {"kernel_shape": [size] * 2, "pads": [size // 2] * 4}
    mean = writer.add("AveragePool", writer.add("Mul", x, x), count_include_pad=1, **window)
    scaled = writer.add("Mul", mean, writer.constant(alpha, np.float32))
    total = writer.add("Add", scaled, writer.constant(bias, np.float32))
    return writer.add("Div", x, writer.add("Pow", total, writer.constant(beta, np.float32)))
