"""What is known of a model that detquant has quantised: what it decided, and what that does to each tensor."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import onnx_ir as ir

from detquant.calibration import Feed, QuantModel
from detquant.evaluation.sqnr import sqnr_by_tensor
from detquant.graph.saturation import with_saturation
from detquant.pipeline.as_blocks import blocks_of, counterparts
from detquant.pipeline.inspection import describe_plan
from detquant.recipes import Fixed, Plan
from detquant.report.files import to_json

SQNR_IMAGES = 2


def plan_digest(plan: Plan) -> str:
    """The sha256 of all that a plan says."""
    return hashlib.sha256(to_json(describe_plan(plan)).encode()).hexdigest()


def sqnr(
    qm: QuantModel, qdq: ir.Model, feeds: Sequence[Feed], threads: int
) -> tuple[dict[str, float], dict[str, float]]:
    """SQNR in dB of each quantised tensor, and of each other result of a block, on a few images.

    Left out are tensors whose grid is chosen for what a function makes of them: SiLU's input is clipped where SiLU
    is flat, so only the function's output tells.
    """
    aside = {v.name for v in qm.reference.graph.inputs} | set(qm.plan.preactivations)
    known = {v.name for n in qdq.graph for v in n.outputs}
    tensors = {
        name: f"{name}_dequantized"
        for name in qm.activations
        if name not in aside and not isinstance(qm.plan.points[name], Fixed) and f"{name}_dequantized" in known
    }
    saturated, blocks = with_saturation(qdq), blocks_of(qm.reference, qm.plan)
    results = (value for block in blocks for value in block.results if value.name not in tensors)
    others = counterparts(results, saturated)
    found = sqnr_by_tensor(qm.reference, saturated, {**tensors, **others}, feeds[:SQNR_IMAGES], threads)
    return {name: found[name] for name in tensors}, {name: found[name] for name in others}
