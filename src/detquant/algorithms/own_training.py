"""A training loop of the user's own: the network as a module of torch, on the grids that the target will compute on.

The loop gets what `detquant.fake_quant.module` makes of the model, after all steps of the recipe, and trains it in
place, by whatever loss and labels it has. Rounding lets gradients through (the straight-through estimator, Bengio et
al. 2013), so its weights move as any others. Afterwards

1. weights in codes are rounded to the grids that they had, and kept within what the target and earlier steps allow
   (`WeightLimits.project`: sums that must not overflow, masks, codebooks),
2. weights of layers in float, and biases, are taken as they are,
3. grids stay: nothing is calibrated again.

It is no step of a recipe, since a recipe is a text and the loop a function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import onnx_ir as ir

from detquant.algorithms._base import Context
from detquant.calibration import QuantModel, WeightLimits, weight_limits
from detquant.errors import CalibrationError, MissingExtra, UnsupportedOperator
from detquant.graph.traits import bias_of, weight_of
from detquant.graph.values import constant
from detquant.graph.weights import replace_bias, replace_weight
from detquant.numerics import INT32, QuantParams, dequantize, quantize
from detquant.numerics.arrays import Floats
from detquant.recipes import Stage

Train = Callable[[Any], object]
"""A loop: takes a `torch.nn.Module` and trains it in place."""

_SLACK = 1e-6
"""Share of a grid's step that may differ before it counts as another: a module may have been on another device."""


_ROOM = 0.99
"""Share of 32 bits that a bias fills which would not fit."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken back from a module.

    Attributes:
        model: the float graph.
        moved: how many weights in codes have another code now.
        total: how many there are.
        narrowed: how many numbers of biases were drawn in, since 32 bits cannot hold them.
    """

    model: ir.Model
    moved: int
    total: int
    narrowed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTraining:
    """The user's loop, between the recipe's steps and the file.

    Attributes:
        train: the loop.
    """

    name: ClassVar[str] = "training"
    stage: ClassVar[Stage] = Stage.BIASES

    train: Train

    def __call__(self, qm: QuantModel, context: Context) -> QuantModel:
        """The model with what the loop has made of weights and biases.

        Raises:
            MissingExtra: torch is not installed.
            UnsupportedOperator: an operator has no counterpart in torch.
            CalibrationError: the loop left numbers that are not finite, or other layers or grids than it was given.
        """
        module, names = _module_of(qm)
        grids = _grids(module)
        self.train(module)
        _require_same(grids, _grids(module))
        taken = _taken_back(qm, module, names, context)
        said = f"training: a loop of the user's own moved {taken.moved} of {taken.total} weights to another code"
        if taken.narrowed:
            said += f"; {taken.narrowed} biases were drawn in, which 32 bits cannot hold at their scale"
        return replace(qm, model=taken.model).noted(self, said)


def _module_of(qm: QuantModel) -> tuple[Any, dict[str, str]]:
    """The module of a model, ready to be trained, and the path of each layer's module in it."""
    try:
        from detquant.fake_quant.module import OPERATOR, as_module
        from detquant.fake_quant.modules import Layer
    except ImportError as error:
        raise MissingExtra("PyTorch", "torch") from error
    try:
        module = as_module(qm.qdq())
    except UnsupportedOperator as error:
        raise UnsupportedOperator(f"A training loop trains in PyTorch. {error} Or leave the loop out.") from error
    called = {node.meta[OPERATOR]: str(node.target) for node in module.graph.nodes if OPERATOR in node.meta}
    return module.train(), {
        name: path for name, path in called.items() if isinstance(module.get_submodule(path), Layer)
    }


def _grids(module: Any) -> dict[str, Floats]:
    """Scales and zero points of a module by their names."""
    held = module.state_dict()
    return {name: _numbers(held[name]) for name in held if name.endswith((".scale", ".zero_point"))}


def _require_same(before: dict[str, Floats], after: dict[str, Floats]) -> None:
    """Refuses a module whose grids are no longer those that it was given."""
    for name, grid in before.items():
        found = after.get(name)
        if found is None or found.shape != grid.shape or not np.allclose(found, grid, rtol=_SLACK, atol=0):
            raise CalibrationError(
                f"The training loop has left another '{name}' than it was given: the grids of a module are those of "
                f"the file that will run, and stay. Train what module.parameters() gives, and nothing else."
            )


def _taken_back(qm: QuantModel, module: Any, names: dict[str, str], context: Context) -> Taken:
    """The float graph with the module's weights and biases."""
    model, moved, total = qm.model.clone(), 0, 0
    layers = dict(_layers(model, module, names))
    for node, layer in layers.items():
        bias = constant(bias_of(node))
        if bias is not None and layer.bias is not None:
            replace_bias(node, _finite(layer.bias, node, "bias", bias.shape))
    limits, narrowed = weight_limits(replace(qm, model=model), context.target.capability), 0
    for node, layer in layers.items():
        before = np.asarray(constant(weight_of(node)), np.float32)
        real, grid = _finite(layer.weight, node, "weight", before.shape), qm.weights.get(node.name or "")
        if grid is None:
            replace_weight(node, real)
            continue
        narrowed += _hold_bias(node, limits[node.name or ""], grid)
        codes = limits[node.name or ""].project(quantize(real, grid))
        moved, total = moved + int((codes != quantize(before, grid)).sum()), total + codes.size
        replace_weight(node, dequantize(codes, grid))
    return Taken(model, moved, total, narrowed)


def _hold_bias(node: ir.Node, limits: WeightLimits, grid: QuantParams) -> int:
    """Draws the numbers of a bias in that 32 bits cannot hold on its grid; gives how many."""
    scale = np.broadcast_to(np.atleast_1d(grid.scale).astype(np.float64), limits.bias.shape)
    share = np.minimum(1.0, INT32.qmax * _ROOM * scale / np.maximum(limits.bias, np.finfo(np.float64).tiny))
    beyond = limits.bias > INT32.qmax * scale
    if beyond.any():
        bias = np.asarray(constant(bias_of(node)), np.float32)
        replace_bias(node, (bias * np.where(beyond, share, 1.0)).astype(np.float32))
    return int(beyond.sum())


def _layers(model: ir.Model, module: Any, names: dict[str, str]) -> Iterator[tuple[ir.Node, Any]]:
    """The layers of a graph, each with its module."""
    for node in tuple(model.graph):
        if node.name in names:
            try:
                yield node, module.get_submodule(names[node.name])
            except AttributeError as error:
                raise CalibrationError(
                    f"The training loop has removed the layer '{node.name}' from the module: train its parameters, "
                    f"and leave its parts as they are."
                ) from error


def _numbers(tensor: Any) -> Floats:
    return np.array(tensor.detach().cpu().numpy(), np.float32)  # a copy: the loop goes on with the tensor


def _finite(tensor: Any, node: ir.Node, what: str, shape: tuple[int, ...]) -> Floats:
    """A parameter's numbers.

    Raises:
        CalibrationError: some are not finite, or they are of another shape.
    """
    found = _numbers(tensor)
    if found.shape != shape:
        raise CalibrationError(
            f"The training loop has given the layer '{node.name}' a {what} of shape {list(found.shape)}, and it had "
            f"{list(shape)}: train the module's parameters in place."
        )
    if not np.isfinite(found).all():
        raise CalibrationError(
            f"After the training loop the {what} of the layer '{node.name}' holds numbers that are not finite: lower "
            f"the learning rate, or clip gradients."
        )
    return found
