"""One scene: its picture and its objects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detquant.data.scenes.background import paint_background
from detquant.data.scenes.camera import photograph
from detquant.data.scenes.layout import SIZE, layout
from detquant.data.scenes.painting import make_sun, paint_item
from detquant.data.scenes.streams import Split, stream


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture and what is in it.

    Attributes:
        image: uint8 [SIZE, SIZE, 3], BGR.
        boxes: float32 [objects, 4], left, top, right, bottom, px; tight around what can be seen of each.
        class_id: int64 [objects], indices into `CLASSES`.
    """

    image: npt.NDArray[np.uint8]
    boxes: npt.NDArray[np.float32]
    class_id: npt.NDArray[np.int64]


def scene(split: Split, index: int, seed: int = 0) -> Scene:
    """Makes one scene; it depends on the arguments only, not on which others were made.

    Args:
        split: one of `SPLITS`; no two share a scene.
        index: index of the image in the split, from 0 without end.
        seed: seed of the data set.

    Raises:
        DatasetError: there is no such scene.
    """
    plan = layout(split, index, seed)
    rng = stream(split, index, "paint", seed)
    canvas = paint_background(SIZE, rng)
    sun = make_sun(rng)
    for item in plan.items:
        paint_item(canvas, item, sun, rng)
    return Scene(photograph(canvas, rng), plan.boxes, plan.class_id)
