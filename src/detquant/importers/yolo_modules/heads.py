"""Heads, decoded as the exports of their own repositories are.

Detect of Ultralytics gives [1, 4 + classes, cells]: cx, cy, w, h in pixels, then scores. A cell tells the four sides
of its box as distributions (DFL, Li et al., 2020) or, since YOLO26, as numbers. With a second pair of branches, which
gives one box for each object, it is [1, 300, 6]: x1, y1, x2, y2, score, class, the best first (YOLOv10, YOLO26).

Detect of YOLOv5 and IDetect of YOLOv7 give [1, boxes, 5 + classes]: cx, cy, w, h in pixels, objectness, scores; a cell
has some boxes of given sizes (anchors).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from detquant.importers.yolo_modules.part import Graph, Map, Part

SIDES = 4
MOST_BINS = 64
MOST_FOUND = 300
ONE_TO_ONE = "one2one_"


def is_end_to_end(part: Part) -> bool:
    """Whether a head of Ultralytics gives what it found, without suppression behind it."""
    asked = (part.setting(name, True) is not False for name in ("end2end", "_end2end"))
    return part.has(f"{ONE_TO_ONE}cv2") and all(asked)


def detect(graph: Graph, part: Part, maps: list[Map], side: int) -> ir.Value:
    """Ultralytics' head."""
    end_to_end = is_end_to_end(part)
    branches = [part[f"{ONE_TO_ONE if end_to_end else ''}{name}"].children() for name in ("cv2", "cv3")]
    if {len(one) for one in branches} != {len(maps)}:
        raise part.wrong("has branches for another number of maps than it reads")
    boxes, scores = ([graph.run(one, x) for one, x in zip(branch, maps, strict=True)] for branch in branches)
    sides, classes = boxes[0].channels, scores[0].channels
    if any(one.channels != sides for one in boxes) or any(one.channels != classes for one in scores):
        raise part.wrong("has maps of different widths")
    distances = _distances(graph, part, _cells(graph, part, boxes), sides)
    near, far = graph.split(part, distances, [2, 2], 1)
    centres, strides = _places(maps, side)
    at = graph.constant(part, centres[None], name="centres")
    corners = graph.add(part, "Sub", at, near), graph.add(part, "Add", at, far)
    if end_to_end or part.setting("xyxy", False):
        shapes = corners
    else:
        middle = graph.add(part, "Div", graph.add(part, "Add", *corners), graph.constant(part, 2, name="two"))
        shapes = middle, graph.add(part, "Sub", corners[1], corners[0])
    whole = graph.add(part, "Concat", *shapes, axis=1)
    pixels = graph.add(part, "Mul", whole, graph.constant(part, strides[None, None], name="strides"))
    sure = graph.add(part, "Sigmoid", _cells(graph, part, scores))
    if not end_to_end:
        return graph.add(part, "Concat", pixels, sure, axis=1)
    most = part.whole("max_det", 1, 1 << 16, MOST_FOUND)
    return _best(graph, part, pixels, sure, classes, min(most, len(strides)))


def anchored(graph: Graph, part: Part, maps: list[Map], side: int) -> ir.Value:
    """The heads of YOLOv5 and YOLOv7."""
    layers, anchors = part["m"].children(), part.needed("anchors")
    if len(layers) != len(maps) or anchors.ndim != 3 or anchors.shape[::2] != (len(maps), 2):
        raise part.wrong("has anchors or layers for another number of maps than it reads")
    rows = []
    for level, (layer, x) in enumerate(zip(layers, maps, strict=True)):
        found = graph.run(layer, _implicit(graph, part, "ia", level, "Add", x))
        found = _implicit(graph, part, "im", level, "Mul", found)
        rows.append(_boxes(graph, part, found, anchors[level], side / x.height))
    return graph.add(part, "Concat", *rows, axis=1)


def _boxes(graph: Graph, part: Part, x: Map, anchors: np.ndarray, stride: float) -> ir.Value:
    """One map's boxes: centres of 2 s - 1/2 cells from the cell's corner, sizes of (2 s)^2 anchors."""
    count = len(anchors)
    width = x.channels // count
    if width < 6 or x.channels % count:
        raise part.wrong("has a map that its anchors do not divide")
    apart = graph.shaped(part, x.value, 1, count, width, x.height, x.width)
    sure = graph.add(part, "Sigmoid", graph.add(part, "Transpose", apart, perm=[0, 1, 3, 4, 2]))
    centre, size, rest = graph.split(part, sure, [2, 2, width - 4], 4)
    rows, columns = np.mgrid[: x.height, : x.width]
    corners = np.stack([columns, rows], -1)[None, None] - 0.5
    two = graph.constant(part, 2, name="two")
    offset = graph.add(part, "Add", graph.add(part, "Mul", centre, two), graph.constant(part, corners, name="corners"))
    middle = graph.add(part, "Mul", offset, graph.constant(part, stride, name="stride"))
    square = graph.add(part, "Pow", graph.add(part, "Mul", size, two), two)
    pixels = graph.constant(part, (anchors * stride)[None, :, None, None], name="anchors")
    whole = graph.add(part, "Concat", middle, graph.add(part, "Mul", square, pixels), rest, axis=4)
    return graph.shaped(part, whole, 1, count * x.height * x.width, width)


