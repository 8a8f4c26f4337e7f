"""Weights of few different codes are stored as places in a table of these: half the bytes or less, the same numbers.

Between such a constant and who reads it stand a Cast and a Gather from a table of codes, which a runtime does once, as
it loads the file; its kernels get what they got before.

1. Of 5 to 16 codes, each is a place of 4 bits (UINT4); where 4 bits hold the codes themselves, `four_bit_storage` does
   it without a table.
2. Of 3 or 4 codes, two neighbours are one place in a table of pairs; of two codes, four. So these take 2 bits and one,
   in types that every runtime with 4 bits reads.
3. Read back, places become codes again at once: as wide whole numbers, which a Gather wants, they would be larger than
   what `fold_constants` dares to compute for a file.
"""

from __future__ import annotations

import ml_dtypes
import numpy as np
import onnx_ir as ir

from detquant.graph.four_bit_storage import fits_four_bits
from detquant.graph.values import constant, fresh_name, is_op, new_initializer, used_names
from detquant.graph.weight_codes import read_instead, weight_codes
from detquant.numerics.arrays import Array, Ints

PLACES = 16
"""How many rows of a table 4 bits tell apart."""
AT_ONCE = (4, 2, 1)
"""How many neighbours one place may stand for."""


def with_codebook_storage(qdq: ir.Model) -> ir.Model:
    """A copy of the model whose weights of at most 16 different codes are places in a table, where that saves bytes.

    The same model where there are none of so few codes.

    Args:
        qdq: QDQ graph of opset 21 or newer. Not changed.
    """
    if not any(_are_few(array) for _, array in weight_codes(qdq.graph)):
        return qdq
    qdq = qdq.clone()
    graph, names = qdq.graph, used_names(qdq.graph)
    for value, array in weight_codes(graph):
        if (found := in_places(array)) is None:
            continue
        places, table = found
        if table.ndim == 1 and fits_four_bits(array):
            continue
        name = value.name or ""
        graph.initializers.pop(name)
        names.discard(name)
        stored = new_initializer(graph, name, places.astype(ml_dtypes.uint4), names)
        rows = new_initializer(graph, "table", table, names)
        nodes = [ir.node("Cast", [stored], attributes={"to": int(ir.DataType.INT32)})]
        nodes.append(ir.node("Gather", [rows, nodes[0].outputs[0]]))
        if table.ndim > 1:
            shape = new_initializer(graph, "shape", np.array(array.shape, np.int64), names)
            nodes.append(ir.node("Reshape", [nodes[-1].outputs[0], shape]))
        for node, what in zip(nodes, ("places", "codes", "wide"), strict=False):
            node.outputs[0].name = fresh_name(what, names)  # short: a layer has three
        read_instead(graph, value, nodes)
    return qdq


def in_places(codes: Array) -> tuple[Ints, Array] | None:
    """Places in a table, and the table; None where there are too many different codes for one.

    Args:
        codes: of any shape.

    Returns:
        Places in the shape of the codes, and a table ``[rows]`` of codes; or places ``[n]`` and a table ``[rows, m]``,
        each row of it ``m`` neighbours (case 2).
    """
    if not _are_few(codes):
        return None
    book, which = np.unique(codes, return_inverse=True)
    together = next(m for m in AT_ONCE if len(book) ** m <= PLACES and codes.size % m == 0)
    if together == 1:
        return np.asarray(which.reshape(codes.shape), np.int64), book
    powers = len(book) ** np.arange(together)[::-1]
    rows = np.arange(len(book) ** together)[:, None] // powers % len(book)
    return np.asarray(which.reshape(-1, together) @ powers, np.int64), book[rows]


def _are_few(codes: Array) -> bool:
    """Whether the different codes of some of 8 bits are few enough for a table."""
    return int(np.count_nonzero(np.bincount(codes.view(np.uint8).reshape(-1)))) <= PLACES


def with_plain_codes(model: ir.Model) -> ir.Model:
    """Makes places in tables codes again, in place (case 3)."""
    names = used_names(model.graph)
    for node in list(model.graph):
        codes = _looked_up(node) if is_op(node, "Gather") else None
        if codes is not None:
            output = node.outputs[0]
            made = new_initializer(model.graph, f"{output.name}_plain", codes, names)
            ir.convenience.replace_all_uses_with(output, made)
    return model


def _looked_up(gather: ir.Node) -> Array | None:
    """What a Gather gives out of a table of codes, as this file writes it; None for all else."""
    table, index = constant(gather.inputs[0]), gather.inputs[1]
    cast = index.producer() if index is not None else None
    places = constant(cast.inputs[0]) if is_op(cast, "Cast") and cast is not None else None
    along = gather.attributes.get_int("axis", 0)
    if table is None or places is None or along != 0 or gather.outputs[0].is_graph_output():
        return None
    if places.dtype != ml_dtypes.uint4 or table.dtype.name not in ("int8", "uint8"):
        return None
    wide = places.astype(np.int64)
    known = table.shape[1:] in ((), *((m,) for m in AT_ONCE)) and wide.size and int(wide.max()) < len(table)
    return table[wide] if known else None
