"""Constants of codes that four bits hold are stored in four: half the bytes, the same numbers.

A runtime's kernels want int8 weights, and a file may hold them in less: ``Cast(INT4 -> INT8)`` stands between such a
constant and who reads it, and the runtime does it once, as it loads the file. Grids of 2 and 3 bits gain the same; ONNX
has 2-bit types since opset 25 only, which runtimes do not read yet.

A constant is stored so where all its codes lie in -8..7 (of int8) or 0..15 (of uint8), whatever its grid was.
"""

from __future__ import annotations

import ml_dtypes
import onnx_ir as ir

from detquant.graph.values import new_initializer, used_names
from detquant.graph.weight_codes import read_instead, weight_codes
from detquant.numerics.arrays import Array

NARROW = {"int8": (ml_dtypes.int4, -8, 7), "uint8": (ml_dtypes.uint4, 0, 15)}


def has_four_bits(model: ir.Model) -> bool:
    """Whether constants of the model are stored in 4 bits."""
    kinds = {ir.DataType.INT4, ir.DataType.UINT4}
    return any(value.dtype in kinds for value in model.graph.initializers.values())


def fits_four_bits(codes: Array) -> bool:
    """Whether all of some codes of 8 bits lie where four hold them."""
    _, lowest, highest = NARROW[codes.dtype.name]
    return int(codes.min()) >= lowest and int(codes.max()) <= highest


def with_four_bit_storage(qdq: ir.Model) -> ir.Model:
    """A copy of the model whose weights of at most 4 bits are stored in 4; the same model where there are none.

    Args:
        qdq: QDQ graph of opset 21 or newer. Not changed.
    """
    if not any(fits_four_bits(array) for _, array in weight_codes(qdq.graph)):
        return qdq
    qdq = qdq.clone()
    graph, names = qdq.graph, used_names(qdq.graph)
    for value, array in weight_codes(graph):
        if not fits_four_bits(array):
            continue
        name = value.name or ""
        graph.initializers.pop(name)
        names.discard(name)
        stored = new_initializer(graph, name, array.astype(NARROW[array.dtype.name][0]), names)
        wide = int(ir.DataType.from_numpy(array.dtype))
        cast = ir.node("Cast", [stored], attributes={"to": wide}, name=f"{name}_widened")
        cast.outputs[0].name = f"{name}_wide"
        read_instead(graph, value, [cast])
    return qdq
