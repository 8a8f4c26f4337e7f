"""What a report shows besides its table: what is seen, at which threshold, where it is lost, of what it was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from detquant.evaluation.breakdown import Part
from detquant.evaluation.changes import SeenImage
from detquant.evaluation.resampling import Interval
from detquant.evaluation.thresholds import Thresholds


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorLoss:
    """A tensor on its grid, and what rounding it costs.

    Attributes:
        name: name of the tensor in the float graph.
        operator: name of the operator that makes it, empty for the image itself; for a weight, of that which reads it.
        kind: "activation" or "weight".
        bits: width of its codes.
        scale: step of the grid; of several, the median.
        steps: number of steps: 1, or one for each channel or group.
        zero_point: code of 0; of several, that of the first.
        low: smallest number of the grid; of several, the least.
        high: largest number of the grid; of several, the greatest.
        seen_low: smallest number that was seen in calibration, or that the weight has.
        seen_high: largest number, likewise.
        clipped: share of the numbers that lie outside of the grid, per cent; None where it is not known.
        alone_db: SQNR of the tensor when nothing else is rounded; where its grid is chosen for what a function makes of
            it (SiLU's input), that of the function's result; None where it is not known or exact.
        cumulative_db: SQNR of the tensor in the quantised model against the float one; likewise.
        counts: histogram of its numbers in equal bins from ``seen_low`` to ``seen_high``; empty where there is none.
    """

    name: str
    operator: str
    kind: str
    bits: int
    scale: float
    steps: int
    zero_point: int
    low: float
    high: float
    seen_low: float
    seen_high: float
    clipped: float | None = None
    alone_db: float | None = None
    cumulative_db: float | None = None
    counts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Operators that belong together in the picture of the graph: a convolution and its activation.

    Attributes:
        name: name of its first operator, as Netron shows it.
        operators: names of all.
        title: what it is: "Conv 3x3 + SiLU".
        inputs: names of the blocks whose results it reads.
        shape: shape of its result: "1x64x40x40".
        planned: precision that was planned: "w8a8", "a8" where there is no weight, "w4" where the weight alone is in
            codes, "float"; empty where who quantised it does not tell.
        executed: precision that the runtime computes its layer in, as it says: "int8", "float", "bf16"; "mixed" where
            there is no layer and operators differ; None where it does not tell.
        error_db: SQNR of its result in the quantised model; None where it is not known.
        why_float: why it stayed in float; None where it did not.
        macs: multiply-accumulates.
        tail: whether it is the decoding behind the network.
    """

    name: str
    operators: tuple[str, ...]
    title: str
    inputs: tuple[str, ...]
    shape: str
    planned: str
    executed: str | None = None
    error_db: float | None = None
    why_float: str | None = None
    macs: int = 0
    tail: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorTime:
    """The time that the runtime spends in an operator of its own graph.

    Attributes:
        name: name in the runtime's graph.
        kind: type of its operator: "QLinearConv".
        precision: what it computes in, as the runtime says; None where it does not tell.
        ms: median time of a run, milliseconds.
        block: name of the block of the float graph that it is a part of; None where nothing tells.
    """

    name: str
    kind: str
    precision: str | None
    ms: float
    block: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The time of one model by operator.

    Attributes:
        row: name of the report's row.
        operators: those of the runtime's graph, in the order in which they run.
    """

    row: str
    operators: tuple[OperatorTime, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """By what a result can be made again.

    Attributes:
        command: the command line, or the call.
        processor: name of the processor.
        instructions: instruction sets of it that matter here: "avx2", "avx512_vnni", "amx_int8".
        system: name and version of the operating system and of Python.
        data_sha256: digest over the names and sizes of the images and what is known of them.
        calibration: names of the calibration images, in order.
        packages: versions of what took part, by distribution.
    """

    command: str
    processor: str
    instructions: tuple[str, ...] = ()
    system: str = ""
    data_sha256: str | None = None
    calibration: tuple[str, ...] = ()
    packages: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """What models of a family usually lose at these widths.

    Attributes:
        low: the lesser end, points of the measure.
        high: the greater end.
        what: of which models, recipe and data this is known.
        source: where it is from: a page, or the command that measured it.
    """

    low: float
    high: float
    what: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a quantised model besides its figures; what is not known is empty.

    Attributes:
        row: name of the row that it is about; None where that is the report's own.
        classes: class names, by class_id.
        seen: images in which most has changed, the most first, each model at its threshold.
        shown_at: the threshold of the float model and that of the quantised one, at which boxes are shown; empty of
            classifiers.
        changed: in how many of the images something has changed; None where nobody has looked.
        thresholds: curves over confidence, and the threshold that is proposed.
        parts: accuracy by class and by size of the object.
        interval: interval of the drop.
        usual: what is usually lost.
        tensors: grids and what rounding costs, in the order of the graph.
        blocks: the graph.
        profiles: time by operator, of the float model and the quantised one.
        provenance: by what it can be made again.
    """

    row: str | None = None
    classes: tuple[str, ...] = ()
    seen: tuple[SeenImage, ...] = ()
    shown_at: tuple[float, ...] = ()
    changed: int | None = None
    thresholds: Thresholds | None = None
    parts: tuple[Part, ...] = ()
    interval: Interval | None = None
    usual: Usual | None = None
    tensors: tuple[TensorLoss, ...] = ()
    blocks: tuple[Block, ...] = ()
    profiles: tuple[Profile, ...] = ()
    provenance: Provenance | None = None

    def figures(self) -> dict[str, Any]:
        """The evidence as plain values, as JSON gives them back."""
        plain: dict[str, Any] = _with_lists(asdict(self))
        return plain

    def without_files(self) -> Evidence:
        """The evidence of a command that writes no files, so that there are no pictures to show."""
        return replace(self, seen=tuple(replace(one, file=None) for one in self.seen))


def _with_lists(value: Any) -> Any:
    """The value with lists in the place of tuples."""
    if isinstance(value, dict):
        return {key: _with_lists(item) for key, item in value.items()}
    return [_with_lists(item) for item in value] if isinstance(value, (list, tuple)) else value
