"""Which operators of a file run on the Edge TPU, as its compiler can be expected to split it.

The compiler makes one part for the chip: every operator that is taken and that depends on no operator which is not. As
soon as one is not taken, all that is computed from it runs on the CPU.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from detquant.targets.edgetpu.operators import ON_CHIP, why_not
from detquant.targets.tflite.reading import Operator, operators_of

SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """How a file is split between the Edge TPU and the CPU.

    Attributes:
        mapped: operators on the Edge TPU, by kind.
        left: number of operators on the CPU, by kind.
        reasons: what keeps operators off the chip, a sentence -> how many.
        parameter_bytes: bytes of weights and biases that the chip reads.
    """

    mapped: Mapping[str, int]
    left: Mapping[str, int]
    reasons: Mapping[str, int]
    parameter_bytes: int

    def sentences(self) -> Iterator[str]:
        """Sentences on the split, for a report."""
        on, off = sum(self.mapped.values()), sum(self.left.values())
        yield (
            f"Predicted from Coral's list: {on} of {on + off} operators on the Edge TPU, {off} behind them on the CPU."
            if off
            else f"Predicted from Coral's list: all {on} operators on the Edge TPU."
        )
        for reason, count in list(self.reasons.items())[:SHOWN]:
            yield f"Not on the Edge TPU: {reason}{f' ({count} of the kind)' if count > 1 else ''}."
        size, chip = self.parameter_bytes / 2**20, ON_CHIP >> 20
        if self.parameter_bytes > ON_CHIP:
            yield (
                f"Its parameters are {size:.1f} MB and the chip holds {chip} MB: the rest is streamed from the host in "
                f"each run, which is slower."
            )
        else:
            yield f"Its parameters are {size:.1f} MB of the {chip} MB on the chip."


def predict(content: bytes) -> Split:
    """The split of a file that detquant has written."""
    off: set[str] = set()
    mapped, left, kinds = Counter[str](), Counter[str](), dict[tuple[str, str], list[Operator]]()
    parameters: dict[int, int] = {}
    for op in operators_of(content):
        reason = why_not(op)
        if reason is not None:
            kinds.setdefault((op.kind, reason), []).append(op)
        if reason is not None or any(tensor.name in off for tensor in op.inputs):
            off |= {tensor.name for tensor in op.outputs}
            left[op.kind] += 1
            continue
        mapped[op.kind] += 1
        parameters |= {id(tensor): tensor.size_bytes for tensor in op.constants}
    reasons = {f"{kind} '{ops[0].outputs[0].name}' {reason}": len(ops) for (kind, reason), ops in kinds.items()}
    return Split(mapped=mapped, left=left, reasons=reasons, parameter_bytes=sum(parameters.values()))
