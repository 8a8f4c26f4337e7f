"""Why a quantised model is as slow as it is, in sentences that follow from its times by operator.

1. How much of the time goes where: layers on codes, layers in float, rounding between the two, layouts, decoding, the
   rest.
2. What the layers take against those of the float model, and which blocks take longer than there.
3. How many layers bear names that lead to no block, so that neither is known of them.

A share below `LEAST` is not told: it explains nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from detquant.report.evidence import Block, OperatorTime, Profile

LEAST = 5.0
"""Share of a run from which it is told, per cent."""
SHOWN = 3
LONGER, BY = 1.2, 0.5
"""A block is named that takes so many times as long as in float, and more by this share of the run, per cent."""
NEARLY_ALL = 0.9
"""Share of the time of the layers that must be known of the float model, too, for them to be compared."""
CODES = "int8"

LAYERS, FLOAT, ROUNDING, LAYOUT, DECODING, OTHER = "layers", "float", "rounding", "layout", "decoding", "other"
KINDS: Mapping[str, frozenset[str]] = {
    ROUNDING: frozenset(
        {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "FakeQuantize", "Convert", "Cast"}
    ),
    LAYOUT: frozenset({"ReorderInput", "ReorderOutput", "Reorder", "Transpose", "TRANSPOSE"}),
    LAYERS: frozenset(
        {"QLinearConv", "QLinearMatMul", "QGemm", "ConvInteger", "MatMulInteger", "DynamicQuantizeMatMul"}
        | {"Conv", "FusedConv", "ConvTranspose", "Gemm", "FusedGemm", "MatMul", "FusedMatMul"}
        | {"Convolution", "GroupConvolution", "Deconvolution", "FullyConnected"}
        | {"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED", "BATCH_MATMUL"}
    ),
}
"""Types of runtimes' operators that round, turn layouts around, and multiply by weights."""
SAID = {
    LAYERS: "{share:.0f}% in {layers} on codes",
    FLOAT: "{share:.0f}% in operators in floating point ({kinds})",
    ROUNDING: "{share:.0f}% in rounding and back ({kinds})",
    LAYOUT: "{share:.0f}% in turning layouts around ({kinds})",
    DECODING: "{share:.0f}% in the decoding behind the network",
    OTHER: "{share:.0f}% in the other operators on codes ({kinds})",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a run.

    Attributes:
        what: a key of `SAID`.
        share: share of the run, per cent.
        ms: milliseconds.
        operators: how many operators there are of it.
        kinds: the types of operators that take most of it, the first the most.
    """

    what: str
    share: float
    ms: float
    operators: int
    kinds: tuple[str, ...]


def parts_of_time(profile: Profile, blocks: Sequence[Block]) -> tuple[Part, ...]:
    """Where the time of a run goes, the greatest part first.

    Args:
        profile: the time by operator.
        blocks: of the float graph, which know what decodes.
    """
    tails, whole = {block.name for block in blocks if block.tail}, sum(one.ms for one in profile.operators)
    sorted_out: dict[str, list[OperatorTime]] = {}
    for one in profile.operators:
        sorted_out.setdefault(_part_of(one, tails), []).append(one)
    parts = (_part(what, some, whole) for what, some in sorted_out.items())
    return tuple(sorted(parts, key=lambda part: (-part.ms, part.what)))


def why_slow(reference: Profile | None, quantized: Profile, blocks: Sequence[Block]) -> tuple[str, ...]:
    """Sentences on where the time of a quantised model goes.

    Args:
        reference: the float model's time by operator; None where it is not known.
        quantized: the quantised model's.
        blocks: of the float graph.
    """
    parts = parts_of_time(quantized, blocks)
    whole = sum(part.ms for part in parts)
    if not whole:
        return ()
    told = [
        SAID[part.what].format(share=part.share, layers=_layers(part.operators), kinds=", ".join(part.kinds))
        for part in parts
        if part.share >= LEAST
    ]
    said = [f"Of the {whole:.2f} ms that its operators take, {_joined(told)}."] if told else []
    return (*said, *(_against(reference, quantized, blocks) if reference else ()))


def without_block(profile: Profile, title: str) -> str | None:
    """A sentence on the layers of a profile of which nothing tells the block; None where there are none.

    Args:
        profile: the time by operator.
        title: what its model is called.
    """
    layers = [one for one in profile.operators if one.kind in KINDS[LAYERS]]
    lost = sum(one.block is None for one in layers)
    if not lost:
        return None
    has, whose, them = ("has", "its", "it") if lost == 1 else ("have", "their", "them")
    there = "the 1 layer" if len(layers) == 1 else f"{len(layers):,} layers"
    return (
        f"{title}: {lost:,} of {there} {has} no block, for the runtime's name of {them} is none of the graph's, as "
        f"where the operations of an OpenVINO IR have no tensor names; {whose} time and precision are not told of any "
        "block."
    )


def _against(reference: Profile, quantized: Profile, blocks: Sequence[Block]) -> Iterable[str]:
    """What there is to say beside the float model."""
    tails = {block.name for block in blocks if block.tail}
    before, after = (_by_block(profile) for profile in (reference, quantized))
    layers = [one for one in quantized.operators if _part_of(one, tails) == LAYERS]
    known = sorted({one.block for one in layers if one.block is not None and one.block in before})
    share = sum(one.ms for one in layers if one.block in known) / (sum(one.ms for one in layers) or 1.0)
    if known and share > NEARLY_ALL:
        then, now = (sum(times[name] for name in known) for times in (before, after))
        told = f"{_layers(len(known))} on codes, with what belongs to {'it' if len(known) == 1 else 'them'}"
        take = "takes" if len(known) == 1 else "take"
        yield f"{told.capitalize()}, {take} {now:.2f} ms, in float {then:.2f} ms."
    whole = sum(after.values())
    longer = {
        name: ms - before[name]
        for name, ms in after.items()
        if name in before and ms > LONGER * before[name] and 100 * (ms - before[name]) > BY * whole
    }
    worst = sorted(longer, key=lambda name: (-longer[name], name))
    if worst:
        shown = ", ".join(f"'{name}' ({before[name]:.2f} ms, now {after[name]:.2f})" for name in worst[:SHOWN])
        more = f" and {len(worst) - SHOWN} more" if len(worst) > SHOWN else ""
        yield f"These take longer than in float: {shown}{more}."


def _by_block(profile: Profile) -> Mapping[str, float]:
    total: dict[str, float] = {}
    for one in profile.operators:
        if one.block is not None:
            total[one.block] = total.get(one.block, 0.0) + one.ms
    return total


def _part_of(one: OperatorTime, tails: Collection[str | None]) -> str:
    """The part of a run that an operator belongs to: by what it does, then by where it is, then by its precision."""
    for what in (ROUNDING, LAYOUT):
        if one.kind in KINDS[what] and one.block not in tails:
            return what
    if one.block in tails:
        return DECODING
    if one.precision != CODES:
        return FLOAT
    return LAYERS if one.kind in KINDS[LAYERS] else OTHER


def _part(what: str, some: Sequence[OperatorTime], whole: float) -> Part:
    times: dict[str, float] = {}
    for one in some:
        times[one.kind] = times.get(one.kind, 0.0) + one.ms
    ms = sum(times.values())
    kinds = sorted(times, key=lambda kind: (-times[kind], kind))[:SHOWN]
    return Part(what=what, share=100 * ms / whole if whole else 0.0, ms=ms, operators=len(some), kinds=tuple(kinds))


def _layers(count: int) -> str:
    return "the 1 layer" if count == 1 else f"the {count} layers"


def _joined(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
