"""Resize: Interp, nearest or bilinear.

ncnn reads the nearest pixel at ``floor(x * size / out)``, and places bilinear ones by half pixels or by aligned
corners. ONNX has more ways; which of them comes to the same is computed: both places of every row and column are
compared.
"""

from __future__ import annotations

import numpy as np

from detquant.graph.resize_places import ROUNDINGS, Places, places
from detquant.targets.ncnn.site import Site

NEAREST, BILINEAR = 1, 2
LINEAR_WAYS = {"half_pixel": 0, "align_corners": 1}
"""ncnn's ways to place bilinear pixels, by ONNX's names, and the number of each."""


def resize(site: Site) -> None:
    """Lowers Resize of height and width of a map."""
    shape, out, words = site.shape(), site.out_shape(), site.attributes
    mode = words.get_string("mode", "nearest")
    if mode not in ("nearest", "linear") or words.get_int("antialias") or words.get_int("exclude_outside"):
        raise site.unsupported(f"resizes in the mode '{mode}'" + " against aliasing" * (mode == "linear"))
    if len(shape) != 4 or shape[:2] != out[:2]:
        raise site.unsupported(f"resizes {list(shape)} to {list(out)}, which is more than height and width")
    if shape == out:
        site.same(site.read())
        return
    parameters = {0: NEAREST, 3: out[2], 4: out[3]} if mode == "nearest" else {0: BILINEAR, 3: out[2], 4: out[3]}
    ways = [0] if mode == "nearest" else list(LINEAR_WAYS.values())
    way = next((way for way in ways if _agrees(site, mode, way)), None)
    if way is None:
        how = words.get_string("coordinate_transformation_mode", "half_pixel")
        raise site.unsupported(f"reads its pixels from places of its own ({mode}, {how})")
    site.add("Interp", [site.read()], [site.result()], {**parameters, 6: way})


def _agrees(site: Site, mode: str, way: int) -> bool:
    """Whether ncnn reads every row and column where ONNX does."""
    words = site.attributes
    how = words.get_string("coordinate_transformation_mode", "half_pixel")
    rounding = ROUNDINGS[words.get_string("nearest_mode", "round_prefer_floor")]
    given = site.constant(2)
    for axis in (2, 3):
        size, out = site.shape()[axis], site.out_shape()[axis]
        scale = float(given[axis]) if given is not None and given.size == 4 else out / size
        wanted = places(how, size, out, scale)
        if wanted is None:
            return False
        found = np.floor(np.arange(out) * (size / out)) if mode == "nearest" else _linear(way, size, out)
        wanted = rounding(wanted) if mode == "nearest" else wanted
        if found is None or not np.allclose(np.clip(wanted, 0, size - 1), np.clip(found, 0, size - 1), atol=1e-4):
            return False
    return True


def _linear(way: int, size: int, out: int) -> Places | None:
    how = next(name for name, number in LINEAR_WAYS.items() if number == way)
    return places(how, size, out, out / size)
