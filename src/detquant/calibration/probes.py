"""Reductions put into the graph, so that only numbers leave the runtime, never activations.

1. `with_extremes`: ``ReduceMin`` and ``ReduceMax`` of each tensor, and each channel's mean and peak where asked for. The model's own
   outputs are dropped, and with them the decode tail.
2. `with_codes`: each tensor as uint16 codes on `BINS` levels over its known range: a histogram is then one ``bincount``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from detquant.calibration.statistics import BINS


def _values(model: ir.Model) -> dict[str, ir.Value]:
    graph = model.graph
    return {v.name or "": v for v in graph.inputs} | {v.name or "": v for n in graph for v in n.outputs}


def _finish(model: ir.Model, outputs: list[ir.Value]) -> ir.Model:
    model.graph.outputs.clear()
    model.graph.outputs.extend(outputs)
    RemoveUnusedNodesPass()(model)
    return model


def _append(model: ir.Model, op: str, inputs: list[ir.Value | None], name: str, dtype: ir.DataType, **attributes: int) -> ir.Value:
    node = ir.node(op, inputs, attributes=attributes, name=name)
    model.graph.append(node)
    node.outputs[0].name, node.outputs[0].dtype = name, dtype
    return node.outputs[0]


def _constant(model: ir.Model, name: str, array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> ir.Value:
    value = ir.Value(name=name, const_value=ir.tensor(array))
    value.shape, value.dtype = ir.Shape(array.shape), ir.DataType.from_numpy(array.dtype)
    model.graph.register_initializer(value)
    return value


def with_extremes(model: ir.Model, tensors: Iterable[str], by_channel: Iterable[str] = ()) -> ir.Model:
    """A copy whose outputs are ``NAME:min``, ``NAME:max`` (scalars), ``NAME:mean`` and ``NAME:peak`` (``[channels]``)."""
    model = model.clone()
    values, outputs = _values(model), []
    for name in tensors:
        for suffix, op in (("min", "ReduceMin"), ("max", "ReduceMax")):
            outputs.append(_append(model, op, [values[name]], f"{name}:{suffix}", ir.DataType.FLOAT, keepdims=0))
    for name in by_channel:
        rank = len(values[name].shape or ())
        axes = _constant(model, f"{name}:axes", np.array([a for a in range(rank) if a != channel_axis(rank)], np.int64))
        for suffix, op in (("mean", "ReduceMean"), ("peak", "ReduceMax")):
            outputs.append(_append(model, op, [values[name], axes], f"{name}:{suffix}", ir.DataType.FLOAT, keepdims=0))
    return _finish(model, outputs)


def channel_axis(rank: int) -> int:
    """Where the channels of an activation lie: axis 1 of ``[n, c, h, w]``, the last of ``[n, features]``."""
    return 1 if rank > 2 else rank - 1


def with_codes(model: ir.Model, bounds: Mapping[str, tuple[float, float]]) -> ir.Model:
    """A copy whose outputs are ``NAME:codes``: uint16 in ``0..BINS-1`` over each tensor's range."""
    model = model.clone()
    values, outputs = _values(model), []
    for name, (low, high) in bounds.items():
        scale = np.float32(max((high - low) / (BINS - 1), 1e-12))
        # QuantizeLinear's zero point is an unsigned integer: the shift to `low` is a subtraction of its own.
        base = _constant(model, f"{name}:low", np.array(low, np.float32))
        moved = _append(model, "Sub", [values[name], base], f"{name}:moved", ir.DataType.FLOAT)
        step = _constant(model, f"{name}:step", np.array(scale, np.float32))
        zero = _constant(model, f"{name}:zero", np.array(0, np.uint16))
        outputs.append(_append(model, "QuantizeLinear", [moved, step, zero], f"{name}:codes", ir.DataType.UINT16))
    return _finish(model, outputs)


def with_taps_only(model: ir.Model, tensors: Iterable[str]) -> ir.Model:
    """A copy whose outputs are the named tensors and nothing else; what they do not need is removed."""
    model = model.clone()
    values = _values(model)
    return _finish(model, [values[name] for name in tensors])
