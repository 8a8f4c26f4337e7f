"""What ONNX Runtime tells of the inside of a model, in the records of its profiler."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from detquant.graph.running import OrtRunner
from detquant.targets._base import Arrays, fitted
from detquant.targets.inside import WARM_UP, Timed, precision_of, run_for

ON_CODES = ("QLinear", "QGemm", "QAttention", "ConvInteger", "MatMulInteger", "DynamicQuantize")
"""How types of operators begin that multiply and add codes, whatever they give; others compute in what they give."""
RECORD, TIME = "Node", "_kernel_time"
"""The category of an operator's record, and how its name ends."""


def profile(runner: OrtRunner, feed: Arrays, runs: int, seconds: float) -> tuple[Timed, ...]:
    """Precision and time of each operator by the runtime's profiler, on the threads that the model is open with.

    The model is opened once more for it, so the one that is measured goes on without a profiler.

    Args:
        runner: an open model.
        feed: an image as the family has it.
        runs: how many runs the medians are of, at most.
        seconds: time after which no run is begun.

    Raises:
        ModelError: the runtime refuses it.
    """
    feeds = fitted(runner, feed)
    with tempfile.TemporaryDirectory() as folder:
        watched = runner.watched(Path(folder, "times"))
        try:
            run_for(partial(watched.run, feeds), WARM_UP, seconds)
            run_for(partial(watched.run, feeds), runs, seconds)
        finally:
            records = Path(watched.end_profiling())
        told = json.loads(records.read_text(encoding="utf-8", errors="replace"))
    return tuple(_timed(told))


def _timed(records: Iterable[Mapping[str, Any]]) -> Iterable[Timed]:
    """The operators in the records, in the order of their first runs."""
    times: dict[tuple[str, str], list[int]] = {}
    facts: dict[tuple[str, str], Mapping[str, Any]] = {}
    for record in records:
        if record.get("cat") != RECORD or not record["name"].endswith(TIME):
            continue
        key = record["name"].removesuffix(TIME), str(record["args"].get("node_index"))
        times.setdefault(key, []).append(record["dur"])
        facts[key] = record["args"]
    for (name, number), durations in times.items():
        told = facts[name, number]
        kind, shapes = str(told.get("op_name", "")), told.get("output_type_shape") or []
        word = next(iter(shapes[0]), None) if shapes else None
        yield Timed(
            name=name,
            kind=kind,
            precision=_precision(kind, word),
            ms=median(durations[WARM_UP:] or durations) / 1e3,
        )


def _precision(kind: str, gives: str | None) -> str | None:
    """What an operator computes in: codes where it multiplies such, else what it gives."""
    if kind.startswith(ON_CODES):
        return "int8"
    return None if gives is None else precision_of(gives)
