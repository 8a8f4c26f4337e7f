"""Constants of codes that four bits hold are stored in four: half the bytes, the same numbers.

A runtime's kernels want int8 weights, and a file may hold them in less: ``Cast(INT4 -> INT8)`` stands between such a
constant and who reads it, and the runtime does it once, as it loads the file. Grids of 2 and 3 bits gain the same; ONNX
has 2-bit types since opset 25 only, which runtimes do not read yet.

1. A constant is stored so where all its codes lie in -8..7 (of int8) or 0..15 (of uint8), whatever its grid was.
2. One that is read as anything but codes (see `CODES`) stays, and so does a small one: the Cast takes some bytes too.
"""

from __future__ import annotations

import ml_dtypes
import onnx_ir as ir

from detquant.graph.values import constant, new_initializer, used_names

NARROW = {"int8": (ml_dtypes.int4, -8, 7), "uint8": (ml_dtypes.uint4, 0, 15)}
CODES = {"DequantizeLinear": 0, "QLinearConv": 3, "QLinearMatMul": 3, "ConvInteger": 1, "MatMulInteger": 1}
"""Operators that read codes, with the place of the weight's codes among their inputs."""
LEAST = 512
"""Number of codes below which a Cast and its names take more than they save."""


def has_four_bits(model: ir.Model) -> bool:
    """Whether constants of the model are stored in 4 bits."""
    kinds = {ir.DataType.INT4, ir.DataType.UINT4}
    return any(value.dtype in kinds for value in model.graph.initializers.values())


def with_four_bit_storage(qdq: ir.Model) -> ir.Model:
    """A copy of the model whose weights of at most 4 bits are stored in 4.

    Args:
        qdq: QDQ graph of opset 21 or newer. Not changed.
    """
    qdq = qdq.clone()
    graph, names = qdq.graph, used_names(qdq.graph)
    for value in list(graph.initializers.values()):
        array = constant(value)
        if array is None or array.size < LEAST or (narrow := NARROW.get(array.dtype.name)) is None:
            continue
        kind, lowest, highest = narrow
        uses = list(value.uses())
        if not all(CODES.get(use.node.op_type) == use.idx for use in uses):
            continue
        if int(array.min()) < lowest or int(array.max()) > highest or not uses:
            continue
        name = value.name or ""
        graph.initializers.pop(name)
        names.discard(name)
        stored = new_initializer(graph, name, array.astype(kind), names)
        wide = int(ir.DataType.from_numpy(array.dtype))
        cast = ir.node("Cast", [stored], attributes={"to": wide}, name=f"{name}_widened")
        cast.outputs[0].name, cast.outputs[0].shape = f"{name}_wide", value.shape
        cast.outputs[0].type = ir.TensorType(ir.DataType.from_numpy(array.dtype))
        graph.insert_before(uses[0].node, cast)
        for use in uses:
            use.node.replace_input_with(use.idx, cast.outputs[0])
    return qdq
