"""What identifies a model without running it, read from its graph."""

from __future__ import annotations

from collections.abc import Mapping

import onnx_ir as ir

from detquant.families import Inside, Signature
from detquant.graph import joins_at_outputs, operators_at_ends
from detquant.graph.image_arithmetic import find_image_arithmetic, first_layer_norm

Shape = tuple[int | str | None, ...]


PIXEL_STD = 64.0
"""Standard deviation of the grey levels of photographs, about."""


def signature_of(
    model: ir.Model, metadata: Mapping[str, str], *, element: str = "float32", turned: bool = False
) -> Signature:
    """The signature of a graph whose shapes are known.

    Args:
        model: the graph.
        metadata: metadata of the file that it is from.
        element: type of the image's elements in the file, where the graph itself takes float32.
        turned: whether its converter turned the channels of the first layer's weights.
    """
    weights = set(model.graph.initializers)  # old files list them among the inputs too
    return Signature(
        inputs={value.name or "": _shape(value) for value in model.graph.inputs if value.name not in weights},
        outputs={value.name or "": _shape(value) for value in model.graph.outputs},
        metadata=metadata,
        ends=operators_at_ends(model.graph),
        inside=_inside(model, element, turned),
        joined=joins_at_outputs(model.graph),
    )


def _inside(model: ir.Model, element: str, turned: bool) -> Inside:
    found, norm = find_image_arithmetic(model), first_layer_norm(model.graph)
    gain = None if norm is None else norm * PIXEL_STD
    if found is None:
        return Inside(element=element, turned=turned, gain=gain)
    return Inside(order=found.order, slope=found.slope, offset=found.offset, element=element, turned=turned, gain=gain)


def _shape(value: ir.Value) -> Shape:
    if value.shape is None:
        return (None,)
    return tuple(dim if isinstance(dim, int) else dim.value for dim in value.shape)
