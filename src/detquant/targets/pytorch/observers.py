"""What detquant found, put into a user's own torch model that torch has prepared for quantisation-aware training.

`prepare_qat` and `prepare_qat_fx` of `torch.ao.quantization` put modules into a model that round weights and
activations, and observers into these. `load_observers` gives them the weights, biases and grids of a quantised file, so
that the model's own state dict has them under its own names, and the user's training goes on from there:

1. Layers are found by their paths, as far as the file tells them (`detquant.fake_quant.paths`), others by their order.
   A BatchNorm that the file has folded must be folded in the model too (`fuse_modules` or `fuse_fx`, in eval mode).
2. Both networks are run in float; they must give the same.
3. Observers of activations are found by what they see (`matching`) and get scale, zero point and range of codes. Their
   observing is switched off, so that training keeps them. Where the file computes in float, rounding is switched off.
"""

# torch is untyped where it is not installed, and its classes are made to be subclassed
# mypy: allow-subclassing-any

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir
import torch
from torch import fx, nn

from detquant.errors import ModelError
from detquant.fake_quant.module import OBSERVED, OPERATOR, as_module
from detquant.fake_quant.modules import FakeQuantize, Layer
from detquant.graph import prepare
from detquant.graph.values import is_op
from detquant.importers import load_model
from detquant.targets.pytorch.matching import (
    ENABLED,
    OBSERVING,
    activation_quantizers,
    layers_of,
    matched,
    same,
    seen_by,
    switch,
)

