"""Operators on one number, or on two that broadcasting brings together.

BinaryOp broadcasts axes of length 1 where both blobs have as many axes; with fewer it guesses, so all get as many.
"""

from __future__ import annotations

import numpy as np

from detquant.targets.ncnn.layout import stored
from detquant.targets.ncnn.param_file import bare
from detquant.targets.ncnn.site import Site

BINARY = {"Add": 0, "Sub": 1, "Mul": 2, "Div": 3, "Max": 4, "Min": 5}
TURNED = {"Sub": 7, "Div": 8}
"""The number of the operator whose first operand is the number that it is given."""
UNARY = {
    "Abs": 0,
    "Neg": 1,
    "Floor": 2,
    "Ceil": 3,
    "Sqrt": 5,
    "Exp": 7,
    "Log": 8,
    "Sin": 9,
    "Cos": 10,
    "Reciprocal": 15,
    "Round": 18,
}
SQUARE = 4
POWERS: dict[float, tuple[int, ...]] = {
    -1.0: (UNARY["Reciprocal"],),
    0.5: (UNARY["Sqrt"],),
    1.0: (),
    2.0: (SQUARE,),
    4.0: (SQUARE, SQUARE),
}
"""Functions of one number, one after the other, that come to a power."""


def unary(site: Site) -> None:
    """Lowers a function of one number to UnaryOp."""
    site.add("UnaryOp", [site.read()], [site.result()], {0: UNARY[site.node.op_type]})


def binary(site: Site) -> None:
    """Lowers an operator of two inputs to BinaryOp, of more to several; one number that is constant is a parameter."""
    count, name, out = len(site.node.inputs), site.node.op_type, site.out_shape()
    if count == 1:
        site.same(site.read())
        return
    if count == 2:
        for place in (0, 1):
            known = site.constant(place)
            if known is not None and known.size == 1 and site.constant(1 - place) is None:
                _with_number(site, 1 - place, float(known.reshape(())), turned=place == 0)
                return
    left = site.read_wide(0, out)
    for place in range(1, count):
        right = site.read_wide(place, out)
        shape = tuple(np.broadcast_shapes(left.shape, right.shape))
        made = site.result() if place == count - 1 else site.inside(f"{place}", shape)
        site.add("BinaryOp", [left, right], [made], {0: BINARY[name]})
        left = made


def _with_number(site: Site, place: int, number: float, *, turned: bool) -> None:
    name, shape = site.node.op_type, stored(site.out_shape())
    x = site.shaped(site.read(place), shape)
    op = TURNED.get(name, BINARY[name]) if turned else BINARY[name]
    site.add("BinaryOp", [x], [site.result()], {0: op, 1: 1, 2: number})


def power(site: Site) -> None:
    """Lowers Pow by one of `POWERS` to UnaryOp; the vector kernels of BinaryOp's know no negative base."""
    known = site.constant(1)
    steps = POWERS.get(float(known.reshape(()))) if known is not None and known.size == 1 else None
    if steps is None:
        raise site.unsupported("raises to a power other than -1, 0.5, 1, 2 or 4")
    x, shape = site.read(), stored(site.out_shape())
    for number in steps:
        made = site.inside("power", shape)
        site.add("UnaryOp", [x], [made], {0: number})
        x = made
    site.same(x)


def batch_normalization(site: Site) -> None:
    """Lowers BatchNormalization that no convolution takes in to Scale."""
    given = [site.constant(place) for place in (1, 2, 3, 4)]
    known = [np.asarray(one, np.float64) for one in given if one is not None]
    if len(known) < 4 or len(site.shape()) != 4:
        raise site.unsupported("has statistics that are computed, or reads no map")
    scale, shift, mean, variance = known
    factor = scale / np.sqrt(variance + site.attributes.get_float("epsilon", 1e-5))
    weights = bare(factor, shift - mean * factor)
    site.add("Scale", [site.read()], [site.result()], {0: factor.size, 1: 1}, weights)
