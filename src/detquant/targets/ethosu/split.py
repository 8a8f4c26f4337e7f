"""What runs on the NPU, what that takes, and how long Vela thinks that it takes: sentences for a report.

Which operators the CPU keeps is read from the compiled file, which has them as they were; memory and time are Vela's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version

from detquant.targets.ethosu.chip import Chip
from detquant.targets.ethosu.vela import PACKAGE, Compiled
from detquant.targets.tflite.reading import operators_of

NPU = "CUSTOM"
"""Kind of the operators that stand for parts on the NPU."""

SHOWN = 5
KIB = 1024
MEMORIES = {
    "sram_memory_used": "SRAM",
    "dram_memory_used": "DRAM",
    "on_chip_flash_memory_used": "on-chip flash",
    "off_chip_flash_memory_used": "off-chip flash",
}
"""Columns of Vela's table with what is used of a memory, KiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """How a file is split between the NPU and the CPU, as Vela has compiled it.

    Attributes:
        on_npu: number of operators of the file on the NPU, by kind.
        on_cpu: number of operators on the CPU, by kind.
        parts: how many parts of the graph the NPU is started for.
        reasons: why operators are on the CPU, a clause -> how many.
        memory: what is used of each memory, KiB.
        weights: bytes of all weights, as they are and as the NPU reads them.
        milliseconds: Vela's estimate of one image.
        megahertz: clock that it is for.
    """

    on_npu: Mapping[str, int]
    on_cpu: Mapping[str, int]
    parts: int
    reasons: Mapping[str, int]
    memory: Mapping[str, float]
    weights: tuple[float, float]
    milliseconds: float
    megahertz: float

    def sentences(self, chip: Chip) -> Iterator[str]:
        """Sentences on the split, for a report."""
        on, off = sum(self.on_npu.values()), sum(self.on_cpu.values())
        who = f"Vela {version(PACKAGE)}"
        parts = f"{self.parts} part{'s' * (self.parts != 1)}"
        if not off:
            yield f"{who} put all {on} operators on the {chip.title}, as {parts}: {_told(self.on_npu)}."
        elif on:
            yield f"{who} put {on} of {on + off} operators on the {chip.title}, as {parts}: {_told(self.on_npu)}."
        else:
            yield f"{who} put none of {off} operators on the {chip.title}: all of it runs on the CPU."
        if off:
            yield f"On the CPU: {_told(self.on_cpu)}."
        for reason, count in list(self.reasons.items())[:SHOWN]:
            yield f"Not on the NPU: {reason}{f' ({count} of the kind)' if count > 1 else ''}."
        if not on:
            return
        used = " and ".join(f"{kib:.0f} KiB of {name}" for name, kib in self.memory.items() if kib > 0)
        plain, packed = self.weights
        packing = (
            f"; weights are {packed / KIB:.0f} KiB as the NPU reads them, of {plain / KIB:.0f} KiB" if plain else ""
        )
        yield f"It takes {used}{packing}."
        yield (
            f"Vela estimates {self.milliseconds:.2f} ms for an image at {self.megahertz:.0f} MHz ({chip.system}, "
            f"{chip.memory}){', without what the CPU takes' if off else ''}: its estimate, not a measurement."
        )


def split_of(content: bytes, compiled: Compiled) -> Split:
    """The split of a file.

    Args:
        content: the file that Vela was given.
        compiled: what it made of it.
    """
    kept = [op.kind for op in operators_of(compiled.content)]
    on_cpu = Counter(kind for kind in kept if kind != NPU)
    before = Counter(op.kind for op in operators_of(content))
    kinds: dict[tuple[str, str], list[str]] = {}
    for one in compiled.refused:
        kinds.setdefault((one.kind, one.reason.strip().rstrip(".")), []).append(one.output)
    found = compiled.estimates
    return Split(
        on_npu=dict(before - on_cpu),
        on_cpu=dict(on_cpu),
        parts=kept.count(NPU),
        reasons={f"{kind} '{names[0]}' ({reason})": len(names) for (kind, reason), names in kinds.items()},
        memory={name: float(found[column]) for column, name in MEMORIES.items()},
        weights=(float(found["total_original_weights"]), float(found["total_npu_encoded_weights"])),
        milliseconds=1000 * float(found["inference_time"]),
        megahertz=float(found["core_clock"]) / 1e6,
    )


def _told(kinds: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items(), key=lambda one: (-one[1], one[0])))
