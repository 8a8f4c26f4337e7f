"""Operators that move numbers and change none."""

from __future__ import annotations

from detquant.importers.ncnn.layers import NAMES, ORDERS
from detquant.targets.ncnn.layout import dropped, moving
from detquant.targets.ncnn.site import Site

FLOATS = (1, 10, 11)
"""ONNX's numbers of float32, float16 and float64."""
PADS = {"constant": 0, "edge": 1, "reflect": 2}


def identity(site: Site) -> None:
    """Lowers Identity to no layer: both values lie in one blob."""
    site.same(site.read())


def cast(site: Site) -> None:
    """Lowers a Cast between floats to no layer: the file computes in floats of one kind."""
    kind = site.value().type
    if site.attributes.get_int("to", 0) not in FLOATS or kind is None or int(kind.dtype) not in FLOATS:
        raise site.unsupported("changes the kind of its numbers")
    identity(site)


def reshape(site: Site) -> None:
    """Lowers Reshape, Flatten, Squeeze and Unsqueeze to Reshape, or to none where the blob has that shape already."""
    site.same(site.read())


def transpose(site: Site) -> None:
    """Lowers Transpose to Permute of the axes that are longer than 1, between Reshapes where it has others."""
    shape = site.shape()
    perm = [int(axis) for axis in site.attributes.get_ints("perm", tuple(reversed(range(len(shape)))))]
    x = site.read()
    if dropped(shape) == (0,) and perm[0] == 0 and 3 <= len(shape) <= 5:
        _permute(site, [axis - 1 for axis in perm[1:]])
        return
    inner, order = moving(shape, perm)
    if len(inner) > 4:
        raise site.unsupported(f"moves {len(inner)} axes")
    if order == tuple(range(len(inner))):
        site.same(x)
        return
    made = site.inside("moved", tuple(inner[axis] for axis in order))
    site.add("Permute", [site.shaped(x, inner)], [made], {0: _number(order)})
    site.same(made)


def _permute(site: Site, perm: list[int]) -> None:
    if perm == list(range(len(perm))):
        site.same(site.read())
        return
    site.add("Permute", [site.read()], [site.result()], {0: _number(perm)})


def _number(perm: list[int] | tuple[int, ...]) -> int:
    """The number of a permutation; an axis of the result is the one of the blob that it names."""
    names = NAMES[len(perm)]
    return ORDERS[len(perm)].split().index("".join(names[axis] for axis in reversed(perm)))


def pad(site: Site) -> None:
    """Lowers Pad to Padding of up to three axes, with a number, the edge, or a mirror image."""
    shape, mode, given = site.shape(), site.attributes.get_string("mode", "constant"), site.numbers(1, "pads")
    rank = len(shape)
    axes = [axis % rank for axis in site.numbers(3, "axes")] if site.has(3) else list(range(rank))
    sides = {axis: (given[k], given[k + len(axes)]) for k, axis in enumerate(axes)}
    known = site.constant(2)
    number = 0.0 if known is None else float(known.reshape(()))
    x = site.read()
    gone = dropped(shape)
    inner = [sides.get(axis, (0, 0)) for axis in range(rank) if axis not in gone]
    if mode not in PADS or min(given, default=0) < 0 or (site.has(2) and known is None):
        raise site.unsupported(f"pads in the way of '{mode}', by less than nothing or with a number that is computed")
    if len(inner) > 3 or any(any(sides.get(axis, (0, 0))) for axis in gone):
        raise site.unsupported("pads more than three axes, or the batch")
    if mode != "constant" and len(inner) == 3 and any(inner[0]):
        raise site.unsupported(f"pads channels in the way of '{mode}'")
    (front, behind), (top, bottom), (left, right) = [(0, 0)] * (3 - len(inner)) + inner
    parameters = {0: top, 1: bottom, 2: left, 3: right, 4: PADS[mode], 5: number, 7: front, 8: behind}
    site.add("Padding", [x], [site.result()], parameters)
