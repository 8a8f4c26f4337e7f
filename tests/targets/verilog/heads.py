"""Small networks with a head of YOLOv8's kind: cases in whose corners a head in hardware is wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from nets import Net

from detquant.integer.graph import IntegerGraph
from detquant.integer.head import IntegerHead, Layout, Level
from detquant.numerics import QType, QuantParams
from detquant.targets.verilog.head import HeadSizes


def sizes_for(bins):
    """A head in which all cases have room."""
    return HeadSizes(levels=3, bins=bins, places=24, kept=12, size=4, class_=5)


@dataclass
class Case:
    """A network, its head and codes of an image."""

    graph: IntegerGraph
    head: IntegerHead
    images: dict


def case(
    sizes=((3, 4), (2, 2), (1, 1)), strides=(8, 16, 32), classes=7, confidence=0.3, iou=0.4, capacity=12, limit=10,
    seed=0, signed=False, limits=None, zero=None, place=None, scale=0.1, bins=16,
):  # fmt: skip
    """A case.

    Args:
        sizes: rows and columns of each level.
        strides: of each level.
        limits: smallest and largest code of a class logit; None for all.
        zero: zero point of the class logits; None for any.
        place: changes what a convolution gives before the head reads it, ``(net, name) -> name``.
        scale: of the class logits.
        bins: of a distance.
    """
    net = Net((1, 6, *sizes[0]), seed=seed, signed=signed)
    qtype = QType(8, signed)
    middle = (qtype.qmin + qtype.qmax + 1) // 2 if zero is None else zero
    logits = QuantParams(qtype, np.float32(scale), np.asarray(middle, np.int64))
    place = place or (lambda net, name: name)
    levels, before = [], "image"
    for (rows, columns), stride in zip(sizes, strides, strict=True):
        _, _, height, width = net.shapes[before]
        step = (-(-height // rows), -(-width // columns))
        before = net.conv(before, 6, strides=step)
        assert net.shapes[before][2:] == (rows, columns)
        own = QuantParams(qtype, np.float32(0.02 * stride), net.grid().zero_point)
        distances = place(net, net.conv(before, 4 * bins, grid=own, gain=0.5))
        bounds = {} if limits is None else {"limits": limits}
        scores = place(net, net.conv(before, classes, grid=logits, gain=0.2, **bounds))
        levels.append(Level(distances, scores, stride, rows, columns))
    layout = Layout(tuple(levels), bins, classes, sizes[0][0] * strides[0], sizes[0][1] * strides[0])
    head = IntegerHead.of(layout, net.grids, confidence=confidence, iou=iou, capacity=capacity, limit=limit)
    # Few codes are cut off: else the best candidates are all of the first cells.
    return Case(net.graph(*(name for one in levels for name in (one.distances, one.scores))), head, net.images())


def unaligned(net, name):
    """A part of a wider map, that does not begin at a word."""
    channels = net.shapes[name][1]
    wide = net.conv(name, channels + 3, grid=net.grids[name], gain=0.3)
    return net.channels(wide, 3, channels + 3)


def in_two_maps(net, name):
    """Two maps beside each other."""
    first, second = (net.conv(name, count, grid=net.grids[name], gain=0.3) for count in (3, net.shapes[name][1] - 3))
    return net.concat(first, second)


def aligned(net, name):
    """A part of a wider map that begins at a word of any array of the tests."""
    channels = net.shapes[name][1]
    wide = net.conv(name, channels + 8, grid=net.grids[name], gain=0.3)
    return net.channels(wide, 8, channels + 8)


WAITS = ((0, 0), (45, 45), (0, 99))
"""Per cent of cycles in which memory and streams wait, and the receiver of detections."""
CASES = {
    "usual": {},
    "levels of as many rows": {
        "sizes": ((4, 5), (4, 3), (4, 2)), "classes": 1, "confidence": 0.0, "iou": 1.0, "capacity": 24, "limit": 12,
        "seed": 39,
    },
    "boxes that do not meet": {
        "sizes": ((1, 9),), "strides": (8,), "classes": 1, "iou": 0.0, "confidence": 0.0, "seed": 21,
    },
    "two words of classes": {"classes": 13, "limits": (140, 143), "confidence": 0.5, "zero": 120, "seed": 20},
    "signed codes": {"signed": True, "seed": 1},
    "no candidate": {"confidence": 1.0, "seed": 2},
    "all are candidates": {"confidence": 0.0, "seed": 3, "sizes": ((4, 4),), "strides": (16,), "capacity": 24},
    "more candidates than places": {"capacity": 5, "seed": 4},
    "one place": {"capacity": 1, "seed": 5},
    "the limit is reached": {"limit": 3, "seed": 6},
    "equal codes": {"limits": (140, 143), "confidence": 0.5, "zero": 120, "seed": 7, "capacity": 17},
    "all codes are equal": {"limits": (140, 140), "zero": 120, "seed": 8, "iou": 0.9},
    "the largest code": {"limits": (255, 255), "zero": 20, "scale": 0.02, "confidence": 0.98, "seed": 9},
    "one class": {"classes": 1, "seed": 10},
    "as many classes as a word has codes": {"classes": 16, "seed": 11, "iou": 0.0},
    "a class beyond a word": {"classes": 17, "seed": 12, "iou": 1.0},
    "one cell": {"sizes": ((1, 1),), "strides": (2,), "seed": 13},
    "a row and a column": {"sizes": ((1, 9), (1, 1)), "strides": (4, 128), "seed": 14},
    "parts that do not begin at a word": {"place": unaligned, "seed": 15},
    "parts that begin at a word": {"place": aligned, "seed": 16},
    "maps in pieces": {"place": in_two_maps, "seed": 17, "sizes": ((3, 3), (2, 1)), "strides": (8, 16)},
}  # fmt: skip
