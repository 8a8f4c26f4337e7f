"""The image on which a model has lost most; chosen by a rule, so nobody can be said to have picked it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from detquant.evaluation.agreement import Agreement, agreement
from detquant.families import Detections

SEVERAL = 4
"""How many objects an image must have to be preferred."""


def most_degraded_image(
    truth: Sequence[Detections], reference: Sequence[Detections], candidate: Sequence[Detections]
) -> int:
    """The image in which the reference is right and the candidate loses most.

    Of the images with several objects, those count in which the reference makes the fewest mistakes (objects that
    it misses, boxes that are none); of these the one in which the candidate finds the most objects less; of these
    the first. Where no image has several objects, all of them count.

    Args:
        truth: the known objects, one entry an image.
        reference: confident detections of the better model.
        candidate: confident detections of the other one.

    Returns:
        The place of that image among all.
    """
    several = [place for place, objects in enumerate(truth) if len(objects) >= SEVERAL]

    def rank(place: int) -> tuple[int, int]:
        before, after = score(truth[place], reference[place]), score(truth[place], candidate[place])
        return mistakes(before), after.matches - before.matches

    return min(several or range(len(truth)), key=rank)


def score(truth: Detections, found: Detections) -> Agreement:
    """Agreement of one image's detections with its known objects."""
    return agreement([truth], [found])


def mistakes(one: Agreement) -> int:
    """How many objects are missed and boxes are no object, together."""
    return one.reference_boxes + one.candidate_boxes - 2 * one.matches


def known_objects(ground_truth: Mapping[str, Any]) -> list[Detections]:
    """The objects of each image, in the order of the images, each of confidence 1.

    Args:
        ground_truth: COCO-format dict; `category_id` is the class id.
    """
    rows: dict[int, list[Mapping[str, Any]]] = {image["id"]: [] for image in ground_truth["images"]}
    for annotation in ground_truth["annotations"]:
        rows[annotation["image_id"]].append(annotation)
    return [_as_detections(found) for found in rows.values()]


def _as_detections(annotations: Sequence[Mapping[str, Any]]) -> Detections:
    boxes = np.array([one["bbox"] for one in annotations], np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    class_id = np.array([one["category_id"] for one in annotations], np.int64)
    return Detections(boxes, np.ones(len(annotations), np.float32), class_id)
