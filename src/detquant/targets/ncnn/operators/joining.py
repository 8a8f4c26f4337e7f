"""Concat."""

from __future__ import annotations

from detquant.targets.ncnn.layout import dropped, stored_axis, without
from detquant.targets.ncnn.site import Site


def concat(site: Site) -> None:
    """Lowers Concat to Concat; blobs without an axis get it back where that is joined."""
    out = site.out_shape()
    axis = site.attributes.get_int("axis", 0) % len(out)
    if len(site.node.inputs) == 1:
        site.same(site.read())
        return
    if axis in dropped(out):
        raise site.unsupported("joins nothing to an axis of length 1")
    parts = []
    for place in range(len(site.node.inputs)):
        known = site.constant(place)
        whole = tuple(known.shape) if known is not None else site.shape(place)
        if 0 in whole:
            continue
        shape = without(whole, out)
        if known is not None:
            parts.append(site.values.constant(site.value(place).name or "constant", known, shape, site.node))
        else:
            parts.append(site.shaped(site.read(place), shape))
    site.add("Concat", parts, [site.result()], {0: stored_axis(out, axis)})
