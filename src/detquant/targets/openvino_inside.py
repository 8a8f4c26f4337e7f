"""What OpenVINO tells of the inside of a compiled model: its own graph, with kernels, precisions and times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

from detquant.numerics.arrays import Array
from detquant.targets.inside import WARM_UP, Timed, precision_of, run_for

KIND, PRECISION, PARTS = "layerType", "runtimePrecision", "originalLayersNames"
"""What a layer is, what it computes in, and which operators of the file it was made of, in the layer's own facts."""
NO_WORK = frozenset({"Const", "Constant", "Input", "Parameter", "Output", "Result"})
"""Layers that compute nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer of a compiled model.

    Attributes:
        name: name of it there.
        kind: what it is.
        precision: what it computes in, see `detquant.targets.inside.PRECISIONS`.
        parts: names of the operators of the file that it was made of; names with a comma fall apart.
    """

    name: str
    kind: str
    precision: str
    parts: tuple[str, ...]


def layers(compiled: Any) -> Iterator[Layer]:
    """The layers of an `openvino.CompiledModel` that compute something, in the order in which they run."""
    for one in compiled.get_runtime_model().get_ordered_ops():
        facts = one.get_rt_info()
        kind, word, parts = (facts[key].astype(str) if key in facts else "" for key in (KIND, PRECISION, PARTS))
        if kind not in NO_WORK:
            made_of = tuple(filter(None, parts.split(",")))
            yield Layer(name=one.get_friendly_name(), kind=kind, precision=precision_of(word), parts=made_of)


def profile(watched: Any, feeds: Mapping[str, Array], runs: int, seconds: float) -> tuple[Timed, ...]:
    """Precision and time of each layer of a model that was compiled with counters.

    Args:
        watched: an `openvino.CompiledModel` with PERF_COUNT.
        feeds: an image as the file takes it.
        runs: how many runs the medians are of, at most.
        seconds: time after which no run is begun.
    """
    request, times = watched.create_infer_request(), dict[str, list[float]]()

    def run() -> None:
        request.infer(dict(feeds), share_inputs=True)
        for told in request.get_profiling_info():
            if told.status == told.Status.EXECUTED:
                times.setdefault(told.node_name, []).append(told.real_time.total_seconds())

    run_for(partial(request.infer, dict(feeds), share_inputs=True), WARM_UP, seconds)
    run_for(run, runs, seconds)
    return tuple(
        Timed(
            name=layer.name,
            kind=layer.kind,
            precision=layer.precision,
            ms=median(times[layer.name]) * 1e3 if layer.name in times else None,
            parts=layer.parts,
        )
        for layer in layers(watched)
    )
