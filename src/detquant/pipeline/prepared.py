"""The float graph that is planned, calibrated and quantised: one for `inspect`, `plan` and `quantize`."""

from __future__ import annotations

import onnx_ir as ir

from detquant.graph.half_precise import with_half_precise_weights
from detquant.pipeline.detector import Detector
from detquant.targets import Target


def prepared(detector: Detector, target: Target) -> ir.Model:
    """The detector's graph as the target runs it best, its weights to the digits that matter to a grid.

    Args:
        detector: float.
        target: the place to run.
    """
    return with_half_precise_weights(detector.graph_for(target))
