"""Sums, differences and products of two activations, and means, with multipliers for the scales.

y = z_y + (s_a (a - z_a) + s_b (b - z_b)) / s_y          a sum
y = z_y + s_a s_b / s_y (a - z_a)(b - z_b)               a product
y = z_y + s_x / (s_y count) sum (x - z_x)                a mean
"""

from __future__ import annotations

import numpy as np

from detquant.graph.window import Window
from detquant.integer.draft import Draft, limits, name_of, refused, shape_of, window
from detquant.integer.on_codes import OnCodes
from detquant.integer.operators import Mean, Product, Sum
from detquant.integer.windows import windows_of
from detquant.numerics.multipliers import LARGEST_SHIFT


def add(operator: OnCodes, draft: Draft) -> None:
    """Reads Add of two activations as a sum with multipliers."""
    _sum(operator, draft, (1.0, 1.0))


def subtract(operator: OnCodes, draft: Draft) -> None:
    """Reads Sub of two activations as a sum whose second multiplier is negative."""
    _sum(operator, draft, (1.0, -1.0))


def _sum(operator: OnCodes, draft: Draft, signs: tuple[float, float]) -> None:
    node, (first, second), [sink] = operator.node, operator.activations, operator.outputs
    step = np.float64(sink.grid.scale)
    factors = [sign * np.float64(one.grid.scale) / step for one, sign in zip((first, second), signs, strict=True)]
    multiplier = draft.common_multipliers(node, factors)
    zeros = np.array([int(one.grid.zero_point) for one in (first, second)])
    low, high = limits(sink.grid, operator.bounds)
    made = Sum(
        name=node.name or "",
        inputs=(name_of(first), name_of(second)),
        output=name_of(sink),
        low=low,
        high=high,
        multiplier=multiplier,
        offset=(int(sink.grid.zero_point) << int(multiplier.shift)) - int((zeros * multiplier.multiplier).sum()),
    )
    draft.add(made, sink.grid, shape_of(node, node.outputs[0]))


def multiply(operator: OnCodes, draft: Draft) -> None:
    """Reads Mul of two activations as a product with one multiplier."""
    node, (first, second), [sink] = operator.node, operator.activations, operator.outputs
    factor = np.float64(first.grid.scale) * np.float64(second.grid.scale) / np.float64(sink.grid.scale)
    low, high = limits(sink.grid, operator.bounds)
    made = Product(
        name=node.name or "",
        inputs=(name_of(first), name_of(second)),
        output=name_of(sink),
        low=low,
        high=high,
        multiplier=draft.multipliers(node, factor, LARGEST_SHIFT - first.grid.qtype.bits - second.grid.qtype.bits),
        zeros=(int(first.grid.zero_point), int(second.grid.zero_point)),
        zero_out=int(sink.grid.zero_point),
    )
    draft.add(made, sink.grid, shape_of(node, node.outputs[0]))


def average_pool(operator: OnCodes, draft: Draft) -> None:
    """Reads AveragePool as means; windows at the border hold fewer pixels, unless padding counts."""
    node = operator.node
    shape, out = shape_of(node, node.inputs[0]), shape_of(node, node.outputs[0])
    around = window(node, node.attributes.get_ints("kernel_shape", ()))
    counts = np.full(out[2:], np.prod(around.kernel))
    if not node.attributes.get_int("count_include_pad", 0):
        counts = windows_of(np.ones((1, 1, *shape[2:]), np.int64), around, 0).sum(axis=(-2, -1))[0, 0]
    even = counts if (counts != counts.flat[0]).any() else counts.flat[0]
    _mean(operator, draft, np.asarray(even, np.float64), around=around)


def global_average_pool(operator: OnCodes, draft: Draft) -> None:
    """Reads GlobalAveragePool as means over all places, which stay as axes of length 1."""
    shape = shape_of(operator.node, operator.node.inputs[0])
    axes = tuple(range(2, len(shape)))
    _mean(operator, draft, np.float64(np.prod([shape[axis] for axis in axes])), axes=axes)


def reduce_mean(operator: OnCodes, draft: Draft) -> None:
    """Reads ReduceMean as means over the axes that are named, or over all."""
    node = operator.node
    shape, given = shape_of(node, node.inputs[0]), operator.inputs[1] if len(operator.inputs) > 1 else None
    named = given if isinstance(given, np.ndarray) else np.array(node.attributes.get_ints("axes", ()), np.int64)
    if not named.size and node.attributes.get_int("noop_with_empty_axes"):
        raise refused(node, "it has no axes and is to do nothing")
    axes = tuple(sorted({int(axis) % len(shape) for axis in named.reshape(-1)})) or tuple(range(len(shape)))
    keep = bool(node.attributes.get_int("keepdims", 1))
    _mean(operator, draft, np.float64(np.prod([shape[axis] for axis in axes])), axes=axes, keep=keep)


def _mean(
    operator: OnCodes,
    draft: Draft,
    counts: np.ndarray[tuple[int, ...], np.dtype[np.float64]] | np.float64,
    *,
    around: Window | None = None,
    axes: tuple[int, ...] = (),
    keep: bool = True,
) -> None:
    node, [source], [sink] = operator.node, operator.activations, operator.outputs
    low, high = limits(sink.grid, operator.bounds)
    factor = np.float64(source.grid.scale) / (np.float64(sink.grid.scale) * counts)
    made = Mean(
        name=node.name or "",
        inputs=(name_of(source),),
        output=name_of(sink),
        low=low,
        high=high,
        multiplier=draft.multipliers(node, factor),
        zero_in=int(source.grid.zero_point),
        zero_out=int(sink.grid.zero_point),
        window=around,
        axes=axes,
        keep=keep,
    )
    draft.add(made, sink.grid, shape_of(node, node.outputs[0]))
