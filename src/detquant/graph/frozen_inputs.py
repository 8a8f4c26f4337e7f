"""Write constants in the place of inputs, for places that take an image alone."""

from __future__ import annotations

from collections.abc import Mapping

import onnx_ir as ir

from detquant.graph.fold_constants import fold_constants
from detquant.graph.values import new_initializer, used_names
from detquant.numerics.arrays import Array


def with_frozen_inputs(model: ir.Model, given: Mapping[str, Array]) -> ir.Model:
    """A copy of a model whose inputs of these names are constants; the model itself where there are none.

    Args:
        model: prepared.
        given: what the inputs are, by name.
    """
    if not given:
        return model
    copy = model.clone()
    taken = used_names(copy.graph)
    for value in [one for one in copy.graph.inputs if one.name in given]:
        array = given[value.name or ""].astype(value.dtype.numpy() if value.dtype else None)
        constant = new_initializer(copy.graph, f"{value.name}_given", array, taken)
        ir.convenience.replace_all_uses_with(value, constant)
        copy.graph.inputs.remove(value)
    return fold_constants(copy)
