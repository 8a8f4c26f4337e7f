"""Sensitivity: what each weight and each tensor costs alone at each width.

Everything is float but the one that is looked at (`detquant.search.trials`), and the loss of the network is measured
(`detquant.search.measures`). Trials depend on nothing but the model, the calibration and the images, so who has run
some goes on with the others, here or anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor

from detquant.calibration import QuantModel
from detquant.graph.summary import node_macs
from detquant.graph.traits import weight_of
from detquant.graph.values import constant
from detquant.numerics import Capability
from detquant.progress import Progress
from detquant.search._base import Layer, Sensitivity, Tensor
from detquant.search.measures import Measure
from detquant.search.spreading import results_of
from detquant.search.trials import (
    Key,
    Losses,
    Subject,
    Trial,
    dynamic,
    layer_widths,
    run_trial,
    tensor_trials,
    tensor_widths,
    weight_trials,
    writers_of,
)


def sensitivity(
    qm: QuantModel,
    capability: Capability,
    measure: Measure,
    *,
    widths: tuple[int, ...] | None = None,
    activations: tuple[int, ...] | None = None,
    executor: Executor | None = None,
    known: Mapping[Key, float] | None = None,
    found: Callable[[Losses], None] | None = None,
    progress: Progress | None = None,
) -> Sensitivity:
    """The loss of the network for each weight and each grid of activations alone, at each width.

    Args:
        qm: calibrated, its plan says what is in codes.
        capability: the target's facts.
        measure: gives the loss of a model.
        widths: widths of weights, of those that the target takes; None for 2 to 8.
        activations: widths of activations, likewise; None for 4, 6, 8 and 16, none for weights alone.
        executor: where trials run; None for here, one after the other. The result does not depend on it.
        known: losses that an earlier run has found, by what was rounded.
        found: called with losses as they are found, for the next run.
        progress: called with ("sensitivity", done, total).

    Raises:
        WorkerError: the executor's workers were lost again and again.
    """
    weights = layer_widths(qm, capability, widths)
    tensors = {} if dynamic(qm.plan) else tensor_widths(qm, capability, activations)
    wished = [("weight", name, bits) for name, several in weights.items() for bits in several]
    wished += [("tensor", name, bits) for name, several in tensors.items() for bits in several]
    losses = {key: loss for key in wished if (loss := (known or {}).get(key)) is not None}
    left_weights, left_tensors = (
        {
            name: left
            for name, several in all_of.items()
            if (left := [b for b in several if (kind, name, b) not in losses])
        }
        for kind, all_of in (("weight", weights), ("tensor", tensors))
    )
    trials: list[Trial] = [*weight_trials(qm, capability, left_weights), *tensor_trials(qm, left_tensors)]
    for _, some in results_of(executor, run_trial, Subject(model=qm.reference, measure=measure), trials):
        losses |= some
        if found:
            found(some)
        if progress:
            progress("sensitivity", len(losses), len(wished))
    return table_of(qm, capability, losses, measure.name, measure.images)


def table_of(
    qm: QuantModel, capability: Capability, losses: Mapping[Key, float], measure: str, images: int
) -> Sensitivity:
    """The table that losses make, of all that is in codes in a model.

    Args:
        qm: calibrated.
        capability: the target's facts; widths that it does not take are left out.
        losses: by what was rounded.
        measure: name of the measure.
        images: how many images it was taken on.
    """
    nodes = {node.name or "": node for node in qm.reference.graph}
    integer = set(qm.plan.integer)

    def of(kind: str, name: str, several: tuple[int, ...]) -> dict[int, float]:
        return {bits: losses[kind, name, bits] for bits in several if (kind, name, bits) in losses}

    def layer(name: str, several: tuple[int, ...]) -> Layer:
        node = nodes[name]
        weight = constant(weight_of(node))
        x = (node.inputs[0].name or "") if node.inputs[0] is not None and name in integer else ""
        return Layer(
            name=name,
            operator=node.op_type,
            weights=0 if weight is None else weight.size,
            macs=node_macs(node),
            reads=qm.plan.root(x) if x in qm.plan.points else "",
            loss=of("weight", name, several),
        )

    tensors = {} if dynamic(qm.plan) else tensor_widths(qm, capability, tuple(range(2, 17)))
    return Sensitivity(
        measure=measure,
        images=images,
        layers=tuple(layer(name, several) for name, several in layer_widths(qm, capability, None).items()),
        tensors=tuple(
            Tensor(name=root, writers=writers_of(qm, root), loss=loss)
            for root, several in tensors.items()
            if (loss := of("tensor", root, several))
        ),
    )
