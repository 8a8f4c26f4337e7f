"""A model file in a runtime: in the one that it was written for, the file itself; in another, its graph.

The same file may see well in one runtime and not in another: a quantised .tflite is computed in integers by LiteRT, and
in float between its grids by a runtime that is given the graph. So what ran, and where, is always said.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir

from detquant.errors import MissingExtra, ModelError, TargetError
from detquant.graph.values import constant, is_op, static_shape
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
        notes: what there is to say of that.
    """

    runner: Runner
    target: str
    notes: tuple[str, ...] = ()


def open_where(imported: ImportedModel, prepared: ir.Model, threads: int, target: str) -> Opening:
    """Opens a file where it was written for, or where it was asked for.

    Args:
        imported: the file.
        prepared: its graph, of static shapes.
        threads: of the runtime.
        target: a key of TARGETS, or "auto".

    Raises:
        ModelError, TargetError: the runtime refuses the model.
        MissingExtra: it is not installed.
    """
    own = imported.own
    place = load_target((own.target if own is not None else "ort") if target == AUTO else target)
    if own is None:
        return Opening(runner=_lowered(imported, prepared, place, threads), target=place.name)
    try:
        runner = place.open_own(own, imported.model, threads)
        if runner is not None:
            return Opening(runner=runner, target=place.name, notes=(ITSELF.format(runtime=own.runtime),))
    except MissingExtra as error:
        if target != AUTO:
            raise
        return _instead(imported, prepared, own, load_target("ort"), threads, f"is not here ({_clause(error)})")
    except TargetError as error:
        other = load_target("ort") if target == AUTO else place
        return _instead(imported, prepared, own, other, threads, f"does not run it as it is ({_clause(error)})")
    note = ELSEWHERE.format(runtime=own.runtime, target=place.name)
    return Opening(runner=_lowered(imported, prepared, place, threads), target=place.name, notes=(note,))


def _instead(
    imported: ImportedModel, prepared: ir.Model, own: OwnFile, place: Target, threads: int, why: str
) -> Opening:
    note = INSTEAD.format(runtime=own.runtime, why=why, target=place.name)
    return Opening(runner=_lowered(imported, prepared, place, threads), target=place.name, notes=(note,))


def _lowered(imported: ImportedModel, prepared: ir.Model, place: Target, threads: int) -> Runner:
    """The file's graph on a place; the prepared one where the file leaves sizes open."""
    free = any(static_shape(value) is None for value in imported.model.graph.inputs)
    model = prepared if free else imported.model
    try:
        return place.open(place.lower(model), threads)
    except ModelError as error:
        name = _by_channel(model.graph)
        if name is None or place.name != "ort":
            raise
        own = imported.own
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
