"""Fix every free dimension of the graph inputs: INT8 on small devices knows static shapes only.

1. The first dimension is the batch: free becomes 1.
2. Height and width of an image input (rank 4) that are free are taken from `imgsz`, else from the metadata
   property "imgsz" that Ultralytics writes ("[640, 640]", height first), else the model is refused.
3. Height and width that are fixed must agree with an `imgsz` that is given.
4. Any other free dimension is refused, for nothing says what it should be.
5. An input without values, or of more than any memory holds, is refused.

An image is NCHW, unless its last dimension is 1, 3 or 4 and its second is not (TensorFlow exports: NHWC; see
`image_layout`).
Shapes inside the graph that were written for free dimensions are forgotten; `infer_shapes` finds them again.
"""

from __future__ import annotations

import math

import onnx_ir as ir

from detquant.errors import ModelError
from detquant.graph.image_layout import channels_are_last
from detquant.graph.values import static_shape
from detquant.untrusted import one_line, parse_json

_MOST_VALUES = 1 << 28


def fix_shapes(model: ir.Model, imgsz: int | tuple[int, int] | None = None) -> ir.Model:
    """Make all input shapes static, in place.

    Args:
        model: an opset 21 model.
        imgsz: side of the square input in pixels, or (height, width).

    Raises:
        ModelError: a free dimension that nothing fixes, or an `imgsz` the model is not made for.
    """
    wanted = (imgsz, imgsz) if isinstance(imgsz, int) else imgsz
    if wanted is not None and min(wanted) < 1:
        raise ModelError(f"An image size of {wanted[0]}x{wanted[1]} makes no sense: expected at least 1x1.")
    was_free = False
    for value in model.graph.inputs:
        if value.shape is None:
            raise ModelError(f"The model's input '{value.name}' has no shape: export it with one.")
        was_free |= static_shape(value) is None
        value.shape = ir.Shape(fixed_shape(value.name or "", list(value.shape), wanted, model.metadata_props))
    if was_free:
        _forget_free_shapes(model.graph)
    return model


def fixed_shape(name: str, dims: list[object], wanted: tuple[int, int] | None, metadata: dict[str, str]) -> list[int]:
    """The shape of one input, by the cases at the top of this file.

    Args:
        name: name of the input, for messages.
        dims: dimensions of the input; one that is not an int is free. Changed.
        wanted: height and width in pixels.
        metadata: metadata of the file.

    Raises:
        ModelError: a free dimension that nothing fixes, or a size that is not the model's.
    """
    if dims and not isinstance(dims[0], int):  # case 1
        dims[0] = 1
    if len(dims) == 4:
        axes = _spatial_axes(dims)
        free = any(not isinstance(dims[axis], int) for axis in axes)
        size = wanted or (_metadata_imgsz(metadata) if free else None)
        for axis, pixels in zip(axes, size or (), strict=False):
            if not isinstance(dims[axis], int):  # case 2
                dims[axis] = pixels
        found = (dims[axes[0]], dims[axes[1]])
        if wanted is not None and found != wanted:  # case 3
            raise ModelError(
                f"The model's input '{name}' is fixed to {found[0]}x{found[1]} (height x width), and "
                f"{wanted[0]}x{wanted[1]} was asked for: leave --imgsz out, or export the model anew."
            )
    if not all(isinstance(dim, int) for dim in dims):  # case 4
        shown = ", ".join(_shown(dim) for dim in dims)
        raise ModelError(f"The model's input has free dimensions ('{name}' is [{shown}]): pass --imgsz.")
    sizes = [int(dim) for dim in dims if isinstance(dim, int)]
    if math.prod(sizes) > _MOST_VALUES or any(size < 1 for size in sizes):  # case 5
        raise ModelError(
            f"The model's input '{name}' of {one_line(str(sizes))} is nothing that can be run: expected sizes of at "
            f"least 1, and no more than {_MOST_VALUES} values."
        )
    return sizes


def _spatial_axes(dims: list[object]) -> tuple[int, int]:
    return (1, 2) if channels_are_last(dims) else (2, 3)


def _metadata_imgsz(metadata: dict[str, str]) -> tuple[int, int] | None:
    try:
        size = parse_json(metadata.get("imgsz", "null"))
    except ValueError:
        return None
    sides = [size, size] if isinstance(size, int) else size
    if isinstance(sides, list) and len(sides) == 2 and all(type(side) is int and side > 0 for side in sides):
        return sides[0], sides[1]
    return None


def _shown(dim: object) -> str:
    if isinstance(dim, ir.SymbolicDim):
        return dim.value or "?"
    return str(dim)


def _forget_free_shapes(graph: ir.Graph) -> None:
    for node in graph.all_nodes():
        for value in node.outputs:
            if static_shape(value) is None:
                value.shape = None
