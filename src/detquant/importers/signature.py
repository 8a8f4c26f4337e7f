"""What identifies a model without running it, read from its graph."""

from __future__ import annotations

from collections.abc import Mapping

import onnx_ir as ir

from detquant.families import Signature
from detquant.graph import joins_at_outputs, operators_at_ends

Shape = tuple[int | str | None, ...]


def signature_of(model: ir.Model, metadata: Mapping[str, str]) -> Signature:
    """The signature of a graph whose shapes are known, with the metadata of the file that it is from."""
    weights = set(model.graph.initializers)  # old files list them among the inputs too
    return Signature(
        inputs={value.name or "": _shape(value) for value in model.graph.inputs if value.name not in weights},
        outputs={value.name or "": _shape(value) for value in model.graph.outputs},
        metadata=metadata,
        ends=operators_at_ends(model.graph),
        joined=joins_at_outputs(model.graph),
    )


def _shape(value: ir.Value) -> Shape:
    if value.shape is None:
        return (None,)
    return tuple(dim if isinstance(dim, int) else dim.value for dim in value.shape)
