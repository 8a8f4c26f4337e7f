"""A graph cut down to some of its tensors."""

from __future__ import annotations

from collections.abc import Iterable

import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from detquant.graph.values import values_by_name


def with_taps_only(model: ir.Model, tensors: Iterable[str]) -> ir.Model:
    """A copy of the model whose outputs are the named tensors and nothing else; what they do not need is removed."""
    model = model.clone()
    values = values_by_name(model.graph)
    return only_outputs(model, [values[name] for name in tensors])


def only_outputs(model: ir.Model, outputs: Iterable[ir.Value]) -> ir.Model:
    """Gives the model these outputs alone, in place, and removes what they do not need."""
    chosen = list(outputs)
    model.graph.outputs.clear()
    model.graph.outputs.extend(chosen)
    RemoveUnusedNodesPass()(model)
    return model
