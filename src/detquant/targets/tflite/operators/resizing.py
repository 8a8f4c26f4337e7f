"""Resize: RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR.

ONNX has six ways to compute the place that a pixel is read from and four to round it; TFLite has three in all. Which
of them comes to the same is not looked up but computed: both places of every row and column are compared.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from detquant.graph.resize_places import ROUNDINGS, Places, places
from detquant.targets.tflite.file import Options
from detquant.targets.tflite.layout import Shape
from detquant.targets.tflite.site import Site

WAYS = ("asymmetric", "half_pixel", "align_corners")
"""Ways to place pixels that TFLite has, by ONNX's names."""

NAMES = {
    "nearest": ("RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighbor"),
    "linear": ("RESIZE_BILINEAR", "ResizeBilinear"),
}


def resize(site: Site) -> None:
    """Lowers Resize of two axes of a map: height and width, wherever the model has them."""
    shape, out, mode = site.shape(), site.out_shape(), site.attributes.get_string("mode", "nearest")
    if mode not in NAMES or site.attributes.get_int("antialias") or site.attributes.get_int("exclude_outside"):
        raise site.unsupported(f"resizes in the mode '{mode}'" + " against aliasing" * (mode in NAMES))
    rows, columns = _two_axes(site, shape, out)
    sizes, outs = (shape[rows], shape[columns]), (out[rows], out[columns])
    scales = _scales(site, (rows, columns), sizes, outs)
    way = next((way for way in WAYS if _agrees(site, mode, way, sizes, outs, scales)), None)
    if way is None:
        how = site.attributes.get_string("coordinate_transformation_mode", "half_pixel")
        raise site.unsupported(f"reads its pixels from places of its own ({mode}, {how})")
    name, kind = NAMES[mode]
    batch, channels = (axis for axis in range(4) if axis not in (rows, columns))
    order = (batch, rows, columns, channels)
    options = Options(kind, {"alignCorners": way == "align_corners", "halfPixelCenters": way == "half_pixel"})
    inputs = [site.read(0, order), site.ints("size", list(outs))]
    site.add(name, inputs, [site.result(order)], options, None if way == "asymmetric" else "half pixel")


def _two_axes(site: Site, shape: Shape, out: Shape) -> tuple[int, int]:
    """The axes that become longer or shorter; with another beside it where only one does."""
    changed = {axis for axis, (before, after) in enumerate(zip(shape, out, strict=True)) if before != after}
    pairs = combinations(range(4), 2) if len(changed) == 2 else ((2, 3), (1, 2), (0, 1))
    found = next((pair for pair in pairs if changed <= set(pair)), None)
    if len(shape) != 4 or found is None:
        raise site.unsupported(f"resizes {list(shape)} to {list(out)}, which is more than two axes of four")
    return found


def _scales(site: Site, axes: Shape, sizes: Shape, outs: Shape) -> list[float]:
    """How much larger each axis becomes, as the model says or as its sizes do."""
    given = site.constant(2)
    if given is not None and given.size == 4:
        return [float(given[axis]) for axis in axes]
    return [after / before for before, after in zip(sizes, outs, strict=True)]


def _agrees(
    site: Site, mode: str, way: str, sizes: tuple[int, ...], outs: tuple[int, ...], scales: list[float]
) -> bool:
    how = site.attributes.get_string("coordinate_transformation_mode", "half_pixel")
    rounding = ROUNDINGS[site.attributes.get_string("nearest_mode", "round_prefer_floor")]
    for size, out, scale in zip(sizes, outs, scales, strict=True):
        wanted, found = places(how, size, out, scale), places(way, size, out, out / size)
        if wanted is None or found is None:
            return False
        if mode == "nearest":
            wanted, found = rounding(wanted), _nearest(way, found)
        if not np.allclose(np.clip(wanted, 0, size - 1), np.clip(found, 0, size - 1), atol=1e-4):
            return False
    return True


def _nearest(way: str, found: Places) -> Places:
    """TFLite's rounding: half a pixel is added back before it cuts off; corners that are aligned round."""
    offset = {"asymmetric": 0.0, "half_pixel": 0.5, "align_corners": 0.5}[way]
    return np.floor(found + offset)
