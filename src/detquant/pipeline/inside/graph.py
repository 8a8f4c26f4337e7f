"""The float graph as blocks: what was planned for each, what the runtime made of it, and what that costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import onnx_ir as ir

from detquant.calibration import Feed
from detquant.evaluation.sqnr import sqnr_by_tensor
from detquant.graph.blocks import GraphBlock
from detquant.graph.saturation import with_saturation
from detquant.graph.summary import node_macs
from detquant.graph.traits import WEIGHTED, activation_inputs
from detquant.graph.values import is_op, static_shape
from detquant.numerics import Capability
from detquant.numerics.sqnr import CEILING_DB
from detquant.pipeline.as_blocks import blocks_of, counterparts
from detquant.pipeline.entries import Entry
from detquant.pipeline.float_widths import float_by_width
from detquant.pipeline.inside.names import BlockNames
from detquant.pipeline.job import Job
from detquant.pipeline.prepared import prepared
from detquant.recipes import Dynamic, Fixed, Own, Plan
from detquant.report.evidence import Block

FUNCTION_NAMES: Mapping[str, str] = {"silu": "SiLU", "hardswish": "HardSwish", "mish": "Mish", "Relu": "ReLU"}
"""Activation functions as people write them."""
DECODING, FLOAT, UNKNOWN = "decoding", "float", ""
NO_KERNELS = "{target} has no integer kernels for activations of {bits} bits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """The float graph as blocks.

    Attributes:
        model: the float graph.
        blocks: its blocks.
        names: the blocks by all names that belong to them.
        plan: the decision on its operators; None where nobody tells.
        too_wide: operators on codes that are too wide for the target's kernels, with the width.
    """

    model: ir.Model
    blocks: tuple[GraphBlock, ...]
    names: BlockNames
    plan: Plan | None = None
    too_wide: Mapping[str, int] = field(default_factory=dict)


def drawing_of(job: Job, quantized: Entry) -> Drawing:
    """The graph that was quantised, as blocks; its decoding is one of them where all of it is in float.

    Args:
        job: how it was made.
        quantized: what came of it.
    """
    made = quantized.model
    model, plan = (made.reference, made.plan) if made else (prepared(job.detector, job.target), None)
    blocks = blocks_of(model, plan)
    return Drawing(
        model=model,
        blocks=blocks,
        names=BlockNames(blocks, (job.detector.model.graph, job.detector.imported.model.graph)),
        plan=plan,
        too_wide=float_by_width(model.graph, plan, job.target.capability) if plan else {},
    )


def block_facts(
    drawing: Drawing, quantized: Entry, ran: Mapping[str, str], feeds: Sequence[Feed], threads: int
) -> tuple[Block, ...]:
    """What is known of each block.

    Args:
        drawing: the graph as blocks.
        quantized: the quantised model.
        ran: precision that each block was computed in, as far as the runtime tells.
        feeds: a few images.
        threads: number of threads for these.
    """
    errors = _errors(drawing, quantized, feeds, threads)
    owner = {node: block.name for block in drawing.blocks for node in block.nodes}
    return tuple(
        Block(
            name=block.name,
            operators=tuple(node.name or "" for node in block.nodes),
            title=title(block),
            inputs=tuple(_inputs(block, owner)),
            shape=_shape(block.results[0]),
            planned=_planned(block, drawing.plan, quantized.precision),
            executed=ran.get(block.name),
            error_db=min(
                (errors[name] for value in block.results if (name := value.name or "") in errors), default=None
            ),
            why_float=_why_float(block, drawing, quantized.place.capability, ran.get(block.name)),
            macs=sum(map(node_macs, block.nodes)),
            tail=block.whole,
        )
        for block in drawing.blocks
    )


def title(block: GraphBlock) -> str:
    """What a block is: "Conv 3x3 + SiLU"."""
    if block.whole and len(block.nodes) > 1:
        return f"{DECODING} ({len(block.nodes)} operators)"
    several = {node: one for one in block.activations for node in one.nodes}
    words: dict[object, str] = {}
    for node in block.nodes:
        activation = several.get(node)
        if activation is not None:
            words[activation.output] = FUNCTION_NAMES[activation.kind]
        elif node is block.nodes[0] or not is_op(node, "Add"):  # a bias is a part of its layer
            words[node] = FUNCTION_NAMES.get(node.op_type, _operator(node))
    return " + ".join(words.values())


def _operator(node: ir.Node) -> str:
    """An operator with the size of its window."""
    weight = static_shape(node.inputs[1]) if is_op(node, "Conv", "ConvTranspose") else None
    window = list(weight[2:]) if weight else list(node.attributes.get_ints("kernel_shape", []))
    alone = is_op(node, "Conv") and weight and weight[1] == 1 and node.attributes.get_int("group", 1) > 1
    return " ".join(filter(None, ("depthwise" if alone else "", node.op_type, "x".join(map(str, window)))))


def _inputs(block: GraphBlock, owner: Mapping[ir.Node, str]) -> Iterable[str]:
    """The blocks that a block reads, each once."""
    read = (value.producer() for node in block.nodes for value in node.inputs if value is not None)
    names = (owner[node] for node in read if node is not None and node in owner)
    return dict.fromkeys(name for name in names if name != block.name)


def _shape(value: ir.Value) -> str:
    return "x".join(map(str, value.shape)) if value.shape is not None else ""


def _planned(block: GraphBlock, plan: Plan | None, precision: str) -> str:
    """The precision that was planned, see `Block`.

    Where there is no plan it is the precision of the whole, if that is one of float.
    """
    if plan is None:
        return precision if precision.startswith(("fp", "bf", FLOAT)) else UNKNOWN
    first, integer = block.nodes[0], frozenset(plan.integer)
    weights = [plan.weights[name].qtype.bits for node in block.nodes if (name := node.name or "") in plan.weights]
    if is_op(first, *WEIGHTED) and not weights and first.name not in integer:
        return FLOAT
    computed = [node for node in block.nodes if node.name in integer]
    if not computed and not weights:
        return FLOAT
    activations = _activation_bits(computed, plan)
    return "".join((*(f"w{bits}" for bits in weights[:1]), *(f"a{bits}" for bits in activations[:1])))


def _activation_bits(nodes: Iterable[ir.Node], plan: Plan) -> list[int]:
    """The widths of the grids that operators read, then of those that they write."""
    found = list[int]()
    for node in nodes:
        for value in (*activation_inputs(node), *node.outputs):
            name = value.name or ""
            point = plan.points.get(plan.root(name)) if name in plan.points else None
            if isinstance(point, Own | Fixed | Dynamic):
                found.append(point.spec.qtype.bits)
    return found


def _why_float(block: GraphBlock, drawing: Drawing, capability: Capability, ran: str | None) -> str | None:
    """Why a block's layer, or all of its operators, stayed in float; None where they did not."""
    if drawing.plan is None:
        return None
    first = block.nodes[0]
    asked = (first,) if is_op(first, *WEIGHTED) else block.nodes
    names = [node.name or "" for node in asked]
    wide = [drawing.too_wide[name] for name in names if name in drawing.too_wide]
    if wide and (ran is None or not ran.startswith("int")):  # what only moves codes moves wide ones too
        return NO_KERNELS.format(target=capability.name, bits=max(wide))
    kept = [drawing.plan.kept_float.get(name) for name in names]
    return kept[0] if all(kept) else None


def _errors(drawing: Drawing, quantized: Entry, feeds: Sequence[Feed], threads: int) -> dict[str, float]:
    """SQNR of the results of blocks; those that are exact are left out.

    Most is known since the model was made; images are only run where it was made without any.
    """
    made, known = quantized.model, quantized.sqnr_db
    if made is None or quantized.qdq is None or not feeds:
        return {}
    results = (value for block in drawing.blocks for value in block.results)
    saturated = with_saturation(quantized.qdq)
    left = counterparts((value for value in results if value.name not in known), saturated)
    found = {**known, **sqnr_by_tensor(made.reference, saturated, left, feeds, threads)}
    return {name: error for name, error in found.items() if error < CEILING_DB}