_FUSE = "fold it first, with the model in eval mode, by torch.ao.quantization.fuse_modules or fuse_fx"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What of a file has gone into a prepared model.

    Attributes:
        layers: the model's layers, and the layer of the file that each has its weight from.
        observers: the model's observers of activations, and the grid of the file that each has.
        in_float: observers and layers of the model that the file has no grid for: they round nothing now.
        missing: grids of the file that no observer of the model stands for.
        difference: largest difference of an output on the image, as a share of the largest, where both round.
    """

    layers: Mapping[str, str]
    observers: Mapping[str, str]
    in_float: tuple[str, ...]
    missing: tuple[str, ...]
    difference: float


def load_observers(prepared: Any, path: str | os.PathLike[str], image: torch.Tensor) -> Loaded:
    """Gives a prepared model the weights, biases and grids of a quantised file, in place.

    Args:
        prepared: what `prepare_qat` or `prepare_qat_fx` made of the model that the file was exported from.
        path: ``model.pt2`` of the target pytorch, or the QDQ ONNX of ort, opencv or tensorrt.
        image: what the network reads, ``[1, ...]``: on it observers are told apart.

    Raises:
        ModelError: the file is not quantised, or of another network.
    """
    model = prepare(load_model(path).model)
    ours = as_module(model).eval()
    if not any(isinstance(one, FakeQuantize) for one in ours.modules()):
        raise ModelError(f"'{path}' has no grids to load: give a file that detquant quantize has written.")
    turned = {node.name for node in model.graph if is_op(node, "MatMul") or _is_turned(node)}
    modes = {module: module.training for module in prepared.modules()}
    prepared.eval()
    try:
        with torch.no_grad():
            return _load(prepared, ours, turned, image, str(path))
    finally:
        for module, mode in modes.items():
            module.training = mode


class _InFloat(fx.Interpreter):
    """Computes a module of ours without rounding activations; what each of its grids is given is noted."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.seen: dict[str, torch.Tensor] = {}

    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What a module gives; a grid gives what it is given."""
        if not isinstance(self.fetch_attr(target), FakeQuantize):
            return super().call_module(target, args, kwargs)
        self.seen[target] = args[0]
        return args[0]


def _load(prepared: Any, ours: fx.GraphModule, turned: set[str | None], image: torch.Tensor, path: str) -> Loaded:
    theirs, layers = activation_quantizers(prepared), layers_of(prepared)
    weights = {name: one.weight_fake_quant for name, one in layers.items()}
    for flag in (ENABLED, OBSERVING):
        switch([*theirs.values(), *weights.values()], flag, on=False)
    with seen_by(layers) as called:
        prepared(image)
    pairs = _pairs(list(called), layers, ours, path)
    operators = {str(node.target): node.meta[OPERATOR] for node in ours.graph.nodes if OPERATOR in node.meta}
    for name, one in pairs.items():
        _put_layer(layers[name], ours.get_submodule(one), operators[one] in turned)
    with seen_by(theirs) as they_saw:
        expected = _tensors(prepared(image))
    in_float = _InFloat(ours)
    exact = _tensors(in_float.run(image))
    if len(expected) != len(exact) or not all(same(a, b) for a, b in zip(expected, exact, strict=True)):
        raise ModelError(
            f"'{path}' computes something else in float than the prepared model with its weights: it must be made of "
            f"an export of this very model, with the same outputs; a BatchNorm that is left: {_FUSE}."
        )
    observers = matched(they_saw, in_float.seen)
    for name, grid in observers.items():
        put_grid(theirs[name], ours.get_submodule(grid))
    rounded = [name for name, one in pairs.items() if ours.get_submodule(one).weight_fake_quant is not None]
    switch([theirs[name] for name in observers], ENABLED, on=True)
    switch([weights[name] for name in rounded], ENABLED, on=True)
    there, here = _tensors(prepared(image)), _tensors(ours(image))
    return Loaded(
        layers=pairs,
        observers=observers,
        in_float=tuple(name for name in (*theirs, *layers) if name not in observers and name not in rounded),
        missing=tuple(name for name in in_float.seen if name not in observers.values()),
        difference=max(_apart(one, other) for one, other in zip(there, here, strict=True)),
    )


def put_grid(quantizer: Any, grid: FakeQuantize) -> None:
    """Gives one of torch's fake quantisers a grid, and its observer the range that this covers.

    Args:
        quantizer: torch's module.
        grid: the grid.

    Raises:
        ModelError: the grid has a scale for each channel, and the module one for all.
    """
    per_channel = bool(getattr(quantizer, "is_per_channel", False))
    scale, zero = grid.scale.reshape(-1), grid.zero_point.reshape(-1)
    if len(scale) > 1 and not per_channel:
        raise ModelError(
            "The file has a scale for each channel of its weights, and the prepared model one for all: prepare it "
            "with a qconfig of per-channel weights, such as torch's default for 'x86'."
        )
    shift = 0
    if getattr(quantizer, "dtype", None) in (torch.qint8, torch.int8) and grid.quant_min >= 0:
        shift = (grid.quant_max + 1) // 2  # the same numbers in codes with a sign
    elif getattr(quantizer, "dtype", None) in (torch.quint8, torch.uint8) and grid.quant_min < 0:
        shift = grid.quant_min
    quantizer.scale.resize_(scale.shape).copy_(scale)
    quantizer.zero_point.resize_(zero.shape).copy_(zero - shift)
    quantizer.quant_min, quantizer.quant_max = grid.quant_min - shift, grid.quant_max - shift
    observer = getattr(quantizer, OBSERVED, None)
    if observer is not None and isinstance(getattr(observer, "min_val", None), torch.Tensor):
        for name, end in (("min_val", grid.quant_min), ("max_val", grid.quant_max)):
            ends = (end - zero) * scale
            getattr(observer, name).resize_(ends.shape if per_channel else ()).copy_(
                ends if per_channel else ends.reshape(())
            )
        observer.quant_min, observer.quant_max = quantizer.quant_min, quantizer.quant_max


def _pairs(called: list[str], layers: Mapping[str, Any], ours: Any, path: str) -> dict[str, str]:
    """The layer of the file that each layer of the model is: of the same path, others in the order of computing."""
    names = [str(node.target) for node in ours.graph.nodes if OPERATOR in node.meta]
    left = [name for name in names if isinstance(ours.get_submodule(name), Layer)]
    pairs = {name: name for name in called if name in left}
    left = [name for name in left if name not in pairs]
    rest = [name for name in called if name not in pairs]
    if len(left) < len(rest):
        raise ModelError(
            f"The prepared model has {len(called)} layers whose weights are rounded, and '{path}' fewer: it must be "
            f"made of an export of this very model."
        )
    pairs.update(zip(rest, left, strict=False))
    for name, one in pairs.items():
        if any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in layers[name].modules()):
            raise ModelError(f"The prepared model has a BatchNorm in '{name}', which the file has folded: {_FUSE}.")
        shape, given = tuple(layers[name].weight.shape), tuple(ours.get_submodule(one).weight.shape)
        if shape not in (given, given[::-1]):
            raise ModelError(
                f"The layer '{name}' of the prepared model has a weight {list(shape)}, and that of '{path}' in its "
                f"place, '{one}', one of {list(given)}: it must be made of an export of this very model."
            )
    return pairs


def _put_layer(theirs: Any, layer: Layer, turned: bool) -> None:
    """Gives a layer weight, bias and grid."""
    theirs.weight.copy_(layer.weight.t() if turned else layer.weight)
    if layer.bias is not None:
        theirs.bias = nn.Parameter(layer.bias.detach().clone().reshape(-1))
    elif theirs.bias is not None and not turned:  # a matrix product has its bias in an Add behind it, as it was
        theirs.bias.zero_()
    if layer.weight_fake_quant is not None:
        put_grid(theirs.weight_fake_quant, layer.weight_fake_quant)


def _is_turned(node: ir.Node) -> bool:
    return is_op(node, "Gemm") and not node.attributes.get_int("transB", 0)


def _tensors(outputs: Any) -> list[torch.Tensor]:
    """The tensors that a network gives, in whatever they are wrapped."""
    return [one for one in torch.utils._pytree.tree_leaves(outputs) if isinstance(one, torch.Tensor)]


def _apart(one: torch.Tensor, other: torch.Tensor) -> float:
    """The largest difference, as a share of the largest number."""
    return float((one.reshape(-1) - other.reshape(-1)).abs().max() / other.abs().max().clamp(min=1e-9))
