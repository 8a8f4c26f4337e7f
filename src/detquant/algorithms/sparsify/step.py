"""Sparsify: single weights become 0 and stay so, chosen by what the outputs lose and not by how small they are.

1. What each weight is worth is found from the float weights and the covariance of what they read (`saliency`).
2. The masks: a share of all weights, or two of four neighbours (`masks`). Heads stay whole, and so do what reads the
   image, depthwise layers, and layers that stay in float.
3. What is left stays as it was: `refit` behind this step solves it anew for the outputs that the layer gave with all
   its weights, and every later step keeps the masks (`AllowedCodes`).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import numpy as np
import onnx_ir as ir

from detquant.algorithms._base import Context
from detquant.algorithms.layerwise.float_side import FloatSide
from detquant.algorithms.layerwise.form_of_node import layer_form, rows_of
from detquant.algorithms.layerwise.images_to_solve_on import images_to_solve_on
from detquant.algorithms.layerwise.input_moments import input_moments
from detquant.algorithms.layerwise.layer_form import LayerForm
from detquant.algorithms.options import Count, Whole, Within
from detquant.algorithms.sparsify.masks import OF, STAY, Spread, two_of_four, unstructured
from detquant.algorithms.sparsify.saliency import Criterion, saliency
from detquant.algorithms.sparsify.telling import sentence
from detquant.algorithms.turn import Turn
from detquant.calibration import AllowedCodes, QuantModel
from detquant.errors import RecipeError
from detquant.graph import find_decode_tail
from detquant.graph.traits import weight_channel_axis, weight_of
from detquant.graph.values import constant
from detquant.graph.weights import replace_weight
from detquant.numerics.arrays import Bools, Doubles
from detquant.recipes import Stage

Pattern = Literal["unstructured", "2:4"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sparsify:
    """Makes single weights 0.

    Attributes:
        pattern: "unstructured" for any weights, "2:4" for two of four neighbours along the input channels.
        share: of the weights that become 0, in the layers that lose any; 0.5 unless given, which "2:4" always is.
        criterion: what a weight is worth: "hessian" for what the outputs lose when the others are solved anew, "wanda"
            for what they lose as the others are, "magnitude" for its own size.
        spread: how "unstructured" is spread over layers: "network" for one threshold on what each weight is worth, as a
            share of its layer's outputs; "layer" for the same share of each.
        images: how many calibration images are looked at, at most.
        samples: positions of a layer's output that are sampled of each image, at most.
        seed: of the sampled positions.
    """

    name: ClassVar[str] = "sparsify"
    stage: ClassVar[Stage] = Stage.WEIGHTS
    turn: ClassVar[Turn] = Turn.CHOSEN

    pattern: Pattern = "unstructured"
    share: Annotated[float, Within(0, 0.95, above=True)] = 0.5
    criterion: Criterion = "hessian"
    spread: Spread = "network"
    images: Count = 128
    samples: Count = 400
    seed: Whole = 0

    def __post_init__(self) -> None:
        if self.pattern == "2:4" and self.share != STAY / OF:
            raise RecipeError(
                f'share = {self.share}, and pattern = "2:4" makes two weights of four 0, a share of {STAY / OF}: leave '
                f'share out, or give pattern = "unstructured".'
            )

    def __call__(self, qm: QuantModel, context: Context) -> QuantModel:
        """The model with masks, and its codes 0 where these say so.

        Raises:
            CalibrationError: there are too few images, or an output of the float network is not finite.
            RecipeError: no layer can lose weights so, or a weight has a codebook already.
        """
        if clustered := [name for name, one in qm.allowed.items() if one.book is not None]:
            raise RecipeError(
                f"The step 'sparsify' comes before codebooks are found, and '{clustered[0]}' has one: put it before "
                f"the step that clusters weights."
            )
        images = images_to_solve_on(context.images, self.name, self.images)
        forms = _forms(qm)
        floats, losses = FloatSide(forms, samples=self.samples, seed=self.seed), dict[str, Doubles]()
        nodes = {node.name or "": node for node in qm.reference.graph}
        with closing(floats):
            floats.run(qm.reference, images, context)
            for name, moments in input_moments(qm.reference, list(forms), forms, floats, images, context.threads):
                lost = saliency(self.criterion, rows_of(nodes[name], forms[name]), moments)
                losses[name] = np.asarray(forms[name].weight(lost), np.float64)
                context.tick("looking at single weights", len(losses), len(forms))
        masks = self._masks(losses, nodes)
        if not masks:
            raise RecipeError(_nothing(self.pattern, len(forms)))
        found = _masked(qm, masks)
        return found.noted(self, sentence(self.pattern, qm, masks, len(losses), len(images)), operators=list(masks))

    def _masks(self, losses: Mapping[str, Doubles], nodes: Mapping[str, ir.Node]) -> dict[str, Bools]:
        if not losses:
            return {}
        if self.pattern == "unstructured":
            return unstructured(losses, self.share, self.spread)
        found = {name: two_of_four(loss, 1 - weight_channel_axis(nodes[name])) for name, loss in losses.items()}
        return {name: mask for name, mask in found.items() if mask is not None}


def _forms(qm: QuantModel) -> dict[str, LayerForm]:
    """The layers that may lose weights, as matrix products, in the graph's order."""
    heads = {node.name for node in find_decode_tail(qm.reference.graph).head_convs}
    images, found = set(qm.reference.graph.inputs), dict[str, LayerForm]()
    for node in qm.reference.graph:
        if node.name not in qm.weights or node.name in heads or node.inputs[0] in images or _is_depthwise(node):
            continue
        if form := layer_form(node):
            found[node.name or ""] = form
    return found


def _is_depthwise(node: ir.Node) -> bool:
    """Whether each output reads one channel."""
    weight = constant(weight_of(node))
    return node.attributes.get_int("group", 1) > 1 and weight is not None and 1 in weight.shape[:2]


def _masked(qm: QuantModel, masks: Mapping[str, Bools]) -> QuantModel:
    """The model with these masks besides those that it has."""
    model, allowed = qm.model.clone(), dict(qm.allowed)
    for node in model.graph:
        mask = masks.get(node.name or "")
        if mask is None:
            continue
        before = allowed.get(node.name or "")
        mask = mask if before is None or before.mask is None else mask & before.mask
        allowed[node.name or ""] = AllowedCodes(mask=mask)
        replace_weight(node, np.where(mask, np.asarray(constant(weight_of(node)), np.float32), np.float32(0)))
    return replace(qm, model=model, allowed=allowed)


def _nothing(pattern: Pattern, layers: int) -> str:
    found = (
        f"of its {layers} layers that may lose weights none has input channels that are a multiple of {OF}"
        if pattern == "2:4" and layers
        else "it has no layer with a weight in codes but heads, depthwise ones and those that read the image"
    )
    return f"The step 'sparsify' can make no weight of this model 0: {found}. Leave the step out of the recipe."
