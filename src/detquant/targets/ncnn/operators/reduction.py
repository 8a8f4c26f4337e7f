"""Reductions over axes, and pooling over the whole map."""

from __future__ import annotations

from detquant.targets.ncnn.layout import stored_axis
from detquant.targets.ncnn.param_file import Parameters
from detquant.targets.ncnn.site import Site

REDUCTIONS = {"ReduceSum": 0, "ReduceMean": 3, "ReduceMax": 4, "ReduceMin": 5}


def global_pool(site: Site) -> None:
    """Lowers pooling over all places to Pooling, which gives one number a channel."""
    shape = site.shape()
    if len(shape) != 4:
        raise site.unsupported(f"has {len(shape) - 2} axes of places instead of 2")
    made = site.inside("pooled", (shape[1],))
    site.add("Pooling", [site.read()], [made], {0: int(site.node.op_type == "GlobalAveragePool"), 4: 1})
    site.same(made)


def reduce(site: Site) -> None:
    """Lowers a reduction over the axes that are named, or over all, to Reduction."""
    shape = site.shape()
    given = site.numbers(1, "axes") if site.has(1) else list(site.attributes.get_ints("axes", ()))
    if not given and site.attributes.get_int("noop_with_empty_axes"):
        site.same(site.read())
        return
    axes = sorted({stored_axis(shape, int(axis)) for axis in given or range(len(shape))} - {-1})
    x = site.read()
    if not axes:
        site.same(x)
        return
    made = site.inside("reduced", tuple(1 if k in axes else size for k, size in enumerate(x.shape)))
    parameters: Parameters = {0: REDUCTIONS[site.node.op_type], 1: 0, 3: tuple(axes), 4: 1, 5: 1}
    site.add("Reduction", [x], [made], parameters)
    site.same(made)
