"""Refit: weights solved anew by least squares and rounded with compensation, layer after layer, without a gradient.

In the order of the graph, the float and the quantised network side by side on the same images:

1. A layer's inputs x come from the quantised network so far, its target y from the float one; the weight is solved
   anew for these (`least_squares`), so that it makes good what came before it.
2. It is rounded with the error of each column carried on, codes are improved one by one, the steps solved anew
   (`rounding`), all within the target's limits. Where the codes as they were do better, they stay.
3. The bias takes the mean error that is left.
4. The layers that decoding reads are rounded only, for the float weight and no other: least squares answers noise with
   smaller weights, which is right for what is read on, and wrong for scores that are held against a threshold.

Layers of one depth are solved together. What is kept between them is in files, and sums over positions as large as a
layer's weight squared; so memory grows neither with the images nor with the depth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import ClassVar

import onnx_ir as ir

from detquant.algorithms._base import Context
from detquant.algorithms.checkpoint import Checkpoint, digest_of
from detquant.algorithms.layerwise.float_side import FloatSide
from detquant.algorithms.layerwise.form_of_node import layer_form
from detquant.algorithms.layerwise.images_to_solve_on import images_to_solve_on
from detquant.algorithms.layerwise.layer_form import LayerForm
from detquant.algorithms.layerwise.least_squares import Halves
from detquant.algorithms.options import Count, NotNegative, Whole
from detquant.algorithms.refit.layer_solver import LayerSolver, Solved
from detquant.algorithms.refit.quantized_side import QuantizedSide
from detquant.algorithms.refit.solved_layers import SolvedLayers
from detquant.calibration import Images, QuantModel
from detquant.graph.depth import levels
from detquant.graph.traits import OPS, bias_of
from detquant.graph.values import constant
from detquant.graph.weights import replace_bias, replace_weight
from detquant.recipes import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Refit:
    """Solves weights anew and rounds them with compensation, layer after layer.

    Attributes:
        images: how many calibration images are looked at, at most.
        samples: positions of a layer's output that are sampled of each image, at most.
        ridge: pull towards the float weight, as a share of the mean variance of a layer's inputs; None to find it for
            each layer by two halves of the images.
        seed: of the sampled positions.
    """

    name: ClassVar[str] = "refit"
    stage: ClassVar[Stage] = Stage.WEIGHTS

    images: Count = 128
    samples: Count = 800
    ridge: NotNegative | None = None
    seed: Whole = 0

    def __call__(self, qm: QuantModel, context: Context) -> QuantModel:
        """The model with all layers solved anew.

        Raises:
            CalibrationError: there are too few images, or an output of the float network is not finite.
        """
        images = images_to_solve_on(context.images, self.name, self.images)
        qm = replace(qm, model=qm.model.clone(), weights=dict(qm.weights))
        forms = self.forms(qm)
        checkpoint = Checkpoint(context.checkpoint(self.name), digest_of(qm, self))
        solved = SolvedLayers(checkpoint, qm.weights)
        if any(name not in solved for name in forms):
            self._solve(qm, forms, images, solved, context)
            solved.finish()
        else:
            for node in qm.model.graph:
                if node.name in forms:
                    _put(qm, node, solved[node.name])
        return qm.noted(self, _sentence(solved.values(), len(images)), operators=list(forms))

    def _solve(
        self, qm: QuantModel, forms: Mapping[str, LayerForm], images: Images, solved: SolvedLayers, context: Context
    ) -> None:
        """Gives each layer of ``qm``, which is changed, what is found for it."""
        missing = {name: form for name, form in forms.items() if name not in solved}
        floats = FloatSide(missing, samples=self.samples, seed=self.seed)
        quantized = QuantizedSide(qm, images, context.threads, layers=missing)
        solver = LayerSolver(qm, context.target.capability, self.ridge)
        with closing(floats), closing(quantized):
            floats.run(qm.reference, images, context)
            for level in levels(qm.model.graph, forms):
                fresh = [node for node in level if node.name in missing]
                for node, found in _solved(fresh, forms, floats, quantized, solver) if fresh else ():
                    solved.add(node.name or "", found)
                    context.tick("solving layers anew", len(solved), len(forms))
                for node in level:
                    _put(qm, node, solved[node.name or ""])

    def forms(self, qm: QuantModel) -> dict[str, LayerForm]:
        """The layers that are solved anew, by name, in the graph's order."""
        layers = (node for node in qm.model.graph if node.name in qm.weights)
        return {node.name or "": form for node in layers if (form := layer_form(node)) is not None}


def _solved(
    level: Sequence[ir.Node],
    forms: Mapping[str, LayerForm],
    floats: FloatSide,
    quantized: QuantizedSide,
    solver: LayerSolver,
) -> Iterator[tuple[ir.Node, Solved]]:
    """The layers of one depth, solved one after another on one run over the images."""
    sums = dict[ir.Node, Halves]()
    for place, found in enumerate(quantized.inputs_of(level)):
        for node, array in zip(level, found, strict=True):
            name = node.name or ""
            positions = floats.positions(name, place)
            x = forms[name].inputs(array, positions)
            y = solver.targets(node, forms[name], x, floats.outputs(name, place))
            if node not in sums:
                sums[node] = Halves(x, y, centred=OPS[node.op_type].bias_input is not None)
            sums[node].add(place, x, y, floats.weights(name, place, positions))
    for node in level:
        floats.forget(node.name or "")
        yield node, solver.solve(node, forms[node.name or ""], sums.pop(node))


def _put(qm: QuantModel, node: ir.Node, solved: Solved) -> None:
    """Gives a layer what was found for it; ``qm`` is this step's own."""
    weights = qm.weights
    assert isinstance(weights, dict)
    replace_weight(node, solved.weight)
    weights[node.name or ""] = solved.grid
    if solved.bias is not None:
        old = constant(bias_of(node))
        replace_bias(node, solved.bias if old is None else solved.bias.reshape(old.shape))


def _sentence(solved: Sequence[Solved], images: int) -> str:
    errors, stayed = [layer.error for layer in solved], sum(layer.is_as_it_was for layer in solved)
    worst, mean = max(errors, default=0.0), sum(errors) / max(len(errors), 1)
    left = f"of their outputs' variance {mean:.2%} is error, {worst:.2%} at most"
    same = f"; {stayed} keep their codes" * bool(stayed)
    return f"refit: {len(errors)} layers solved on {images} images; {left}{same}"
