"""Operators that move numbers and change none."""

from __future__ import annotations

import numpy as np

from detquant.targets.tflite.file import Options
from detquant.targets.tflite.layout import plain, reshaping, transposed
from detquant.targets.tflite.site import Site

FLOATS = (1, 10, 11)
"""ONNX's numbers of float32, float16 and float64."""


def identity(site: Site) -> None:
    """Lowers Identity to no operator: both values lie in one tensor."""
    site.same(site.order(), site.read(0))


def cast(site: Site) -> None:
    """Lowers a Cast between floats to no operator: the file computes in float32."""
    kind = site.value().type
    if site.attributes.get_int("to", 0) not in FLOATS or kind is None or int(kind.dtype) not in FLOATS:
        raise site.unsupported("changes the kind of its numbers")
    identity(site)


def transpose(site: Site) -> None:
    """Lowers Transpose to no operator but another order of the same tensor, see `layout`."""
    perm = site.attributes.get_ints("perm", tuple(reversed(range(len(site.shape())))))
    order = site.order()
    site.same(transposed(order, perm), site.read(0, order))


def reshape(site: Site) -> None:
    """Lowers Reshape, Flatten, Squeeze and Unsqueeze to RESHAPE where the tensor lies, if the axes allow."""
    shape, new, order = site.shape(), site.out_shape(), site.order()
    first, order = reshaping(shape, new, order)
    x = site.read(0, first)
    site.reshape(x, site.result(order))


def concat(site: Site) -> None:
    """Lowers Concat to CONCATENATION, in the order of the first operand that is an activation."""
    rank = len(site.out_shape())
    axis = site.attributes.get_int("axis", 0) % rank
    count = range(len(site.node.inputs))
    order = next((site.order(k) for k in count if site.constant(k) is None), plain(rank))
    options = Options("Concatenation", {"axis": order.index(axis)})
    site.add("CONCATENATION", [site.read(k, order) for k in count], [site.result(order)], options)


def split(site: Site) -> None:
    """Lowers Split: equal parts to SPLIT, unequal ones to a SLICE each, which XNNPACK runs and SPLIT_V it does not."""
    shape, order = site.shape(), site.order()
    axis = site.attributes.get_int("axis", 0) % len(shape)
    sizes = [site.out_shape(k)[axis] for k in range(len(site.node.outputs))]
    x = site.read(0, order)
    if len(set(sizes)) == 1:
        results = [site.result(order, k) for k in range(len(sizes))]
        options = Options("Split", {"numSplits": len(sizes)})
        site.add("SPLIT", [site.ints("axis", order.index(axis)), x], results, options)
        return
    start = [0] * len(shape)
    for k, size in enumerate(sizes):
        result = site.result(order, k)
        begin, extent = site.ints("begin", start), site.ints("size", list(result.shape))
        site.add("SLICE", [x, begin, extent], [result], Options("Slice", {}))
        start[order.index(axis)] += size


def slice_(site: Site) -> None:
    """Lowers Slice to SLICE, or to STRIDED_SLICE where it leaves some out."""
    shape, order = site.shape(), site.order()
    starts, ends = site.numbers(1, "starts"), site.numbers(2, "ends")
    axes = site.numbers(3, "axes") if site.has(3) else list(range(len(starts)))
    steps = site.numbers(4, "steps") if site.has(4) else [1] * len(starts)
    begin, end, stride = [0] * len(shape), list(shape), [1] * len(shape)
    for axis, start, stop, step in zip(axes, starts, ends, steps, strict=True):
        if step < 1:
            raise site.unsupported("goes backwards")
        size, place = shape[axis], order.index(axis % len(shape))
        begin[place], end[place] = (min(max(k + size if k < 0 else k, 0), size) for k in (start, stop))
        stride[place] = step
    touched = {order.index(axis % len(shape)) for axis in axes}
    end = [end[k] if k in touched else shape[order[k]] for k in range(len(shape))]
    x, result = site.read(0, order), site.result(order)
    first = site.ints("begin", begin)
    if set(stride) == {1}:
        site.add("SLICE", [x, first, site.ints("size", list(result.shape))], [result], Options("Slice", {}))
        return
    inputs = [x, first, site.ints("end", end), site.ints("strides", stride)]
    site.add("STRIDED_SLICE", inputs, [result], Options("StridedSlice", {}))


def pad(site: Site) -> None:
    """Lowers Pad to PAD with zeros, PADV2 with another number; mirror images are refused, as detectors have none."""
    rank, order = len(site.shape()), site.order()
    mode, given = site.attributes.get_string("mode", "constant"), site.numbers(1, "pads")
    axes = [axis % rank for axis in site.numbers(3, "axes")] if site.has(3) else list(range(rank))
    if mode != "constant" or min(given, default=0) < 0:
        raise site.unsupported(f"pads in the way of '{mode}' or by less than nothing")
    known = site.constant(2) if site.has(2) else np.zeros(1)
    if known is None or (site.codes and known.any()):
        raise site.unsupported("pads with a number that is computed, or codes with another number than zero")
    sides = [[0, 0] for _ in range(rank)]
    for k, axis in enumerate(axes):
        sides[order.index(axis)] = [given[k], given[k + len(axes)]]
    x, result, pads = site.read(0, order), site.result(order), site.ints("pads", sides)
    if not known.any():
        site.add("PAD", [x, pads], [result], Options("Pad", {}))
        return
    number = site.file_constant("number", known.reshape(()).astype(np.float32))
    site.add("PADV2", [x, pads, number], [result], Options("PadV2", {}))


def gather(site: Site) -> None:
    """Lowers Gather of constant places along one axis to GATHER."""
    shape, places = site.shape(), site.constant(1)
    axis = site.attributes.get_int("axis", 0) % len(shape)
    if places is None or places.ndim > 1:
        raise site.unsupported("computes the places it reads, or has several axes of them")
    indices = np.asarray(places, np.int64)
    found = np.where(indices < 0, indices + shape[axis], indices).astype(np.int32)
    x = site.read(0, plain(len(shape)))
    result = site.result(plain(len(site.out_shape())))
    inputs = [x, site.file_constant("places", found)]
    site.add("GATHER", inputs, [result], Options("Gather", {"axis": axis, "batchDims": 0}))
