"""Every integer operator once more, number by number in Python's own whole numbers, which have no width to overflow."""

from __future__ import annotations

from itertools import product

import numpy as np

from detquant.integer.operators import Blend, Concat, Convolution, Matrix, MaxPool, Mean, Move, Product, Sum, Table


def requantised(operator, number, multiplier, shift, zero_out):
    """One rounding, half up; one saturation, last."""
    half = 1 << (shift - 1) if shift else 0
    return min(max((number * multiplier + half >> shift) + zero_out, operator.low), operator.high)


def factor(operator, place):
    """Multiplier and shift of a place, as whole numbers."""
    both = operator.multiplier.multiplier, operator.multiplier.shift
    return (int(np.broadcast_to(one, place[1])[place[0]]) for one in both)


def run(operator, *codes):
    return np.array(RUN[type(operator)](operator, *codes))


def convolution(op, x):
    x = x.astype(object) - op.zero_in
    if op.stuffing != (1, 1):
        (down, right), (n, c, h, w) = op.stuffing, x.shape
        wide = np.zeros((n, c, (h - 1) * down + 1, (w - 1) * right + 1), object)
        wide[:, :, ::down, ::right] = x
        x = wide
    x = np.pad(x, ((0, 0), (0, 0), *op.window.pads))
    out, per_group, kh, kw = op.weights.shape
    (down, right), (dh, dw) = op.window.strides, op.window.dilations
    rows = (x.shape[2] - (kh - 1) * dh - 1) // down + 1
    columns = (x.shape[3] - (kw - 1) * dw - 1) // right + 1
    found = np.zeros((len(x), out, rows, columns), object)
    for n, o, r, c in product(*map(range, found.shape)):
        start = o // (out // op.groups) * per_group
        taps = (
            x[n, start + i, r * down + a * dh, c * right + b * dw] * int(op.weights[o, i, a, b])
            for i, a, b in product(range(per_group), range(kh), range(kw))
        )
        products = sum(taps)
        total = products + int(op.bias[o])
        assert abs(products) <= op.largest[o] and -(1 << 31) <= total < 1 << 31
        found[n, o, r, c] = requantised(op, total, *factor(op, (o, (out,))), op.zero_out)
    return found


def matrix(op, x):
    flat = x.reshape(-1, x.shape[-1]).astype(object) - op.zero_in
    found = np.zeros((len(flat), len(op.weights)), object)
    for n, o in product(*map(range, found.shape)):
        total = sum(flat[n, i] * int(op.weights[o, i]) for i in range(flat.shape[1])) + int(op.bias[o])
        found[n, o] = requantised(op, total, *factor(op, (o, (found.shape[1],))), op.zero_out)
    return found.reshape(*x.shape[:-1], -1)


def added(op, a, b):
    first, second = map(int, op.multiplier.multiplier)
    a, b = np.broadcast_arrays(a.astype(object), b.astype(object))
    shift = int(op.multiplier.shift)
    return each(lambda x, y: requantised(op, x * first + y * second + op.offset, 1, shift, 0), a, b)


def multiplied(op, a, b):
    a, b = np.broadcast_arrays(a.astype(object) - op.zeros[0], b.astype(object) - op.zeros[1])
    m, s = int(op.multiplier.multiplier), int(op.multiplier.shift)
    return each(lambda x, y: requantised(op, x * y, m, s, op.zero_out), a, b)


def each(function, *arrays):
    return np.array([function(*one) for one in zip(*(a.reshape(-1) for a in arrays), strict=True)]).reshape(
        arrays[0].shape
    )


def looked_up(op, x):
    found = np.zeros(x.shape, object)
    for place in product(*map(range, x.shape)):
        row = op.entries if op.axis is None else op.entries[place[op.axis]]
        found[place] = int(row[int(x[place]) - op.first])
    return found


def windows(x, window, fill):
    x = np.pad(x.astype(object), ((0, 0), (0, 0), *window.pads), constant_values=fill)
    (kh, kw), (down, right), (dh, dw) = window.kernel, window.strides, window.dilations
    rows = (x.shape[2] - (kh - 1) * dh - 1) // down + 1
    columns = (x.shape[3] - (kw - 1) * dw - 1) // right + 1
    for n, c, r, k in product(range(len(x)), range(x.shape[1]), range(rows), range(columns)):
        near = [x[n, c, r * down + a * dh, k * right + b * dw] for a, b in product(range(kh), range(kw))]
        yield (n, c, r, k), near, (rows, columns)


def largest(op, x):
    found = {place: max(near) for place, near, _ in windows(x, op.window, op.smallest)}
    return by_place({place: min(max(one, op.low), op.high) for place, one in found.items()})


def averaged(op, x):
    x = x.astype(object) - op.zero_in
    if op.window is None:
        total = x.sum(axis=op.axes, keepdims=op.keep)
        m, s = int(op.multiplier.multiplier), int(op.multiplier.shift)
        return each(lambda one: requantised(op, one, m, s, op.zero_out), np.asarray(total))
    return by_place(
        {
            place: requantised(op, sum(near), *factor(op, (place[2:], size)), op.zero_out)
            for place, near, size in windows(x, op.window, 0)
        }
    )


def blended(op, x):
    x, rows, columns = (one.astype(object) for one in (x - op.zero_in, op.rows, op.columns))
    total = np.einsum("rh,nchw,kw->ncrk", rows, x, columns)
    m, s = int(op.multiplier.multiplier), int(op.multiplier.shift)
    return each(lambda one: requantised(op, one, m, s, op.zero_out), total)


def by_place(found):
    shape = tuple(1 + max(place[k] for place in found) for k in range(4))
    return np.array([found[place] for place in product(*map(range, shape))]).reshape(shape)


def joined(op, *codes):
    parts = list(codes)
    for place, known in op.constants.items():
        parts.insert(place, known)
    return np.clip(np.concatenate(parts, axis=op.axis), op.low, op.high)


def moved(op, x):
    flat = x.reshape(-1)
    places = range(flat.size) if op.addresses is None else op.addresses
    return np.array([op.fill if place < 0 else flat[place] for place in places]).reshape(op.shape)


RUN = {
    Convolution: convolution,
    Matrix: matrix,
    Sum: added,
    Product: multiplied,
    Table: looked_up,
    MaxPool: largest,
    Mean: averaged,
    Blend: blended,
    Concat: joined,
    Move: moved,
}
