"""Write shape and element type on every value of the graph, as far as they can be known without running it.

ONNX's shape inference does the work, with data propagation so that the shapes that other shapes are computed
from are followed too. Outputs of operators outside the ONNX standard, and of operators whose result's size
depends on the data (NonMaxSuppression, NonZero), stay unknown.
"""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes.common import ShapeInferencePass


def infer_shapes(model: ir.Model) -> ir.Model:
    """Infer shapes and types, in place. A value that cannot be known keeps what it had."""
    ShapeInferencePass(check_type=False, strict_mode=False, data_prop=True)(model)
    return model
