"""Placement by measured latency: parts of the net in which integers do not pay stay float.

Integer convolutions are not always faster: a depthwise kernel moves more bytes than it multiplies, and a conversion
on each side of a short integer run can cost more than the run saves. What pays depends on runtime and processor, so
it is measured, not guessed:

1. The float graph and the quantised one take turns. Unless it is clear that the quantised one is not well ahead, only
   the convolution of the image is tried in float: its rows of 27 products are too short for integer kernels, and float
   costs no size there. The front of the net, up to the first codes that both ways share, is timed for that: it is
   short and tells more.
2. Otherwise each candidate (a stage of the net, all depthwise convolutions, operators that only move values, ...) is
   tried in float, and kept there if that is faster by a margin that noise does not reach.

A ratio is a measurement, and one that is within noise of its bar falls to the integers, see `beyond_noise`. What was
decided is remembered (`Measurements`) and used again: for the same model on the same machine, and where the user gives
an earlier report. Names in it are looked at as anything else that comes from a file.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from functools import partial
from typing import ClassVar

import onnx_ir as ir

from detquant.algorithms._base import Context
from detquant.algorithms.beyond_noise import FEW, Bar, Timing, processor_clock, time_until_clear
from detquant.algorithms.options import Count, Positive, PositiveShare
from detquant.algorithms.placement_candidates import IMAGE, candidates
from detquant.algorithms.replan import keep_more_float, with_notes_of
from detquant.calibration import QuantModel
from detquant.errors import ModelError, RecipeError, TargetError
from detquant.graph.taps import only_outputs
from detquant.recipes import Stage
from detquant.targets import Runner
from detquant.targets._base import Arrays
from detquant.targets.latency import time_turns

MEMORY = "placement"
ALL = "the whole net"
HOPELESS = 0.99
"""A candidate that a first look finds above this share of the latency is not timed further."""
LONGEST, SHORT = 8.0, 2.0
"""Seconds for one comparison after which there are no more turns than in a first look, for long runs are not noisy; and
seconds up to which there may be more turns than usual, as short runs are."""
MOST = 60
WARM_UP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The measured latency of one candidate.

    Attributes:
        what: title of the part that was tried in float.
        ratio: latency with this part in float over latency without.
        low: lower end of the ratio's confidence interval.
        high: upper end of the interval.
        bar: ratio below which float pays; for the whole net, below which more than one convolution is tried.
        turns: turns that the measurement took.
    """

    what: str
    ratio: float
    low: float
    high: float
    bar: float
    turns: int

    @property
    def pays(self) -> bool:
        """Whether float is faster, beyond noise."""
        return self.high < self.bar

    @classmethod
    def of(cls, what: str, timing: Timing, bar: float) -> Measured:
        """The figures of a candidate, rounded to the four digits that are written down."""
        low, ratio, high = (round(one, 4) for one in timing.interval())
        return cls(what=what, ratio=ratio, low=low, high=high, bar=round(bar, 4), turns=timing.turns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Keeps in float what is faster in float.

    Attributes:
        enough: ratio of latencies, quantised over float, up to which nothing but that convolution is tried.
        gain: a candidate must bring the latency to this share of what it was: each costs size, and a run of small
            gains that are only noise would cost much of it.
        image_gain: share of the whole net's latency, to which the convolution of the image in float must bring it; it
            costs no size.
        runs: turns of each side at most, unless they are short.
    """

    name: ClassVar[str] = "placement"
    stage: ClassVar[Stage] = Stage.CHOICES

    enough: Positive = 0.8
    gain: PositiveShare = 0.95
    image_gain: PositiveShare = 0.985
    runs: Count = 20

    def __call__(self, qm: QuantModel, context: Context) -> QuantModel:
        """The model with what does not pay in float."""
        if context.target.untimed:
            return qm.noted(self, f"placement: nothing was timed, since {context.target.untimed}")
        if context.target.capability.integer_only:
            return qm
        decided = context.measurements.recall(MEMORY)
        if decided is None:
            kept, measured = self.decide(qm, context)
            decided = {"kept_float": kept, "measured": [asdict(one) for one in measured]}
            context.measurements.remember(MEMORY, decided)
        kept = decided["kept_float"]
        if not kept:
            return qm
        gains = {_reason(one["what"]): 1 - one["ratio"] for one in decided["measured"]}
        return with_notes_of({why: gains.get(why) for why in kept.values()}, keep_more_float(qm, kept, context), self)

    def decide(self, qm: QuantModel, context: Context) -> tuple[dict[str, str], list[Measured]]:
        """The operators that go to float, each with its reason, and all measurements."""
        feed, best = context.images.informative[0], _open(qm, context)
        reference = context.target.open(context.target.lower(qm.reference), 1)
        whole = self.timed(best, reference, feed, lambda _: 1 / self.enough)
        measured, kept = [Measured.of(ALL, whole, 1 / self.enough)], dict[str, str]()
        behind = measured[0].pays
        tried = [(title, names) for title, names in candidates(qm) if behind or title == IMAGE]
        for done, (title, names) in enumerate(tried, 1):
            context.tick("placing by latency", done, len(tried))
            more = dict.fromkeys((n for n in names if not _is_float(qm, n)), _reason(title))
            try:
                trial = keep_more_float(qm, more, context)
                until = first_shared(qm, trial, names) if title == IMAGE else None
                before = _open(qm, context, until) if until else best
                after = _open(trial, context, until)
                bar = partial(self.bar, whole_ms=whole.reference_ms if until else None)
                timing = self.timed(before, after, feed, bar, hopeless=HOPELESS)
            except (ModelError, RecipeError, TargetError):  # nothing would be left in integers, or the place refuses it
                continue
            measured.append(Measured.of(title, timing, bar(timing)))
            if measured[-1].pays:
                kept |= more
                qm, best = trial, _open(trial, context) if until and done < len(tried) else after
        return kept, measured

    def timed(self, reference: Runner, candidate: Runner, feed: Arrays, bar: Bar, hopeless: float = math.inf) -> Timing:
        """Times two models until it is clear on which side of the bar their ratio is, or that one is hopeless."""

        def most(timing: Timing) -> int:
            return FEW if timing.interval()[1] > hopeless else self.affordable(timing.turn_ms)

        return time_until_clear(partial(alternate, {"reference": reference, "candidate": candidate}, feed), bar, most)

    def bar(self, timing: Timing, whole_ms: float | None) -> float:
        """The ratio below which a candidate stays in float; for a front of the net, by what it saves of the whole."""
        return self.gain if whole_ms is None else 1 - (1 - self.image_gain) * whole_ms / timing.reference_ms

    def affordable(self, turn_ms: float) -> int:
        """The most turns that a comparison may take, by the milliseconds of one turn."""
        usual, short = min(self.runs, int(LONGEST * 1e3 / turn_ms)), min(MOST, int(SHORT * 1e3 / turn_ms))
        return max(FEW, usual, short)


def _reason(what: str) -> str:
    return f"placement: {what}, faster in float"


def fault(decision: object, operators: Collection[str]) -> str:
    """A clause on what is wrong with a decision that comes from a file; empty where nothing is.

    Args:
        decision: a decision, as `Measurements` would hold it.
        operators: operators of the model.
    """
    if not isinstance(decision, dict) or set(decision) != {"kept_float", "measured"}:
        return "it has other entries than kept_float and measured"
    kept, measured = decision["kept_float"], decision["measured"]
    if not isinstance(kept, dict) or not all(isinstance(why, str) for why in kept.values()):
        return "its kept_float does not give a reason for each operator"
    if unknown := next((name for name in kept if name not in operators), None):
        return f"it speaks of the operator '{unknown}', which the model does not have"
    kinds = {one.name: str if one.name == "what" else (int, float) for one in fields(Measured)}
    for one in measured if isinstance(measured, list) else [None]:
        if not isinstance(one, dict) or set(one) != set(kinds):
            return "its measured is not a list of timings"
        if not all(isinstance(one[name], kind) for name, kind in kinds.items()):
            return "its timings are not numbers"
    return ""


def _is_float(qm: QuantModel, operator: str) -> bool:
    """Whether an algorithm has put the operator in float already; its reason stays."""
    return operator in qm.choices and qm.choices[operator].activation is None


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


def alternate(sides: Mapping[str, Runner], feed: Arrays, turns: int) -> dict[str, list[float]]:
    """Milliseconds of each side, turn by turn, in one process."""
    calls = {name: partial(runner.run, feed) for name, runner in sides.items()}
    taken = time_turns(calls, turns, WARM_UP, processor_clock())
    return {name: [1e3 * seconds for seconds in times] for name, times in taken.items()}
