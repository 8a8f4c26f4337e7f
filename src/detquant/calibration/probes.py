"""Reductions put into the graph, so that only numbers leave the runtime, never activations.

1. `with_extremes`: ``ReduceMin`` and ``ReduceMax`` of each tensor, and each channel's mean and peak where
   asked for. Unless they are asked for, the model's own outputs are dropped, and with them the decode tail. A mean
   (of the channels, or the plain average) also shows a NaN: ONNX Runtime's minimum and maximum step over one, its
   sums do not.
2. `with_codes`: each tensor as uint16 codes on `BINS` levels over its known range: a histogram is then one
   ``bincount``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import onnx_ir as ir

from detquant.calibration.statistics import BINS
from detquant.graph.taps import only_outputs
from detquant.graph.values import new_initializer, used_names, values_by_name


def _append(
    model: ir.Model,
    op: str,
    inputs: Sequence[ir.Value],
    name: str,
    dtype: ir.DataType = ir.DataType.FLOAT,
    attributes: Mapping[str, int] | None = None,
) -> ir.Value:
    node = ir.node(op, inputs, attributes=attributes, name=name)
    model.graph.append(node)
    node.outputs[0].name, node.outputs[0].type = name, ir.TensorType(dtype)
    return node.outputs[0]


def with_extremes(
    model: ir.Model,
    tensors: Iterable[str],
    by_channel: Iterable[str] = (),
    averages: Iterable[str] = (),
    *,
    heads: bool = False,
) -> ir.Model:
    """A copy of the model that gives out reductions, and what the model gives if that is asked for.

    Args:
        model: prepared float graph.
        tensors: gives ``NAME:min`` and ``NAME:max`` of each, scalars.
        by_channel: gives ``NAME:mean`` and ``NAME:peak`` of each, ``[channels]``.
        averages: gives ``NAME:average`` of each, a scalar.
        heads: whether the model's own outputs stay.
    """
    model = model.clone()
    values, outputs, no_axes, taken = values_by_name(model.graph), [], {"keepdims": 0}, used_names(model.graph)
    for name in tensors:
        for suffix, op in (("min", "ReduceMin"), ("max", "ReduceMax")):
            outputs.append(_append(model, op, [values[name]], f"{name}:{suffix}", attributes=no_axes))
    for name in averages:
        outputs.append(_append(model, "ReduceMean", [values[name]], f"{name}:average", attributes=no_axes))
    for name in by_channel:
        rank = len(values[name].shape or ())
        others = np.array([a for a in range(rank) if a != channel_axis(rank)], np.int64)
        inputs = [values[name], new_initializer(model.graph, f"{name}:axes", others, taken)]
        for suffix, op in (("mean", "ReduceMean"), ("peak", "ReduceMax")):
            outputs.append(_append(model, op, inputs, f"{name}:{suffix}", attributes=no_axes))
    return only_outputs(model, [*model.graph.outputs, *outputs] if heads else outputs)


def channel_axis(rank: int) -> int:
    """The axis of an activation's channels: axis 1 of ``[n, c, h, w]``, the last of ``[n, features]``."""
    return 1 if rank > 2 else rank - 1


def with_codes(model: ir.Model, bounds: Mapping[str, tuple[float, float]]) -> ir.Model:
    """A copy of the model whose outputs are ``NAME:codes``: uint16 in ``0..BINS-1`` over each tensor's range."""
    model = model.clone()
    values, outputs, taken = values_by_name(model.graph), [], used_names(model.graph)
    for name, (low, high) in bounds.items():
        scale = np.float32(max((high - low) / (BINS - 1), 1e-12))
        # QuantizeLinear's zero point is an unsigned integer: the shift to `low` is a subtraction of its own.
        base = new_initializer(model.graph, f"{name}:low", np.array(low, np.float32), taken)
        moved = _append(model, "Sub", [values[name], base], f"{name}:moved")
        step = new_initializer(model.graph, f"{name}:step", np.array(scale, np.float32), taken)
        zero = new_initializer(model.graph, f"{name}:zero", np.array(0, np.uint16), taken)
        inputs = [moved, step, zero]
        outputs.append(_append(model, "QuantizeLinear", inputs, f"{name}:codes", ir.DataType.UINT16))
    return only_outputs(model, outputs)
