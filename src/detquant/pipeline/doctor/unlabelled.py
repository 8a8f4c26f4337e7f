"""What can be said of a model whose images nobody has labelled: whether it finds anything, and not the same in all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detquant.evaluation.agreement import IOU, box_iou
from detquant.families import Detections
from detquant.report.sheets.numbers import plural

FEW = 0.1
"""Confident objects an image below which a model finds almost nothing."""
MANY = 100.0
"""Confident objects an image above which a model finds them everywhere."""
SAME = 0.8
"""Share of images whose most confident object is the same, from which a model does not look at its image."""
SEVERAL = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """What a model finds in images of which nothing is known.

    Attributes:
        images: number of images.
        objects: number of confident detections in all of them.
        complaint: a sentence without its full stop; empty where all looks well.
    """

    images: int
    objects: int
    complaint: str


def glance(found: Sequence[Detections]) -> Glance:
    """Judges by the confident detections, one entry an image."""
    images, objects = len(found), sum(map(len, found))
    each = objects / max(images, 1)
    complaint = ""
    if not objects and images == 1:
        complaint = "The model is confident of nothing in the one image"
    elif not objects:
        complaint = f"The model is confident of nothing in any of {images:,} images"
    elif each < FEW:
        complaint = (
            f"The model is confident of almost nothing: {plural(objects, 'object')} in {plural(images, 'image')}"
        )
    elif each > MANY:
        complaint = f"The model is confident of too much: {each:.0f} objects an image"
    elif images >= SEVERAL and _share_alike(found) >= SAME:
        complaint = f"The model finds the same object in the same place in nearly all of {images} images"
    return Glance(images=images, objects=objects, complaint=complaint)


def _share_alike(found: Sequence[Detections]) -> float:
    """Share of images whose most confident object is also that of the first image that has one, 0 to 1.

    Places are compared as parts of the largest box corner, since images differ in size.
    """
    best = [one.select(np.array([0])) for one in found if len(one)]
    if len(best) < SEVERAL:
        return 0.0
    first = best[0]
    alike = [one.class_id[0] == first.class_id[0] and box_iou(one.xyxy, first.xyxy)[0, 0] > IOU for one in best]
    return float(np.mean(alike)) * len(best) / len(found)
