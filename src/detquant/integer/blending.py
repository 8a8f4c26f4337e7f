"""Resize: pixels that are repeated are moves, pixels that are mixed are two matrices of whole numbers.

A resize by mixing is linear and works on rows and columns apart, ``y = R x C^T``. Both matrices are found by running
the graph's own node on maps that are 1 in one row, or column; their weights are whole multiples of ``2^-bits``, each
row of weights adds up to ``2^bits`` exactly, so that an even map stays even, and one requantisation takes
``2^(2 bits)`` out again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from detquant.integer.alone import run_alone
from detquant.integer.draft import Draft, limits, name_of, refused, shape_of
from detquant.integer.moving import move
from detquant.integer.on_codes import OnCodes
from detquant.integer.operators import Blend
from detquant.numerics.multipliers import ACCUMULATOR_BITS
from detquant.numerics.rounding import half_even

SIZES = 3
BLEND_BITS = 10


def resize(operator: OnCodes, draft: Draft) -> None:
    """Reads Resize of height and width as a move or as two matrices."""
    if operator.node.attributes.get_string("mode", "nearest") == "nearest":
        move(operator, draft)
        return
    node, [source], [sink] = operator.node, operator.activations, operator.outputs
    shape, out = shape_of(node, node.inputs[0]), shape_of(node, node.outputs[0])
    if len(shape) != 4 or shape[:2] != out[:2]:
        raise refused(node, f"it resizes {list(shape)} to {list(out)}, which is other axes than height and width")
    # Two sums of weights, each less than twice its 2^bits (cubic ones overshoot), on codes of this width.
    bits = min(BLEND_BITS, (ACCUMULATOR_BITS - 3 - source.grid.qtype.bits) // 2)
    low, high = limits(sink.grid, operator.bounds)
    factor = np.float64(source.grid.scale) / np.float64(sink.grid.scale) / 4.0**bits
    made = Blend(
        name=node.name or "",
        inputs=(name_of(source),),
        output=name_of(sink),
        low=low,
        high=high,
        rows=_weights(operator, shape, out, 2, bits),
        columns=_weights(operator, shape, out, 3, bits),
        multiplier=draft.multipliers(node, factor),
        zero_in=int(source.grid.zero_point),
        zero_out=int(sink.grid.zero_point),
    )
    draft.add(made, sink.grid, out)


def _weights(
    operator: OnCodes, shape: tuple[int, ...], out: tuple[int, ...], axis: int, bits: int
) -> npt.NDArray[np.int32]:
    """Weights of the input pixels in each output pixel along an axis: ``[out, in]``, in steps of ``2^-bits``."""
    node, size, other = operator.node, shape[axis], 5 - axis
    one_by_one = np.eye(size, dtype=np.float32).reshape(size, 1, *((size, 1) if axis == 2 else (1, size)))
    maps = np.ascontiguousarray(np.broadcast_to(one_by_one, (size, 1, *shape[2:])))
    given: dict[Any, npt.NDArray[Any]] = {node.inputs[0]: maps}
    if len(node.inputs) > SIZES and node.inputs[SIZES] is not None:
        given[node.inputs[SIZES]] = np.array([size, 1, *out[2:]], np.int64)
    mixed = run_alone([node], given)[0]
    exact = np.take(mixed[:, 0], 0, axis=other - 1).T.astype(np.float64)
    whole = half_even(exact * 2.0**bits).astype(np.int64)
    left = (1 << bits) - whole.sum(axis=1)
    whole[np.arange(len(whole)), whole.argmax(axis=1)] += left
    return whole.astype(np.int32)
