"""Interpolate as Resize.

OpenVINO names how a coordinate of the result becomes one of the map; ONNX has the same ways, but for

1. `tf_half_pixel_for_nn`, x = (x' + 0.5) / scale, which was taken out of ONNX: rounded down, as TensorFlow does, it
   is half_pixel rounded with halves up;
2. the rounding `simple`, which is down where the map grows and up where it shrinks.

Paddings within the operation, antialiasing and Pillow's filters are not taken.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from detquant.importers.openvino.operation import Operation
from detquant.importers.openvino.writer import Writer

_MODES = {"nearest": "nearest", "linear": "linear", "linear_onnx": "linear", "cubic": "cubic"}
_COORDINATES = ("half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners", "tf_half_pixel_for_nn")
_ROUNDINGS = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil", "simple")


def interpolate(writer: Writer, operation: Operation) -> ir.Value:
    """Resize, by sizes or by scales, of the axes that are named."""
    sides, results = operation.shape(), operation.output_shape()
    mode = _MODES[operation.one_of("mode", _word(operation, "mode"), _MODES)]
    coordinates = operation.one_of("way", _word(operation, "coordinate_transformation_mode"), _COORDINATES)
    if operation.attribute("antialias") and any(out < side for side, out in zip(sides, results, strict=True)):
        operation.refuse("it filters against aliasing")
    if any(operation.attribute("pads_begin") or ()) or any(operation.attribute("pads_end") or ()):
        operation.refuse("it pads")
    attributes: dict[str, object] = {"mode": mode, "coordinate_transformation_mode": coordinates}
    if mode == "nearest":
        attributes |= _nearest(operation, coordinates)
    elif coordinates == "tf_half_pixel_for_nn":
        operation.refuse("its way tf_half_pixel_for_nn is for nearest neighbours")
    if mode == "cubic":
        attributes["cubic_coeff_a"] = float(operation.attribute("cube_coeff", -0.75))
    x = operation.inputs[0]
    scales = _scales(operation)
    if scales is not None:
        return writer.add("Resize", x, None, writer.constant(scales, np.float32, "scales"), **attributes)
    return writer.add("Resize", x, None, None, writer.int64(results), **attributes)


def _word(operation: Operation, name: str) -> str:
    return str(operation.attribute(name, "")).lower()


def _nearest(operation: Operation, coordinates: str) -> dict[str, object]:
    rounding = operation.one_of("rounding", _word(operation, "nearest_mode"), _ROUNDINGS)
    if coordinates == "tf_half_pixel_for_nn":  # case 1
        if rounding != "floor":
            operation.refuse(f"its way is tf_half_pixel_for_nn and its rounding {rounding}, not floor")
        return {"coordinate_transformation_mode": "half_pixel", "nearest_mode": "round_prefer_ceil"}
    if rounding == "simple":  # case 2
        sides, results = operation.shape(), operation.output_shape()
        ups = {out >= side for side, out in zip(sides, results, strict=True) if out != side}
        if len(ups) > 1:
            operation.refuse("its rounding is 'simple', and it grows along one axis and shrinks along another")
        rounding = "ceil" if False in ups else "floor"
    return {"nearest_mode": rounding}


def _scales(operation: Operation) -> list[float] | None:
    """A factor for each axis where the operation goes by scales, or where sizes are whole multiples; else None."""
    sides, results = operation.shape(), operation.output_shape()
    ratios = [out / side for side, out in zip(sides, results, strict=True)]
    if _word(operation, "shape_calculation_mode") == "sizes":
        return ratios if all(ratio == int(ratio) for ratio in ratios) else None
    newer = operation.node.get_type_info().version_id != "opset4"
    given = operation.array(1 if newer else 2)
    if given is None:
        operation.refuse("its scales depend on the image")
    place = 2 if newer else 3
    axes = operation.ints(place, "axes") if len(operation.inputs) > place else tuple(range(len(sides)))
    factors = dict(zip(axes, given.ravel().tolist(), strict=True))
    scales = [float(factors.get(axis, 1.0)) for axis in range(len(sides))]
    for side, scale, out in zip(sides, scales, results, strict=True):
        if int(np.floor(np.float32(side) * np.float32(scale))) != out:
            operation.refuse(f"a side of {side} times {scale:g} became {out}")
    return scales
