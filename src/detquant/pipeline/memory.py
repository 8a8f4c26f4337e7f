"""What a run leaves for the next: calibration statistics and measured decisions.

They lie under a name that is made from all that they depend on: model, images, settings; a decision that was measured
also under the versions, and the processor that it was measured on. Statistics lie in the result's folder. Decisions lie
there and in the user's cache folder, so an equal run into another folder decides the same without a clock; where
DETQUANT_CACHE is empty there is no cache, see `detquant.importers.checkpoint.export_cache`.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from detquant._version import __version__
from detquant.errors import OutputError
from detquant.importers.checkpoint.export_cache import cache_folder
from detquant.pipeline.processor import processor_features, processor_name
from detquant.report.together import write_whole
from detquant.untrusted import parse_json, read_text

FOLDER = ".calibration"
CACHED = "decisions"
MOST_BYTES = 2**20  # of one file of decisions
MOST_CACHED = 1000  # files; what was used longest ago goes first


@dataclass(slots=True)
class Memory:
    """A run's notes to the next one.

    Attributes:
        folder: where they lie, or None to keep nothing of this run alone.
        key: names model, images and settings; other keys' notes are not read.
        runtime: the package that is timed.
        decisions: measured decisions, by algorithm.
    """

    folder: Path | None
    key: str
    runtime: str = "onnxruntime"
    decisions: dict[str, Any] = field(default_factory=dict)

    @property
    def statistics(self) -> Path | None:
        """The file for calibration statistics."""
        return self.folder / f"{self.key}.npz" if self.folder else None

    @property
    def steps(self) -> Path | None:
        """How the files begin that steps leave, see `detquant.algorithms.Context.store`."""
        return self.folder / self.key if self.folder else None

    def decision_files(self) -> list[Path]:
        """Where decisions lie, the first that is to be believed first."""
        name, cache = f"{self.key}-{_machine(self.runtime)}.json", cache_folder()
        return [*([self.folder / name] if self.folder else []), *([cache / CACHED / name] if cache else [])]


@contextmanager
def remembered(work: Path | None, key: str, runtime: str = "onnxruntime") -> Iterator[Memory]:
    """Memory as an earlier run left it; written when the block ends well.

    Args:
        work: the result's folder, or None to keep nothing in one.
        key: see `Memory`.
        runtime: the package that is timed.
    """
    memory = Memory(work / FOLDER if work else None, key, runtime)
    memory.decisions = next(filter(None, map(_read, memory.decision_files())), {})
    yield memory
    if memory.decisions:
        content = json.dumps(memory.decisions, sort_keys=True).encode()
        for file in memory.decision_files():
            _keep(file, content, must=memory.folder is not None and file.parent == memory.folder)


def _read(file: Path) -> dict[str, Any]:
    """The decisions in a file; none where it is not what was written."""
    try:
        found = parse_json(read_text(file, MOST_BYTES))
    except (OSError, ValueError):
        return {}
    with suppress(OSError):
        os.utime(file)
    return found if isinstance(found, dict) else {}


def _keep(file: Path, content: bytes, *, must: bool) -> None:
    """Writes decisions; a cache that cannot be written is as if there were none."""
    try:
        if not must:
            _make_room(file.parent)
        write_whole(file, content)
    except (OSError, OutputError):
        if must:
            raise


def _make_room(folder: Path) -> None:
    """Takes away the decisions that were used longest ago, where there are too many."""
    with suppress(OSError):
        kept = sorted(folder.glob("*.json"), key=lambda file: file.stat().st_mtime, reverse=True)
        for file in kept[MOST_CACHED - 1 :]:
            file.unlink()


def _machine(runtime: str) -> str:
    """A name for all that a timing depends on besides the model: versions, the processor and what it can do."""
    features = " ".join(sorted(processor_features().split()))
    facts = (__version__, runtime, _version(runtime), platform.machine(), processor_name(), features)
    return hashlib.sha256("\0".join(facts).encode("utf-8", "backslashreplace")).hexdigest()[:16]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


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
