"""Average precision of a detector on scenes, by detquant's own family, NMS and COCO scorer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from augmentation import Picture
from detector_data import as_images
from torch import nn

from detquant.data._base import make_annotation, make_categories
from detquant.evaluation.accuracy import Accuracy, CocoScorer
from detquant.families import Geometry
from detquant.families.yolov8 import YOLOv8

BATCH = 20


def score_detector(model: nn.Module, pictures: Sequence[Picture], classes: tuple[str, ...]) -> Accuracy:
    """Measures a model.

    Args:
        model: gives [b, 4 + classes, cells] in evaluation mode, which it is put into.
        pictures: square, of the same size.
        classes: names by class_id.
    """
    side = pictures[0].image.shape[0]
    family = YOLOv8(input_name="images", height=side, width=side, classes=classes)
    as_they_are = Geometry(height=side, width=side, scale_x=1.0, scale_y=1.0)
    scorer = CocoScorer(_ground_truth(pictures, classes))
    model.eval()
    for start in range(0, len(pictures), BATCH):
        with torch.no_grad():
            outputs = model(as_images([picture.image for picture in pictures[start : start + BATCH]])).numpy()
        for place, output in enumerate(outputs, start=start):
            scorer.add(place, family.decode({"output0": output[None]}, as_they_are))
    return scorer.result()


def _ground_truth(pictures: Sequence[Picture], classes: tuple[str, ...]) -> dict[str, Any]:
    annotations: list[dict[str, Any]] = []
    for image_id, picture in enumerate(pictures):
        for (x1, y1, x2, y2), class_id in zip(picture.boxes.tolist(), picture.class_id.tolist(), strict=True):
            annotations.append(make_annotation(len(annotations) + 1, image_id, class_id, (x1, y1, x2 - x1, y2 - y1)))
    images = [
        {"id": image_id, "height": picture.image.shape[0], "width": picture.image.shape[1]}
        for image_id, picture in enumerate(pictures)
    ]
    return {"images": images, "annotations": annotations, "categories": make_categories(classes)}
