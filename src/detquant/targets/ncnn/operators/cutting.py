"""Operators that take parts: Slice, Split and Gather.

ncnn's Crop has no steps. Where every ``s``-th place is taken, that axis is reshaped to two, ``[count, s]``, and one
place of the second is cut out: the same numbers, and nothing is computed. An axis that ends too early for that gets
zeros behind it first, which nobody reads.
"""

from __future__ import annotations

from math import prod

from detquant.targets.ncnn.layout import Shape, stored, stored_axis
from detquant.targets.ncnn.param_file import Blob
from detquant.targets.ncnn.site import Site

MOST_PARTS = 64
"""Most single places that a Gather is made of."""


def slice_(site: Site) -> None:
    """Lowers Slice to Crop."""
    shape, starts, ends = site.shape(), site.numbers(1, "starts"), site.numbers(2, "ends")
    axes = site.numbers(3, "axes") if site.has(3) else list(range(len(starts)))
    steps = site.numbers(4, "steps") if site.has(4) else [1] * len(starts)
    x = site.read()
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        size = shape[axis % len(shape)]
        first, last = (min(max(k + size if k < 0 else k, 0), size) for k in (start, end))
        count = -(-(last - first) // step) if step > 0 else 0
        if count < 1:
            raise site.unsupported("goes backwards, or takes nothing")
        place = stored_axis(shape, axis)
        if place < 0:
            continue  # one image of one
        x = cut(site, x, place, first, first + count) if step == 1 else _strided(site, x, place, first, count, step)
    site.same(x)


def split(site: Site) -> None:
    """Lowers Split to Slice, or to a Crop of each part that is read."""
    shape, outs = site.shape(), site.node.outputs
    axis = site.attributes.get_int("axis", 0) % len(shape)
    sizes = [site.out_shape(k)[axis] for k in range(len(outs))]
    place = stored_axis(shape, axis)
    x = site.read()
    parts = [(*x.shape[:place], size, *x.shape[place + 1 :]) for size in sizes]
    same = all(stored(site.out_shape(k)) == part for k, part in enumerate(parts))
    if place >= 0 and same and all(out.uses() or out.is_graph_output() for out in outs):
        site.add("Slice", [x], [site.result(k) for k in range(len(outs))], {0: tuple(sizes), 1: place})
        return
    start = 0
    for k, size in enumerate(sizes):
        if outs[k].uses() or outs[k].is_graph_output():
            site.same(x if place < 0 else cut(site, x, place, start, start + size), k)
        start += size


def gather(site: Site) -> None:
    """Lowers Gather of constant places along one axis to Crop, and Concat where they are no neighbours."""
    shape, places = site.shape(), site.constant(1)
    axis = site.attributes.get_int("axis", 0) % len(shape)
    if places is None or places.ndim > 1 or not 0 < places.size <= MOST_PARTS:
        raise site.unsupported(f"computes the places it reads, or has more than {MOST_PARTS} of them")
    found = [int(k) % shape[axis] for k in places.reshape(-1)]
    place, x = stored_axis(shape, axis), site.read()
    if place < 0:
        site.same(x)
        return
    if found == list(range(found[0], found[0] + len(found))):
        site.same(cut(site, x, place, found[0], found[-1] + 1))
        return
    parts = [cut(site, x, place, k, k + 1) for k in found]
    made = site.inside("gathered", (*x.shape[:place], len(found), *x.shape[place + 1 :]))
    site.add("Concat", parts, [made], {0: place})
    site.same(made)


def cut(site: Site, x: Blob, place: int, start: int, end: int) -> Blob:
    """A blob from one place of an axis to another."""
    if (start, end) == (0, x.shape[place]):
        return x
    made = site.inside("cut", (*x.shape[:place], end - start, *x.shape[place + 1 :]))
    site.add("Crop", [x], [made], {9: (start,), 10: (end,), 11: (place,)})
    return made


def _strided(site: Site, x: Blob, place: int, first: int, count: int, step: int) -> Blob:
    """Every ``step``-th place of an axis, ``count`` of them from ``first`` on."""
    made = (*x.shape[:place], count, *x.shape[place + 1 :])
    size, before, after = x.shape[place], prod(x.shape[:place]), prod(x.shape[place + 1 :])
    begin = min(first, size - count * step)
    if begin < 0 or first - begin >= step:
        begin, lacking = first, first + count * step - size
        longer = site.inside("longer", (before, size + lacking, after))
        site.add("Padding", [site.shaped(x, (before, size, after))], [longer], {1: lacking})
        x, place = longer, 1
    whole = cut(site, x, place, begin, begin + count * step)
    apart: Shape = (before, count, step, after)
    one = cut(site, site.shaped(whole, apart), 2, first - begin, first - begin + 1)
    return site.shaped(one, made)
