"""What a runtime tells of the inside of an open model: in which precision its operators compute, and how long."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

PRECISIONS: Mapping[str, str] = {
    **dict.fromkeys(("f32", "float", "float32"), "float"),
    **dict.fromkeys(("f16", "float16"), "fp16"),
    **dict.fromkeys(("bf16", "bfloat16"), "bf16"),
    **dict.fromkeys(("u8", "i8", "uint8", "int8", "int8 on the fly"), "int8"),
    **dict.fromkeys(("u16", "i16", "uint16", "int16"), "int16"),
    **dict.fromkeys(("u4", "i4", "uint4", "int4"), "int4"),
}
"""Precisions as reports call them, by the words of the runtimes; other words stay as they are."""
WARM_UP = 1
"""Runs before those that are timed: a runtime allocates on its first."""
LEAST, RUNS, SECONDS = 3, 7, 0.3
"""Runs that medians are of: at least so many, at most so many, and none is begun after so long in between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """An operator of a runtime's own graph, and the time that it takes.

    Attributes:
        name: name of it there.
        kind: type of it there: "QLinearConv".
        precision: what it computes in, see `PRECISIONS`; None where the runtime does not tell.
        ms: median time of a run, milliseconds; None where the runtime does not tell, or leaves it as it lies.
        parts: names of the operators of the artefact that it was made of, where the runtime tells.
    """

    name: str
    kind: str
    precision: str | None
    ms: float | None
    parts: tuple[str, ...] = ()


def precision_of(word: str) -> str:
    """A precision as reports call it, by a runtime's word."""
    return PRECISIONS.get(word, word)


def run_for(
    call: Callable[[], object], runs: int, seconds: float, clock: Callable[[], float] = time.perf_counter
) -> int:
    """Calls so often, or until the time is over; at least `LEAST` times, if so many are asked for.

    Args:
        call: runs a model.
        runs: how often at most.
        seconds: no call is begun after these.
        clock: tells seconds.

    Returns:
        How often it was called.
    """
    start, done = clock(), 0
    while done < min(runs, LEAST) or (done < runs and clock() - start < seconds):
        call()
        done += 1
    return done
