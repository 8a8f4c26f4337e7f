"""Placement by measured latency: parts of the net in which integers do not pay stay float.

Integer convolutions are not always faster: a depthwise kernel moves more bytes than it multiplies, and a conversion
on each side of a short integer run can cost more than the run saves. What pays depends on runtime and processor, so
it is measured, not guessed:

1. The float graph and the quantised one take turns. If the quantised one is well ahead, only the convolution of the
   image is tried in float: its rows of 27 products are too short for integer kernels, and float costs no size there.
   The front of the net, up to the first codes that both ways share, is timed for that: it is short and tells more.
2. Otherwise each candidate (a stage of the net, all depthwise convolutions, operators that only move values, ...) is
   tried in float, and kept there if that is faster by a margin that noise does not reach.

A decision is a measurement, so it is written down (`Context.memory`) and used again for the same model on the same
machine: same inputs, same bytes out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import onnx_ir as ir

from detquant.algorithms._base import Context
from detquant.algorithms.replan import keep_more_float
from detquant.errors import RecipeError, TargetError
from detquant.graph.summary import node_macs
from detquant.graph.taps import only_outputs
from detquant.graph.traits import OPS, WEIGHTED, weight_of
from detquant.graph.values import static_shape
from detquant.recipes import QuantModel
from detquant.targets import Runner
from detquant.targets._base import Arrays
from detquant.targets.latency import compare_latency

MEMORY = "placement"
IMAGE = "convolution of the image"
FIRST_LOOK = 5
"""Runs that tell a model which is well ahead from one that is not: that needs no precision..."""
DOUBTFUL = 0.1
"""... unless the ratio is as near to the bar as this."""
HOPELESS = 0.99
"""A candidate that a first look finds above this share of the latency is not timed further."""
LONGEST = 8.0
"""Seconds for one comparison after which there are no more runs than in a first look: long runs are not noisy."""
WARM_UP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Keeps in float what is faster in float.

    Attributes:
        enough: ratio of latencies, quantised over float, below which nothing but that convolution is tried.
        gain: a candidate must bring the latency to this share of what it was: each costs size, and a run of small
            gains that are only noise would cost much of it.
        image_gain: the same for the convolution of the image, which costs no size; a share of the whole, too.
        runs: alternating runs of each side.
    """

    enough: float = 0.8
    gain: float = 0.95
    image_gain: float = 0.985
    runs: int = 20

    def __call__(self, qm: QuantModel, context: Context) -> QuantModel:
        """The model with what does not pay in float."""
        if context.target.untimed:
            return qm.noted(f"placement: nothing was timed, since {context.target.untimed}")
        if context.target.capability.integer_only:
            return qm
        remembered = context.memory.get(MEMORY)
        if remembered is not None:
            return keep_more_float(qm, remembered, context) if remembered else qm
        feed = context.feeds[0]
        best = _open(qm, context)
        sides = {"float": context.target.open(context.target.lower(qm.reference), 1), "best": best}
        times = alternate(sides, feed, FIRST_LOOK)
        if abs(times["best"] / times["float"] - self.enough) < DOUBTFUL:
            times = alternate(sides, feed, self.affordable(times))
        kept: dict[str, str] = {}
        tried = list(candidates(qm))
        if times["best"] <= self.enough * times["float"]:
            tried = [(title, names) for title, names in tried if title == IMAGE]
        for done, (title, names) in enumerate(tried, 1):
            context.tick("placing by latency", done, len(tried))
            more = dict.fromkeys((n for n in names if n not in qm.kept), f"placement: {title}, faster in float")
            try:
                trial = keep_more_float(qm, more, context)
                until, gain = (first_shared(qm, trial, names), self.image_gain) if title == IMAGE else (None, self.gain)
                before = _open(qm, context, until) if until else best
                after = _open(trial, context, until)
                front = self.timed({"best": before, "trial": after}, feed)
            except (RecipeError, TargetError):  # nothing would be left in integers, or the place refuses the mixture
                continue
            if front["best"] - front["trial"] > (1 - gain) * (times["best"] if until else front["best"]):
                kept |= more
                qm, best = trial, _open(trial, context) if until and done < len(tried) else after
        context.memory[MEMORY] = kept
        return qm

    def timed(self, sides: dict[str, Runner], feed: Arrays) -> dict[str, float]:
        """Both sides of a candidate; only a first look at them where that shows that there is nothing to win."""
        times = alternate(sides, feed, FIRST_LOOK)
        return times if times["trial"] > HOPELESS * times["best"] else alternate(sides, feed, self.affordable(times))

    def affordable(self, times: dict[str, float]) -> int:
        """How many runs of both sides are wanted, by the milliseconds that they took."""
        return max(FIRST_LOOK, min(self.runs, int(LONGEST * 1e3 / sum(times.values()))))


