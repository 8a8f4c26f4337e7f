"""Prune: channels removed from the float graph, and what is left solved anew, without labels and without training.

1. Which channels can only go together is found on the graph (`detquant.graph.channels`).
2. Those go that cost least for the multiply-accumulates that they save (`choice`), by what the layers that read them
   lose of their outputs (`contributions`; He et al. 2017, Channel Pruning for Accelerating Very Deep Neural Networks,
   chooses by that as well) and what the heads see of it (`reach`), or by the magnitude of their weights (Li et al.
   2017, Pruning Filters for Efficient ConvNets), or by gradients of the heads (`taylor`; Molchanov et al. 2019).
3. What is left is solved anew by least squares (`solving`).

The pruned graph then takes the float one's place: it is planned and calibrated anew, and later steps come near to it.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import numpy as np
import onnx_ir as ir

from detquant.algorithms._base import Context
from detquant.algorithms.checkpoint import Checkpoint, digest_of
from detquant.algorithms.layerwise.float_side import FloatSide
from detquant.algorithms.layerwise.form_of_node import layer_form
from detquant.algorithms.layerwise.images_to_solve_on import images_to_solve_on
from detquant.algorithms.layerwise.layer_form import LayerForm
from detquant.algorithms.options import Count, NotNegative, Whole, Within
from detquant.algorithms.prune.again import calibrated_again
from detquant.algorithms.prune.basis import Basis
from detquant.algorithms.prune.bundles import find_bundles
from detquant.algorithms.prune.choice import Choice
from detquant.algorithms.prune.contributions import measured
from detquant.algorithms.prune.criteria import Additive, Criterion, NextLayers, magnitudes
from detquant.algorithms.prune.reach import reaches
from detquant.algorithms.prune.solving import SolvedLayers, solve
from detquant.algorithms.prune.telling import operators_of, sentence
from detquant.algorithms.reconstruction.settings import require_torch
from detquant.calibration import Left, Original, QuantModel
from detquant.errors import RecipeError
from detquant.graph.channels import Channels, trace, without_channels
from detquant.graph.running import OrtRunner
from detquant.graph.summary import summarize
from detquant.numerics.arrays import Ints
from detquant.recipes import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Prune:
    """Removes channels and solves what is left anew.

    Attributes:
        share: of the multiply-accumulates that is removed.
        criterion: by what channels are chosen: "next_layer" for what the next layers lose on calibration images, "l1"
            for the magnitude of weights, "taylor" for what the heads lose by their gradients, with the extra torch.
        multiple: channels of a layer that are left are a multiple of this, or as many as they were.
        least: channels that are left of a layer.
        images: how many calibration images are looked at, at most.
        samples: positions of a layer's output that are sampled of each image, at most.
        ridge: pull towards the weight as it was, as a share of the mean variance of a layer's inputs; None to find it
            for each layer by two halves of the images.
        seed: of the sampled positions.
    """

    name: ClassVar[str] = "prune"
    stage: ClassVar[Stage] = Stage.GRAPH

    share: Annotated[float, Within(0, 0.9, above=True)] = 0.3
    criterion: Literal["next_layer", "taylor", "l1"] = "next_layer"
    multiple: Count = 8
    least: Count = 8
    images: Count = 128
    samples: Count = 400
    ridge: NotNegative | None = None
    seed: Whole = 0

    def __post_init__(self) -> None:
        if self.criterion == "taylor":
            require_torch()

    def __call__(self, qm: QuantModel, context: Context) -> QuantModel:
        """The model with fewer channels, planned and calibrated anew.

        Raises:
            CalibrationError: there are too few images, or an output of the float network is not finite.
            RecipeError: no channel of the model can be removed.
        """
        images = images_to_solve_on(context.images, self.name, self.images)
        channels = trace(qm.reference.graph)
        forms = _forms(qm.reference, channels)
        checkpoint = Checkpoint(context.checkpoint(self.name), digest_of(qm, self))
        arrays = checkpoint.load()
        missing = {name: form for name, form in forms.items() if f"weight:{name}" not in arrays}
        floats = FloatSide(forms, missing, samples=self.samples, seed=self.seed)
        basis = Basis(model=qm.reference, channels=channels, forms=forms, floats=floats, images=images, context=context)
        with closing(floats):
            if missing:
                floats.run(qm.reference, images, context)
            if "gone" not in arrays:
                arrays["gone"] = self._chosen(basis)
                checkpoint.keep(arrays, now=True)
            gone = np.asarray(arrays["gone"], np.int64)
            bare = without_channels(qm.reference, channels, gone.tolist())
            pruned, solved = bare.clone(), SolvedLayers(checkpoint, arrays)
            kept = {name: ~np.isin(channels.roots(channels.layers[name].makes), gone) for name in forms}
            solve(pruned, kept, basis, self.ridge, solved)
            solved.finish()
        damages = [_damage(model, context) for model in (bare, pruned)]
        said = sentence(self, qm.reference, pruned, channels, gone, images=len(images), damages=damages)
        original = (qm.original or Original(model=qm.reference, left={})).without(_left(channels, gone))
        again = calibrated_again(replace(qm, reference=pruned, original=original), context)
        return again.noted(self, said, operators=operators_of(channels, gone))

    def _chosen(self, basis: Basis) -> Ints:
        """The channels that go."""
        bundles = find_bundles(basis.channels, basis.forms)
        if all(one.next_count(len(one.roots), self.multiple, self.least) == len(one.roots) for one in bundles):
            most = max((len(one.roots) for one in bundles), default=0)
            found = (
                f"its layers have at most {most} channels that may go" if most else "all of them are read as a whole"
            )
            raise RecipeError(
                f"The step 'prune' can remove no channel of this model and keep {self.least} of a layer, a multiple of "
                f"{self.multiple}: {found}. Give smaller values of 'least' and 'multiple', or leave the step out of "
                f"the recipe."
            )
        macs, criterion = summarize(basis.model.graph).macs, self._criterion(basis)
        choice = Choice(basis.channels, bundles, criterion, macs=macs, multiple=self.multiple, least=self.least)
        return choice.take(self.share).gone

    def _criterion(self, basis: Basis) -> Criterion:
        model, channels, images = basis.model, basis.channels, basis.images
        if self.criterion == "l1":
            return Additive(magnitudes(model.graph, channels))
        if self.criterion == "taylor":
            from detquant.algorithms.prune.taylor import taylor_costs

            return Additive(taylor_costs(model, channels, images, basis.context, seed=self.seed))
        readers = measured(basis)
        spread = {name: one.variance / channels.layers[name].makes.size for name, one in readers.items()}
        return NextLayers(readers, reaches(model, spread, images, seed=self.seed, threads=basis.context.threads))


def _forms(model: ir.Model, channels: Channels) -> dict[str, LayerForm]:
    """The layers that can be solved anew, by name, in the graph's order."""
    layers = (node for node in model.graph if node.name in channels.layers)
    return {node.name or "": form for node in layers if (form := layer_form(node)) is not None}


def _left(channels: Channels, gone: Ints) -> dict[str, Left]:
    """What is left of each value that loses channels, by its name."""
    stays = {name: ~np.isin(channels.roots(lane.atoms), gone) for name, lane in channels.lanes.items()}
    return {
        name: Left(axis=channels.lanes[name].axis, places=np.flatnonzero(here))
        for name, here in stays.items()
        if not here.all()
    }


def _damage(model: ir.Model, context: Context) -> float | None:
    """What a float model costs on the informative images, see `Damage`."""
    return None if context.damage is None else context.damage(OrtRunner(model).run)
