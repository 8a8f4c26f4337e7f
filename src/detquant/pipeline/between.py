"""The steps between a float file and what hardware computes, each measured: batch norms folded, weights rounded, all.

A row each, on the same images as the file and the result. So who finds a loss sees the step that it came with.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx_ir as ir

from detquant.calibration import QuantModel
from detquant.graph.decode_tail import find_decode_tail
from detquant.graph.qdq import insert_qdq
from detquant.graph.running import AS_WRITTEN, OrtRunner
from detquant.pipeline.entries import Entry
from detquant.pipeline.job import Job
from detquant.pipeline.prepared import prepared
from detquant.targets import load_target

FOLDED = "batch norms folded"
BUT_LAST = "weights rounded, but those of the last layers"
WEIGHTS = "weights rounded"


def steps_between(job: Job, whole: Entry, threads: int) -> Iterator[Entry]:
    """The models between the file and its artefact, where the job's place shows them.

    Args:
        job: how it was quantised.
        whole: the quantised model on its place.
        threads: number of threads of the runtimes.
    """
    if not job.target.shows_steps or whole.model is None or whole.artefact is None:
        return
    place = load_target("ort")
    for title, graph in _floats(job, whole.model):
        runner = OrtRunner(graph, threads, optimisation=AS_WRITTEN)
        yield Entry(name=title, title=title, place=place, precision=title, runner=runner)
    for title, opened in job.target.steps(whole.artefact, threads):
        yield Entry(name=title, title=title, place=job.target, precision=job.recipe.name, runner=opened)


def _floats(job: Job, model: QuantModel) -> Iterator[tuple[str, ir.Model]]:
    """Graphs that run in float."""
    last = {node.name for node in find_decode_tail(model.reference.graph).head_convs}
    inner = {name: grid for name, grid in model.weights.items() if name not in last}
    yield FOLDED, prepared(job.detector, job.target)
    if inner and len(inner) < len(model.weights):
        yield BUT_LAST, insert_qdq(model.model, activations={}, weights=inner, nodes=())
    yield WEIGHTS, insert_qdq(model.model, activations={}, weights=model.weights, nodes=())
