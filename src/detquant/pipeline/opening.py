"""A model file in a runtime: in the one that it was written for, the file itself; in another, its graph.

The same file may see well in one runtime and not in another: a quantised .tflite is computed in integers by LiteRT, and
in float between its grids by a runtime that is given the graph. So what ran, and where, is always said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import onnx_ir as ir

from detquant.errors import MissingExtra, ModelError, TargetError
from detquant.graph.values import constant, is_op
from detquant.importers import ImportedModel, OwnFile
from detquant.targets import Runner, Target, load_target

AUTO = "auto"
"""The place that a file was written for."""

ITSELF = "The file itself ran in {runtime}, which it was written for."
ELSEWHERE = (
    "This file was written for {runtime}, and {target} was asked for: what ran there is the graph that detquant reads "
    "from it, which rounds elsewhere. Without --target the file itself runs."
)
INSTEAD = (
    "This file was written for {runtime}, which {why}: the graph that detquant reads from it ran on {target} instead, "
    "which rounds elsewhere and may see other things than the file does in {runtime}."
)
BY_CHANNEL = (
    "The model has activations with a grid for each channel (at '{name}'), which ONNX Runtime's integer kernels do not "
    "take: {way}."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A model that is open.

    Attributes:
        runner: takes and gives what the imported graph does.
        target: the place that runs it.
        itself: whether it is the file, in the runtime that it was written for, and not a graph made of it.
        notes: what there is to say of that.
    """

    runner: Runner
    target: str
    itself: bool = False
    notes: tuple[str, ...] = ()


def open_where(
    imported: ImportedModel, ends: ir.Model, graph: Callable[[Target], ir.Model], threads: int, target: str
) -> Opening:
    """Opens a file where it was written for, or where it was asked for.

    Args:
        imported: the file.
        ends: a graph of it of static shapes, whose inputs and outputs the family knows.
        graph: what a place runs of it, where that is not the file itself.
        threads: number of threads of the runtime.
        target: a key of TARGETS, or "auto".

    Raises:
        ModelError, TargetError: the runtime refuses the model.
        MissingExtra: it is not installed.
    """
    own = imported.own
    place = load_target((own.target if own is not None else "ort") if target == AUTO else target)
    if own is None:
        return _lowered(own, graph(place), place, threads)
    try:
        runner = place.open_own(own, ends, threads)
    except MissingExtra as error:
        if target != AUTO:
            raise
        said, place = INSTEAD.format(runtime=own.runtime, why=f"is not here ({_clause(error)})", target="ort"), _ort()
    except TargetError as error:
        place = _ort() if target == AUTO else place
        why = f"does not run it as it is ({_clause(error)})"
        said = INSTEAD.format(runtime=own.runtime, why=why, target=place.name)
    else:
        if runner is not None:
            note = ITSELF.format(runtime=own.runtime)
            return Opening(runner=runner, target=place.name, itself=True, notes=(note,))
        said = ELSEWHERE.format(runtime=own.runtime, target=place.name)
    return _lowered(own, graph(place), place, threads, said)


def _ort() -> Target:
    return load_target("ort")


def _lowered(own: OwnFile | None, model: ir.Model, place: Target, threads: int, *notes: str) -> Opening:
    """A graph on a place."""
    try:
        return Opening(runner=place.open(place.lower(model), threads), target=place.name, notes=notes)
    except ModelError as error:
        name = _by_channel(model.graph)
        if name is None or place.name != "ort":
            raise
        way = (
            f"leave out --target, and the file runs in {own.runtime}" if own is not None else "choose --target openvino"
        )
        raise ModelError(BY_CHANNEL.format(name=name, way=way)) from error


def _by_channel(graph: ir.Graph) -> str | None:
    """The first activation that is rounded on more than one scale."""
    for node in graph:
        scale = constant(node.inputs[1]) if is_op(node, "QuantizeLinear") else None
        if scale is not None and scale.size > 1 and node.inputs[0] is not None:
            return node.inputs[0].name
    return None


def _clause(error: Exception) -> str:
    return str(error).rstrip(".")
