"""FakeQuantize, and constants that a file holds in integers.

    FakeQuantize(x) = round((clip(x, il, ih) - il) / (ih - il) * (levels - 1)) / (levels - 1) * (oh - ol) + ol

(OpenVINO, FakeQuantize-1). The cases:

1. Of 256 levels, with il = ol, ih = oh and a zero point that is a whole number, it is QuantizeLinear and
   DequantizeLinear.
2. From the range of a type to a range of numbers, on what was converted from that type, it is DequantizeLinear: so
   OpenVINO reads the quantised inputs of TFLite.
3. From a range of numbers to the range of a type, before a conversion to that type, it is QuantizeLinear: so it
   reads the quantised outputs.
4. Of a constant it is a constant: in 8-bit codes where the levels allow it, as the weights of INT8 files.
5. Anything else is spelled out, step by step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from detquant.importers.openvino.operation import Operation, contents
from detquant.importers.openvino.writer import Codes, Writer
from detquant.numerics.arrays import Doubles

# How far a zero point may be from a whole number, in codes; ranges are float32, so it never is one exactly.
_WHOLE = 1e-3
_Kind = type[np.int8] | type[np.uint8]
_BOUNDS: dict[tuple[float, float], _Kind] = {(-128.0, 127.0): np.int8, (0.0, 255.0): np.uint8}
_CODES = ("i8", "u8")


@dataclass(frozen=True, slots=True)
class _Ranges:
    """The four inputs of a FakeQuantize, float64, and its levels."""

    input_low: Doubles
    input_high: Doubles
    output_low: Doubles
    output_high: Doubles
    levels: int

    def same(self) -> bool:
        inner, outer = (self.input_low, self.input_high), (self.output_low, self.output_high)
        width = np.abs(self.input_high - self.input_low).max()
        return all(
            a.shape == b.shape and np.allclose(a, b, rtol=0, atol=1e-6 * width)
            for a, b in zip(inner, outer, strict=True)
        )


def fake_quantize(writer: Writer, operation: Operation) -> ir.Value:
    """FakeQuantize, in one of the cases at the top of this file."""
    arrays = [operation.array(position) for position in range(1, 5)]
    if any(array is None for array in arrays):
        operation.refuse("its ranges depend on the image")
    low, high, *output = (np.asarray(array, np.float64) for array in arrays if array is not None)
    ranges = _Ranges(low, high, output[0], output[1], int(operation.attribute("levels")))
    constant = operation.array(0)
    if constant is not None:
        return _of_constant(writer, np.asarray(constant, np.float64), ranges)
    x = operation.inputs[0]
    if ranges.levels == 256:
        made = _from_codes(writer, operation, ranges) or _to_codes(writer, operation, ranges)
        if made is not None:
            return made
        grid = _grid(writer, ranges.input_low, ranges.input_high, np.uint8) if ranges.same() else None
        if grid is not None:
            codes = writer.add("QuantizeLinear", x, *grid[:2], **grid[2])
            return writer.add("DequantizeLinear", codes, *grid[:2], **grid[2])
    return _spelled_out(writer, x, ranges)


def codes_behind(multiply: Any) -> Codes | None:
    """The integer constant that this Multiply makes numbers of: Convert(c) * s, or (Convert(c) - z) * s.

    Args:
        multiply: an OpenVINO Multiply.
    """
    scale = _number(multiply.input_value(1).get_node())
    inner = multiply.input_value(0).get_node()
    zero_point: npt.NDArray[Any] | None = np.zeros(())
    if inner.get_type_name() == "Subtract":
        zero_point = _number(inner.input_value(1).get_node())
        inner = inner.input_value(0).get_node()
    codes = _integers(inner)
    if codes is None or scale is None or zero_point is None:
        return None
    if np.any(zero_point != np.rint(zero_point)):
        return None
    if codes.dtype in (np.int8, np.uint8):
        return Codes(codes, np.asarray(scale, np.float32), np.asarray(zero_point).astype(codes.dtype))
    return Codes(codes, np.asarray(scale, np.float32), np.asarray(zero_point, np.int64))


def integer_converts(model: Any) -> list[Any]:
    """The Convert nodes of an OpenVINO model behind which stands an integer constant with a scale."""
    return [
        node
        for node in model.get_ordered_ops()
        if _integers(node) is not None and node.get_output_element_type(0).get_type_name() in ("f16", "f32")
    ]


def is_to_codes(node: Any) -> bool:
    """Whether this is a FakeQuantize of case 3: only conversions to 8 bits read it."""
    if node.get_type_name() != "FakeQuantize" or node.get_attributes().get("levels") != 256:
        return False
    bounds = tuple(_number(node.input_value(position).get_node()) for position in (3, 4))
    if any(bound is None or bound.size != 1 for bound in bounds):
        return False
    readers = [target.get_node() for target in node.output(0).get_target_inputs()]
    kind = _BOUNDS.get((float(bounds[0].item()), float(bounds[1].item())))  # type: ignore[union-attr]
    if kind is None:
        return False
    name = "i8" if kind is np.int8 else "u8"
    return bool(readers) and all(
        reader.get_type_name() == "Convert" and reader.get_output_element_type(0).get_type_name() == name
        for reader in readers
    )


def _integers(convert: Any) -> npt.NDArray[Any] | None:
    """The integer constant that this Convert reads."""
    if convert.get_type_name() != "Convert":
        return None
    array = contents(convert.input_value(0).get_node())
    return array if array is not None and np.issubdtype(array.dtype, np.integer) else None


def _number(node: Any) -> npt.NDArray[Any] | None:
    """The contents of a constant, perhaps behind a Convert; None for any other node."""
    if node.get_type_name() == "Convert":
        node = node.input_value(0).get_node()
    return contents(node)


def _from_codes(writer: Writer, operation: Operation, ranges: _Ranges) -> ir.Value | None:
    """Writes DequantizeLinear for a FakeQuantize from codes to numbers (case 2); None where it is none."""
    source = operation.source(0)
    if source.get_type_name() != "Convert" or ranges.input_low.size > 1 or ranges.input_high.size > 1:
        return None
    kind = _BOUNDS.get((float(ranges.input_low.item()), float(ranges.input_high.item())))
    found = source.get_input_element_type(0).get_type_name()
    if kind is None or found not in _CODES or np.dtype(kind) != np.dtype({"i8": np.int8, "u8": np.uint8}[found]):
        return None
    grid = _grid(writer, ranges.output_low, ranges.output_high, kind)
    cast = operation.inputs[0].producer()
    if grid is None or cast is None or cast.op_type != "Cast":
        return None
    return writer.add("DequantizeLinear", cast.inputs[0], *grid[:2], **grid[2])


def _to_codes(writer: Writer, operation: Operation, ranges: _Ranges) -> ir.Value | None:
    """Writes QuantizeLinear for a FakeQuantize from numbers to codes (case 3); None where it is none."""
    if not is_to_codes(operation.node):
        return None
    kind = _BOUNDS[float(ranges.output_low.item()), float(ranges.output_high.item())]
    grid = _grid(writer, ranges.input_low, ranges.input_high, kind)
    if grid is None:
        operation.refuse("the grid of a quantised output has no whole zero point")
    codes = writer.add("QuantizeLinear", operation.inputs[0], *grid[:2], **grid[2])
    codes.type = ir.TensorType(ir.DataType.INT8 if kind is np.int8 else ir.DataType.UINT8)  # OpenVINO has floats here
    return codes


def _grid(writer: Writer, low: Doubles, high: Doubles, kind: _Kind) -> tuple[ir.Value, ir.Value, dict[str, int]] | None:
    """Scale, zero point and axis of 256 levels from low to high, or None if QuantizeLinear cannot say them."""
    scale = (high - low) / 255
    if np.any(scale <= 0) or not np.isfinite(scale).all():
        return None
    limits = np.iinfo(kind)
    exact = limits.min - low / scale
    zero_point = np.rint(exact)
    if np.any(np.abs(exact - zero_point) > _WHOLE) or np.any((zero_point < limits.min) | (zero_point > limits.max)):
        return None
    axes = [axis for axis, size in enumerate(scale.shape) if size > 1]
    if len(axes) > 1:
        return None
    shape: tuple[int, ...] = (-1,) if axes else ()
    return (
        writer.constant(scale.reshape(shape), np.float32, "scale"),
        writer.constant(zero_point.reshape(shape), kind, "zero_point"),
        {"axis": axes[0]} if axes else {},
    )


def _of_constant(writer: Writer, array: Doubles, ranges: _Ranges) -> ir.Value:
    """Writes the constant that FakeQuantize makes of a constant, in 8-bit codes where the levels allow it (case 4)."""
    steps = ranges.levels - 1
    clipped = np.clip(array, np.minimum(ranges.input_low, ranges.input_high), ranges.input_high)
    width = np.where(ranges.input_high == ranges.input_low, 1, ranges.input_high - ranges.input_low)
    index = np.rint((clipped - ranges.input_low) / width * steps)
    scale = (ranges.output_high - ranges.output_low) / steps
    if ranges.levels in (255, 256) and np.all(scale > 0):
        zero = -ranges.output_low / scale  # the index of 0
        offset = 128 if ranges.levels == 256 else 127
        if np.all(np.abs(zero - np.rint(zero)) < _WHOLE) and np.all((zero >= 0) & (zero <= steps)):
            codes = (index - offset).astype(np.int8)
            found = Codes(codes, scale.astype(np.float32), (np.rint(zero) - offset).astype(np.int8))
            try:
                return writer.dequantized(found)
            except ValueError:  # scales along several axes
                pass
    return writer.constant(index * scale + ranges.output_low, np.float32, "weight")


def _spelled_out(writer: Writer, x: ir.Value, ranges: _Ranges) -> ir.Value:
    """Writes the formula of FakeQuantize step by step (case 5)."""
    steps = ranges.levels - 1

    def step(op_type: str, value: ir.Value, array: Doubles) -> ir.Value:
        return writer.add(op_type, value, writer.constant(array, np.float32))

    value = step("Min", step("Max", x, ranges.input_low), ranges.input_high)
    value = step("Mul", step("Sub", value, ranges.input_low), steps / (ranges.input_high - ranges.input_low))
    value = step("Mul", writer.add("Round", value), (ranges.output_high - ranges.output_low) / steps)
    return step("Add", value, ranges.output_low)
