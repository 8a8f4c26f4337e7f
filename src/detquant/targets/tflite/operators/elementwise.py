"""Operators that work number by number: in whatever order their first operand lies."""

from __future__ import annotations

import numpy as np

from detquant.targets.tflite.file import Options, Tensor
from detquant.targets.tflite.layout import Order, plain
from detquant.targets.tflite.site import Site
from detquant.targets.tflite.values import float32

UNARY = {
    "Abs": "ABS",
    "Ceil": "CEIL",
    "Cos": "COS",
    "Exp": "EXP",
    "Floor": "FLOOR",
    "Log": "LOG",
    "Neg": "NEG",
    "Round": "ROUND",
    "Sigmoid": "LOGISTIC",
    "Sin": "SIN",
    "Sqrt": "SQRT",
    "Tanh": "TANH",
}
BINARY = {
    "Add": ("ADD", "Add"),
    "Div": ("DIV", "Div"),
    "Max": ("MAXIMUM", "MaximumMinimum"),
    "Min": ("MINIMUM", "MaximumMinimum"),
    "Mul": ("MUL", "Mul"),
    "Pow": ("POW", "Pow"),
    "Sub": ("SUB", "Sub"),
}
TAKES_IN = frozenset({"Add", "Sub", "Mul", "Div"})
POWERS_OF_TWO = frozenset({"ADD", "SUB"})
"""Operators that take scales of int16 for powers of two unless told that they are not."""


def unary(site: Site) -> None:
    """Lowers an operator of one operand."""
    order = site.order()
    site.add(UNARY[site.node.op_type], [site.read(0, order)], [site.result(order)])


def binary(site: Site) -> None:
    """Lowers an operator of two operands, which are broadcast."""
    if len(site.node.inputs) != 2:
        raise site.unsupported(f"has {len(site.node.inputs)} operands instead of 2")
    name, kind = BINARY[site.node.op_type]
    rank = len(site.out_shape())
    order = _order(site, rank)
    fields: dict[str, int | bool] = {"fusedActivationFunction": site.fused()} if site.node.op_type in TAKES_IN else {}
    operands = [site.read_wide(k, rank, order) for k in range(2)]
    result = site.result(order)
    if name in POWERS_OF_TWO and result.dtype == "int16":
        fields["potScaleInt16"] = False
    site.add(name, operands, [result], Options(kind, fields), _scale_up(name, [*operands, result]))


def reciprocal(site: Site) -> None:
    """Lowers Reciprocal to a division of 1."""
    order = site.order()
    one = site.file_constant("one", np.ones(1, np.float32))
    site.add("DIV", [one, site.read(0, order)], [site.result(order)], Options("Div", {}))


def batch_normalization(site: Site) -> None:
    """Lowers a BatchNormalization that no convolution could take in to MUL and ADD by channel.

    ``y = (x - mean) / sqrt(var + eps) * scale + bias``.
    """
    order, rank = site.order(), len(site.shape())
    parts = [site.constant(position) for position in range(1, 5)]
    if any(part is None for part in parts):
        raise site.unsupported("has statistics that are computed")
    scale, bias, mean, var = (np.asarray(part, np.float64) for part in parts)
    gain = scale / np.sqrt(var + site.attributes.get_float("epsilon", 1e-5))
    shape = [1, -1, *[1] * (rank - 2)]
    x = site.read(0, order)
    made = site.inside("scaled", x.shape, x)
    for op, kind, numbers, source, target in (
        ("MUL", "Mul", gain, x, made),
        ("ADD", "Add", bias - mean * gain, made, None),
    ):
        other = site.file_constant(f"{site.node.name}/{kind}", float32(numbers.reshape(shape).transpose(order)))
        site.add(op, [source, other], [target or site.result(order)], Options(kind, {}))


def _order(site: Site, rank: int) -> Order:
    """The order of axes of the first operand that is an activation of full rank."""
    for position in range(2):
        if site.constant(position) is None and len(site.shape(position)) == rank:
            return site.order(position)
    return plain(rank)


def _scale_up(name: str, tensors: list[Tensor]) -> str | None:
    """MUL of codes whose product of scales is larger than the result's needs a newer runtime."""
    if name != "MUL" or any(t.grid is None for t in tensors):
        return None
    x, y, z = (float(t.grid.scale) for t in tensors if t.grid is not None)
    return "scale up" if x * y / z >= 1.0 else None
