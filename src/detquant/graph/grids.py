"""The grids of a QDQ graph, as its nodes say them: what is read by all that works on codes.

A grid's width is that of the type its codes are stored in, unless the node says that it is narrower: ONNX has no
types of 3, 5, 6 or 7 bits, so codes of 6 bits lie in int8 and their Q and DQ carry the entry `QTYPE`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from detquant.graph.values import constant, is_op
from detquant.numerics.arrays import Array
from detquant.numerics.grid import QuantParams, dequantize
from detquant.numerics.qtype import QType

QTYPE = "detquant.qtype"
"""Entry of a node's metadata: the type of the codes, where it is narrower than what they are stored in."""

KINDS = frozenset({"INT2", "UINT2", "INT4", "UINT4", "INT8", "UINT8", "INT16", "UINT16", "INT32"})


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """An activation that is kept in codes.

    Attributes:
        value: the codes, as a QuantizeLinear gives them.
        grid: the grid that tells which numbers the codes stand for.
    """

    value: ir.Value
    grid: QuantParams


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """A constant in codes: a weight, or a bias.

    Attributes:
        codes: the codes, as they are stored.
        grid: the grid that tells which numbers they stand for.
    """

    codes: Array
    grid: QuantParams

    @property
    def real(self) -> Array:
        """The numbers that they stand for, in float32."""
        return dequantize(self.codes.astype(np.int64), self.grid)


def tell_width(node: ir.Node, qtype: QType, kept_in: npt.DTypeLike) -> None:
    """Lets a Q or DQ say how wide its codes are, where the type that they are kept in does not."""
    if str(qtype) != np.dtype(kept_in).name:
        node.metadata_props[QTYPE] = str(qtype)


def grid_of(node: ir.Node | None) -> QuantParams | None:
    """The grid of a Q or DQ; None for all else, and where it is computed or has scales of blocks."""
    if node is None or not is_op(node, "QuantizeLinear", "DequantizeLinear"):
        return None
    scale, qtype = constant(node.inputs[1]), qtype_of(node)
    zero_point = node.inputs[2] if len(node.inputs) > 2 else None
    zero = constant(zero_point)
    if scale is None or qtype is None or node.attributes.get_int("block_size"):
        return None
    if zero is None and zero_point is not None:
        return None
    zeros = np.zeros(scale.shape, np.int64) if zero is None else zero.astype(np.int64)
    if scale.size == 1:
        return QuantParams(qtype, np.asarray(scale.reshape(()), np.float32), zeros.reshape(()))
    if scale.ndim != 1:
        return None
    return QuantParams(qtype, np.asarray(scale, np.float32), zeros, node.attributes.get_int("axis", 1))


def qtype_of(node: ir.Node) -> QType | None:
    """The type of a Q's or DQ's codes: as it says, else that of its zero point or of the codes that it reads."""
    told = node.metadata_props.get(QTYPE)
    if told is not None:
        return QType.parse(told)
    kinds = [_kind(node.inputs[2])] if len(node.inputs) > 2 else []
    if node.op_type == "DequantizeLinear":
        kinds.append(_kind(node.inputs[0]))
    else:
        asked = node.attributes.get_int("output_dtype", 0)
        kinds.append(ir.DataType(asked) if asked else ir.DataType.UINT8)
    kind = next((kind for kind in kinds if kind is not None), None)
    return QType.parse(kind.name.lower()) if kind is not None and kind.name in KINDS else None


def _kind(value: ir.Value | None) -> ir.DataType | None:
    if value is None:
        return None
    if value.const_value is not None:
        return value.const_value.dtype
    if value.dtype is not None:
        return value.dtype
    known = constant(value)  # of a Constant node
    return None if known is None else ir.DataType.from_numpy(known.dtype)


def source_of(value: ir.Value | None) -> Codes | None:
    """The codes that a dequantised activation comes from."""
    node = value.producer() if value is not None else None
    grid = grid_of(node) if is_op(node, "DequantizeLinear") else None
    codes = node.inputs[0] if node is not None and grid is not None else None
    return None if codes is None or grid is None or constant(codes) is not None else Codes(codes, grid)


def sink_of(value: ir.Value) -> Codes | None:
    """The codes that a value becomes and nothing else."""
    uses = list(value.uses())
    grid = grid_of(uses[0].node) if len(uses) == 1 and is_op(uses[0].node, "QuantizeLinear") else None
    return None if grid is None or value.is_graph_output() else Codes(uses[0].node.outputs[0], grid)


def stored_codes(value: ir.Value | None) -> Stored | None:
    """Codes and grid of a constant behind a DequantizeLinear."""
    node = value.producer() if value is not None else None
    if node is None or not is_op(node, "DequantizeLinear"):
        return None
    codes, grid = constant(node.inputs[0]), grid_of(node)
    return None if codes is None or grid is None else Stored(codes, grid)


def constant_of(value: ir.Value | None) -> Array | None:
    """The numbers of a constant, dequantised where they are stored as codes; None for what is computed."""
    found = constant(value)
    if found is not None:
        return found
    stored = stored_codes(value)
    return None if stored is None else stored.real
