"""All layers of a model solved anew in the order of the graph, those of one depth on one run over the images.

The float and the quantised network go side by side; a layer that is solved is run with what was found for it, so each
makes good what came before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Protocol

import onnx_ir as ir

from detquant.algorithms._base import Context
from detquant.algorithms.checkpoint import Checkpoint, digest_of
from detquant.algorithms.layerwise.float_side import FloatSide
from detquant.algorithms.layerwise.form_of_node import layer_form
from detquant.algorithms.layerwise.images_to_solve_on import images_to_solve_on
from detquant.algorithms.layerwise.layer_form import LayerForm
from detquant.algorithms.layerwise.least_squares import Halves
from detquant.algorithms.refit.layer_solver import LayerSolver, Rounded, Solved
from detquant.algorithms.refit.quantized_side import QuantizedSide
from detquant.algorithms.refit.solved_layers import SolvedLayers
from detquant.calibration import AllowedCodes, Images, QuantModel
from detquant.graph.depth import levels
from detquant.graph.traits import OPS, bias_of
from detquant.graph.values import constant
from detquant.graph.weights import replace_bias, replace_weight


class Solving(Protocol):
    """A step that solves layers, by what the walk reads of it."""

    @property
    def name(self) -> str:
        """Of the step."""
        ...

    @property
    def images(self) -> int:
        """How many calibration images are looked at, at most."""
        ...

    @property
    def samples(self) -> int:
        """Positions of a layer's output that are sampled of each image, at most."""
        ...

    @property
    def ridge(self) -> float | None:
        """Pull towards the float weight; None to find it for each layer."""
        ...

    @property
    def seed(self) -> int:
        """Of the sampled positions."""
        ...


def layer_forms(qm: QuantModel) -> dict[str, LayerForm]:
    """The layers that are solved anew, by name, in the graph's order."""
    layers = (node for node in qm.model.graph if node.name in qm.weights)
    return {node.name or "": form for node in layers if (form := layer_form(node)) is not None}


def solve_layers(
    qm: QuantModel, step: Solving, rounded: Rounded, context: Context
) -> tuple[QuantModel, dict[str, Solved]]:
    """The model with all its layers solved anew, and what was found for each.

    Args:
        qm: the model; it is not changed.
        step: who asks; a run that was interrupted goes on where an equal step has left a checkpoint.
        rounded: gives a layer's codes.
        context: images, target, and where the checkpoint is.

    Raises:
        CalibrationError: there are too few images, or an output of the float network is not finite.
    """
    images = images_to_solve_on(context.images, step.name, step.images)
    own = replace(qm, model=qm.model.clone(), weights=dict(qm.weights), allowed=dict(qm.allowed))
    forms = layer_forms(own)
    solved = SolvedLayers(Checkpoint(context.checkpoint(step.name), digest_of(qm, step)), own.weights)
    if any(name not in solved for name in forms):
        _solve(own, step, rounded, forms, images, solved, context)
        solved.finish()
    else:
        for node in own.model.graph:
            if node.name in forms:
                _put(own, node, solved[node.name])
    return own, {name: solved[name] for name in forms}


def _solve(
    qm: QuantModel,
    step: Solving,
    rounded: Rounded,
    forms: Mapping[str, LayerForm],
    images: Images,
    solved: SolvedLayers,
    context: Context,
) -> None:
    """Gives each layer of ``qm``, which is changed, what is found for it."""
    missing = {name: form for name, form in forms.items() if name not in solved}
    floats = FloatSide(forms, missing, samples=step.samples, seed=step.seed)
    quantized = QuantizedSide(qm, images, context, layers=forms)
    solver = LayerSolver(qm, context.target.capability, step.ridge, rounded)
    with closing(floats), closing(quantized):
        floats.run(qm.reference, images, context)
        for level in levels(qm.model.graph, forms):
            # what is solved already is run as before: in other parts the runtime computes other last digits
            for node, found in _solved(level, missing, floats, quantized, solver):
                solved.add(node.name or "", found)
                context.tick("solving layers anew", len(solved), len(forms))
            for node in level:
                _put(qm, node, solved[node.name or ""])


def _solved(
    level: Sequence[ir.Node],
    missing: Mapping[str, LayerForm],
    floats: FloatSide,
    quantized: QuantizedSide,
    solver: LayerSolver,
) -> Iterator[tuple[ir.Node, Solved]]:
    """The layers of one depth that are missing, solved one after another on one run over the images."""
    sums = dict[ir.Node, Halves]()
    for place, found in enumerate(quantized.inputs_of(level)):
        for node, array in zip(level, found, strict=True):
            name = node.name or ""
            if name not in missing:
                continue
            positions = floats.positions(name, place)
            x = missing[name].inputs(array, positions)
            y = solver.targets(node, missing[name], x, floats.outputs(name, place))
            if node not in sums:
                sums[node] = Halves(x, y, centred=OPS[node.op_type].bias_input is not None)
            sums[node].add(place, x, y, floats.weights(name, place, positions))
    for node in (node for node in level if node.name in missing):
        floats.forget(node.name or "")
        yield node, solver.solve(node, missing[node.name or ""], sums.pop(node))


def _put(qm: QuantModel, node: ir.Node, solved: Solved) -> None:
    """Gives a layer what was found for it; ``qm`` is the walk's own."""
    weights, allowed, name = qm.weights, qm.allowed, node.name or ""
    assert isinstance(weights, dict) and isinstance(allowed, dict)
    replace_weight(node, solved.weight)
    weights[name] = solved.grid
    if solved.book is not None:
        allowed[name] = replace(allowed.get(name) or AllowedCodes(), book=solved.book)
    if solved.bias is not None:
        old = constant(bias_of(node))
        replace_bias(node, solved.bias if old is None else solved.bias.reshape(old.shape))


def said_of_errors(solved: Iterable[Solved]) -> str:
    """How much of what layers give is error, in words."""
    errors = [layer.error for layer in solved]
    worst, mean = max(errors, default=0.0), sum(errors) / max(len(errors), 1)
    return f"of their outputs' variance {mean:.2%} is error, {worst:.2%} at most"
