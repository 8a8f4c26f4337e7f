"""Reductions over axes, and pooling over the whole map."""

from __future__ import annotations

from detquant.targets.tflite.file import Options
from detquant.targets.tflite.layout import without
from detquant.targets.tflite.site import Site

REDUCTIONS = {
    "GlobalAveragePool": "MEAN",
    "GlobalMaxPool": "REDUCE_MAX",
    "ReduceMax": "REDUCE_MAX",
    "ReduceMean": "MEAN",
    "ReduceMin": "REDUCE_MIN",
    "ReduceSum": "SUM",
}


def global_pool(site: Site) -> None:
    """Lowers pooling over all places, which stay as axes of length 1."""
    _reduce(site, list(range(2, len(site.shape()))), keep=True)


def reduce(site: Site) -> None:
    """Lowers a reduction over the axes that are named, or over all."""
    rank = len(site.shape())
    given = site.numbers(1, "axes") if site.has(1) else list(site.attributes.get_ints("axes", ()))
    if not given and site.attributes.get_int("noop_with_empty_axes"):
        site.same(site.order(), site.read(0))
        return
    axes = sorted({int(axis) % rank for axis in given}) or list(range(rank))
    _reduce(site, axes, keep=bool(site.attributes.get_int("keepdims", 1)))


def _reduce(site: Site, axes: list[int], *, keep: bool) -> None:
    order = site.order()
    places = site.ints("axes", sorted(order.index(axis) for axis in axes))
    result = site.result(order if keep else without(order, axes))
    name = REDUCTIONS[site.node.op_type]
    site.add(name, [site.read(0, order), places], [result], Options("Reducer", {"keepDims": keep}))