def _implicit(graph: Graph, part: Part, name: str, level: int, op_type: str, x: Map) -> Map:
    """YOLOv7's learned constants before and behind a layer of the head, where there are such."""
    if not part.has(name):
        return x
    child = part[name][str(level)]
    learned = child.needed("implicit")
    if learned.shape != (1, x.channels, 1, 1):
        raise child.wrong(f"does not fit a map of {x.channels} channels")
    value = graph.add(child, op_type, x.value, graph.constant(child, learned, name="implicit"))
    return Map(value, x.channels, x.height, x.width)


def _cells(graph: Graph, part: Part, maps: Sequence[Map]) -> ir.Value:
    """Maps as one row of cells, [1, channels, cells]."""
    rows = [graph.shaped(part, one.value, 1, one.channels, one.height * one.width) for one in maps]
    return graph.add(part, "Concat", *rows, axis=2)


def _distances(graph: Graph, part: Part, cells: ir.Value, channels: int) -> ir.Value:
    """The distances of the four sides, [1, 4, cells]: expectations of distributions, or numbers as they are."""
    bins, rest = divmod(channels, SIDES)
    if rest or not 1 <= bins <= MOST_BINS or (bins > 1) != part["dfl"].has("conv"):
        raise part.wrong(f"tells boxes in {channels} channels")
    if bins == 1:
        return cells
    weight = part["dfl"]["conv"].needed("weight")
    if weight.size != bins:
        raise part.wrong("weighs another number of distances than it tells")
    apart = graph.shaped(part, cells, 1, SIDES, bins, -1)
    likely = graph.add(part, "Softmax", graph.add(part, "Transpose", apart, perm=[0, 2, 1, 3]), axis=1)
    stored = graph.constant(part, weight.reshape(1, bins, 1, 1), name="distances")
    return graph.shaped(part, graph.add(part, "Conv", likely, stored, kernel_shape=[1, 1]), 1, SIDES, -1)


def _places(maps: Sequence[Map], side: int) -> tuple[np.ndarray, np.ndarray]:
    """Centres of all cells in strides, [2, cells], and their strides, pixels."""
    centres, strides = [], []
    for one in maps:
        rows, columns = np.mgrid[: one.height, : one.width]
        centres.append(np.stack([columns.reshape(-1), rows.reshape(-1)]) + 0.5)
        strides.append(np.full(one.height * one.width, side / one.height))
    return np.concatenate(centres, 1), np.concatenate(strides)


def _best(graph: Graph, part: Part, boxes: ir.Value, scores: ir.Value, classes: int, count: int) -> ir.Value:
    """The rows of the best scores: cells by their best class first, then pairs of cell and class."""

    def largest(values: ir.Value) -> list[ir.Value]:
        number = graph.constant(part, [count], np.int64, "count")
        return graph.writer.add_many("TopK", [values, number], 2, axis=1)

    def picked(rows: ir.Value, places: ir.Value, width: int) -> ir.Value:
        across = graph.shaped(part, places, 1, count, 1)
        every = graph.constant(part, [1, count, width], np.int64, "shape")
        return graph.add(part, "GatherElements", rows, graph.add(part, "Expand", across, every), axis=1)

    by_cell = graph.add(part, "Transpose", scores, perm=[0, 2, 1])
    best = graph.add(part, "ReduceMax", by_cell, graph.constant(part, [-1], np.int64, "axes"), keepdims=0)
    _, cells = largest(best)
    pairs = graph.shaped(part, picked(by_cell, cells, classes), 1, count * classes)
    sure, places = largest(pairs)
    number = graph.constant(part, [classes], np.int64, "classes")
    rows = graph.add(part, "GatherElements", cells, graph.add(part, "Div", places, number), axis=1)
    found = picked(graph.add(part, "Transpose", boxes, perm=[0, 2, 1]), rows, SIDES)
    label = graph.add(part, "Cast", graph.add(part, "Mod", places, number), to=int(ir.DataType.FLOAT))
    ends = [graph.shaped(part, one, 1, count, 1) for one in (sure, label)]
    return graph.add(part, "Concat", found, *ends, axis=2)
