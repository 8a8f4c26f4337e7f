"""What a run leaves for the next: calibration statistics and measured decisions.

They lie under a name that is made from all that they depend on: model, images, settings; a decision that was measured
also under the processor that it was measured on.
"""

from __future__ import annotations

import json
import platform
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from detquant.report.files import staged

FOLDER = ".calibration"


@dataclass(slots=True)
class Memory:
    """A run's notes to the next one.

    Attributes:
        folder: where they lie, or None to keep nothing.
        key: names model, images and settings; other keys' notes are not read.
        decisions: measured decisions, by algorithm.
    """

    folder: Path | None
    key: str
    decisions: dict[str, Any] = field(default_factory=dict)

    @property
    def statistics(self) -> Path | None:
        """The file for calibration statistics."""
        return self.folder / f"{self.key}.npz" if self.folder else None

    @property
    def _decisions_file(self) -> str:
        """Timings hold for one processor and one runtime only."""
        words = "-".join((platform.machine(), processor_name(), "onnxruntime", version("onnxruntime")))
        return f"{self.key}-{''.join(c if c.isalnum() else '-' for c in words)}.json"


def processor_name() -> str:
    """The processor's model, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


@contextmanager
def remembered(work: Path | None, key: str) -> Iterator[Memory]:
    """Memory as an earlier run left it; written when the block ends well.

    Args:
        work: the result's folder, or None to keep nothing.
        key: see `Memory`.
    """
    memory = Memory(work / FOLDER if work else None, key)
    if memory.folder:
        try:
            text = (memory.folder / memory._decisions_file).read_text(encoding="utf-8")
            memory.decisions = dict(json.loads(text))
        except (OSError, ValueError, TypeError):
            memory.decisions = {}
    yield memory
    if memory.folder and memory.decisions:
        with staged(memory.folder) as put:
            put(memory._decisions_file, json.dumps(memory.decisions, sort_keys=True))


def peak_rss_mb() -> float:
    """Largest resident memory of this process so far, in MB.

    Linux tells it itself: what `getrusage` gives there begins with the size of the process that started this one.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024 / 1e6
    except (OSError, StopIteration):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (1e6 if sys.platform == "darwin" else 1e3)
