"""A picture of noise through a model: what its outputs look like, before any family is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from detquant.errors import ModelError
from detquant.families.given_inputs import given_inputs
from detquant.graph import OrtRunner
from detquant.graph.values import static_shape
from detquant.spread import processors

IMAGE_RANK = 4
Outputs = Mapping[str, npt.NDArray[Any]]


def on_noise(model: ir.Model) -> Callable[[], Outputs]:
    """Gives the raw outputs for noise; the model is run when they are first asked for.

    Args:
        model: prepared, so its input is of a fixed shape. Inputs of floats are given 0 to 1, others 0 to 255.

    Returns:
        A function that gives the outputs, or none where ONNX Runtime cannot run the model: then nothing is known.
    """

    @cache
    def run() -> Outputs:
        try:
            feeds = {value.name or "": _noise(value) for value in _images(model)}
            feeds |= _given(model)
            return OrtRunner(model, processors(), optimisation="basic").run(feeds)
        except ModelError:
            return {}

    return run


def _images(model: ir.Model) -> list[ir.Value]:
    return [value for value in model.graph.inputs if value.name not in model.graph.initializers]


def _given(model: ir.Model) -> dict[str, npt.NDArray[Any]]:
    """What inputs besides the image are given, where they are known."""
    shapes = {value.name or "": static_shape(value) or () for value in _images(model)}
    sizes = [shape[2:] for shape in shapes.values() if len(shape) == IMAGE_RANK]
    others = {name: shape for name, shape in shapes.items() if len(shape) != IMAGE_RANK}
    return dict(given_inputs(others, *sizes[0]) or {}) if len(sizes) == 1 else {}


def _noise(value: ir.Value) -> npt.NDArray[Any]:
    kind = value.dtype.numpy() if value.dtype else np.dtype(np.float32)
    shape = tuple(value.shape.numpy()) if value.shape and value.shape.is_static() else ()
    levels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    return (levels / 255).astype(kind) if np.issubdtype(kind, np.floating) else levels.astype(kind)
