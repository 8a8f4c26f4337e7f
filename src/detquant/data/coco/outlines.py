"""The extent of an object's outline: of polygons, and of masks in run lengths.

Run lengths count pixels column by column, those outside first; written as text, each is a number in pieces of five
bits from the character 48 on, and from the fourth on the difference to the one before the last
(`rleToString` of pycocotools).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate

Extent = tuple[float, float, float, float]
"""Left, top, width, height."""

_MOST_BITS = 40
_FARTHEST = 1e9


def extent(segmentation: object) -> Extent | None:
    """The extent of a `segmentation`, or None where it has none or makes no sense."""
    if isinstance(segmentation, dict):
        size, counts = segmentation.get("size"), segmentation.get("counts")
        if not isinstance(size, list) or len(size) != 2 or not all(type(side) is int and side > 0 for side in size):
            return None
        runs = _runs(counts)
        return _of_runs(runs, size[0], size[1]) if runs else None
    if isinstance(segmentation, list):
        return _of_points(segmentation)
    return None


def _of_points(polygons: list[object]) -> Extent | None:
    """The extent of polygons: of lists of x y x y ..., or of one such list."""
    xs: list[float] = []
    ys: list[float] = []
    for polygon in polygons if any(isinstance(one, list) for one in polygons) else [polygons]:
        if not isinstance(polygon, list):
            return None
        points = [point for pair in polygon for point in (pair if isinstance(pair, list) else [pair])]
        if len(points) % 2 or not all(_is_coordinate(point) for point in points):
            return None
        xs += map(float, points[::2])
        ys += map(float, points[1::2])
    return (min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)) if xs else None


def _is_coordinate(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -_FARTHEST < value < _FARTHEST


def _runs(counts: object) -> list[int]:
    if isinstance(counts, list):
        return counts if all(type(count) is int and count >= 0 for count in counts) else []
    return _decoded(counts) if isinstance(counts, str) else []


def _decoded(text: str) -> list[int]:
    runs: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > _MOST_BITS:
            return []
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        run = value + runs[-2] if len(runs) > 2 else value
        if run < 0:
            return []
        runs.append(run)
        value = shift = 0
    return runs


def _of_runs(runs: Sequence[int], height: int, width: int) -> Extent | None:
    """The extent of a mask given as runs outside and inside by turns, down its columns."""
    ends = list(accumulate(runs))
    if ends[-1] > height * width:
        return None
    left = top = math.inf
    right = bottom = -1
    for start, end in zip(ends[::2], ends[1::2], strict=False):
        if end == start:
            continue
        first, last = start // height, (end - 1) // height
        left, right = min(left, first), max(right, last)
        top = min(top, start % height if first == last else 0)
        bottom = max(bottom, (end - 1) % height if first == last else height - 1)
    return (left, top, right - left + 1, bottom - top + 1) if right >= 0 else None
