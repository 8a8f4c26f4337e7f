"""Write shape and element type on every value of the graph, as far as they can be known without running it.

ONNX's shape inference does the work, with data propagation so that the shapes that other shapes are computed
from are followed too. Outputs of operators outside the ONNX standard, and of operators whose result's size
depends on the data (NonMaxSuppression, NonZero), stay unknown.

Data is not propagated where that would take memory without end (see `propagation`); constants are folded then shape
by shape, in more rounds.
"""

from __future__ import annotations

import logging

import onnx_ir as ir
from onnx_ir.passes.common import ShapeInferencePass

from detquant.graph.propagation import propagates_much

# Of a graph that it cannot follow onnx_ir logs the whole traceback: for whoever sets a log up, not for the terminal.
logging.getLogger("onnx_ir").addHandler(logging.NullHandler())


def infer_shapes(model: ir.Model) -> ir.Model:
    """Infer shapes and types, in place. A value that cannot be known keeps what it had."""
    if propagates_much(model):
        _infer(model, data_prop=False)
        if propagates_much(model):  # now that more shapes are known
            return model
    return _infer(model, data_prop=True)


def _infer(model: ir.Model, data_prop: bool) -> ir.Model:
    ShapeInferencePass(check_type=False, strict_mode=False, data_prop=data_prop)(model)
    return model
