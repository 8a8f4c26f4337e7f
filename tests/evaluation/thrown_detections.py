"""Detections and objects of several images, thrown by a seed, for the tests beside this file."""

from __future__ import annotations

from typing import Any

import numpy as np

from detquant.families import Detections

CLASSES = 4
WIDTH, HEIGHT = 320, 240


def rows(*given: tuple[float, ...]) -> Detections:
    """Rows of left, top, right, bottom, confidence, class."""
    table = np.array(given, np.float32).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 4], table[:, 5].astype(np.int64))


def thrown(images: int, seed: int, *, crowds: bool = True) -> tuple[dict[str, Any], list[Detections]]:
    """Objects of all sizes, crowds among them, and what a poor model finds: many of its scores are equal."""
    rng = np.random.default_rng(seed)
    ids = rng.permutation(images * 3)[:images].tolist()
    annotations: list[dict[str, Any]] = []
    found = []
    for image_id in ids:
        truth = _boxes(rng, int(rng.integers(0, 9)))
        classes = rng.integers(0, CLASSES - 1, len(truth))  # the last class has no object
        for xywh, class_id in zip(truth.tolist(), classes.tolist(), strict=True):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": class_id,
                    "bbox": xywh,
                    "area": xywh[2] * xywh[3] * float(rng.uniform(0.6, 1.0)),
                    "iscrowd": int(crowds and rng.random() < 0.15),
                }
            )
        near = np.repeat(truth, 3, axis=0) + rng.normal(0, 4, (3 * len(truth), 4))
        xywh = np.concatenate([near, _boxes(rng, 12)])
        class_id = np.concatenate([np.repeat(classes, 3), rng.integers(0, CLASSES, 12)])
        xyxy = np.concatenate([xywh[:, :2], xywh[:, :2] + np.maximum(xywh[:, 2:], 1)], axis=1)
        confidence = np.round(rng.random(len(xywh)), 1).astype(np.float32)
        order = np.argsort(-confidence, kind="stable")
        found.append(Detections(xyxy[order], confidence[order], class_id[order]))
    truth_of_all = {
        "images": [{"id": image_id, "width": WIDTH, "height": HEIGHT} for image_id in ids],
        "annotations": annotations,
        "categories": [{"id": index, "name": f"class {index}"} for index in range(CLASSES)],
    }
    return truth_of_all, found


def _boxes(rng: np.random.Generator, count: int) -> np.ndarray:
    corner = rng.uniform(0, (WIDTH - 40, HEIGHT - 40), (count, 2))
    size = np.exp(rng.uniform(np.log(8), np.log(160), (count, 2)))
    return np.concatenate([corner, np.minimum(size, (WIDTH, HEIGHT) - corner)], axis=1)
