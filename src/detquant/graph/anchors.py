"""Anchors of a YOLO among the weights of its file.

YOLOv5 and its kin keep them as buffers that some exporters write even where no operator reads them: `anchor_grid`, in
pixels of the input, and `anchors`, in strides of their maps. They are known by that name and by their shape, [maps,
anchors, 2] but for sides of 1, finest map first.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from detquant.graph.values import constant

GRID, NAME = "anchor_grid", "anchors"
_STRIDES = {2: (16, 32), 3: (8, 16, 32), 4: (8, 16, 32, 64), 5: (8, 16, 32, 64, 128)}
_MOST = 16
"""Anchors of a cell."""


def find_anchors(graph: ir.Graph) -> tuple[tuple[float, float], ...]:
    """Width and height of each anchor in pixels, finest map first; empty where the graph has none that are known."""
    for name in (GRID, NAME):
        for value in graph.initializers.values():
            if (value.name or "").split(".")[-1].split("/")[-1] != name:
                continue
            numbers = _levels(value)
            if numbers is not None and name == NAME:
                numbers = numbers * np.array(_STRIDES[len(numbers)]).reshape(-1, 1, 1)
            if numbers is not None:
                return tuple((float(w), float(h)) for w, h in numbers.reshape(-1, 2))
    return ()


def _levels(value: ir.Value) -> np.ndarray | None:
    """Numbers [maps, anchors, 2]; None where they cannot be that."""
    shape = [size for size in value.shape.numpy() if size != 1] if value.shape and value.shape.is_static() else []
    if len(shape) != 3 or shape[0] not in _STRIDES or shape[1] > _MOST or shape[2] != 2:
        return None
    found = constant(value)
    numbers = None if found is None else found.astype(np.float64).reshape(shape)
    return numbers if numbers is not None and np.isfinite(numbers).all() and numbers.min() > 0 else None