def _open(qm: QuantModel, context: Context, until: str | None = None) -> Runner:
    """The model on the target, or its front: what writes the codes of tensor ``until``."""
    qdq = qm.qdq()
    if until is not None:
        codes = [n.outputs[0] for n in qdq.graph if n.op_type == "QuantizeLinear" and _reads(n, until)]
        qdq = only_outputs(qdq, codes[:1])
    return context.target.open(context.target.lower(qdq), 1)


def _reads(node: ir.Node, name: str) -> bool:
    return any(value is not None and value.name == name for value in node.inputs)


def first_shared(a: QuantModel, b: QuantModel, names: Collection[str]) -> str | None:
    """The first tensor behind these operators that is in codes in both models, or None."""
    both, reached = set(a.activations) & set(b.activations), set[int]()
    for node in a.reference.graph:
        if node.name in names or any(id(value) in reached for value in node.inputs):
            reached |= set(map(id, node.outputs))
            for value in node.outputs:
                if value.name in both:
                    return value.name
    return None


def alternate(sides: dict[str, Runner], feed: Arrays, runs: int) -> dict[str, float]:
    """Median milliseconds of each side, taking turns in one process."""
    return {name: taken.median_ms for name, taken in compare_latency(sides, feed, runs, WARM_UP).items()}


def candidates(qm: QuantModel) -> Iterator[tuple[str, list[str]]]:
    """What is tried in float, by title: names of integer operators."""
    integer = set(qm.plan.integer)
    nodes = [n for n in qm.reference.graph if n.name in integer]
    groups: dict[str, list[ir.Node]] = {
        IMAGE: [n for n in nodes if _input_channels(n) <= 4],
        "resizing": [n for n in nodes if n.op_type == "Resize"],
        "slicing the image": [n for n in nodes if n.op_type == "Slice"],
        "depthwise convolutions": [n for n in nodes if n.op_type == "Conv" and _is_depthwise(n)],
    }
    groups |= _stages(nodes)
    for title, members in groups.items():
        if members and len(members) < len(nodes) and _leaves_weights(nodes, members):
            yield title, [n.name or "" for n in members]


def _stages(nodes: list[ir.Node]) -> dict[str, list[ir.Node]]:
    """Operators by the size of the map that they write, by title, where convolutions are among them.

    The largest share of the work comes first: a small one in float, between integers, would be little but conversions.
    """
    work: dict[str, int] = {}
    for node in nodes:
        if node.op_type == "Conv" and (size := _size(node)) is not None:
            work[size] = work.get(size, 0) + node_macs(node)
    sizes = sorted(work, key=lambda size: -work[size])
    return {f"stage of {size}": [n for n in nodes if _size(n) == size] for size in sizes}


def _size(node: ir.Node) -> str | None:
    """Height and width of the map that the operator writes."""
    shape = static_shape(node.outputs[0])
    return f"{shape[2]}x{shape[3]}" if shape is not None and len(shape) == 4 else None


def _leaves_weights(nodes: list[ir.Node], members: list[ir.Node]) -> bool:
    gone = set(map(id, members))
    return any(n.op_type in WEIGHTED and id(n) not in gone for n in nodes)


def _input_channels(node: ir.Node) -> int:
    weight = weight_of(node)
    if node.op_type != "Conv" or weight is None or weight.shape is None:
        return 1 << 30
    return int(weight.shape[1]) * node.attributes.get_int("group", 1)  # type: ignore[arg-type]


def _is_depthwise(node: ir.Node) -> bool:
    weight = weight_of(node)
    return (
        OPS[node.op_type].weight_input is not None
        and weight is not None
        and weight.shape is not None
        and weight.shape[1] == 1
    )
