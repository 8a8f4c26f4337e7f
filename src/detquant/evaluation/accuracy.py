"""COCO average precision of a model's detections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from faster_coco_eval import COCO, COCOeval_faster

from detquant.errors import DatasetError
from detquant.families import Detections

# COCO's protocol; of each class in an image the best `MAX_DETECTIONS[-1]` count.
MAX_DETECTIONS = (1, 10, 100)
_ALL_AREAS = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """How well a model detects; average precisions are in per cent.

    Attributes:
        ap: mean over the IoU thresholds 0.50, 0.55 ... 0.95 and the classes, COCO's AP@[.5:.95].
        ap50: at IoU 0.50.
        ap75: at IoU 0.75.
        per_class: `ap` of each class that has an object in the images.
        images: number of images measured.
    """

    ap: float
    ap50: float
    ap75: float
    per_class: dict[str, float]
    images: int

    def figures(self) -> dict[str, float]:
        """The measures by name, the first of them the one to compare by."""
        return {"ap": self.ap, "ap50": self.ap50, "ap75": self.ap75}


class CocoScorer:
    """Collects detections image by image, then compares them with the ground truth.

    Only images that were added count, so one that could not be read is no miss.
    """

    def __init__(self, ground_truth: Mapping[str, Any]) -> None:
        self._images = {image["id"]: image for image in ground_truth["images"]}
        self._categories = ground_truth["categories"]
        self._annotations = ground_truth["annotations"]
        self._results: dict[int, Detections] = {}

    def add(self, image_id: int, detections: Detections) -> None:
        """Adds what was found in one image; boxes are clipped to it.

        Args:
            image_id: id of the image in the ground truth.
            detections: what was found, in pixels of that image; class_id is the category id.
        """
        image = self._images[image_id]
        limit = np.array([image["width"], image["height"]] * 2, np.float32)
        clipped = np.clip(detections.xyxy, 0, limit)
        self._results[image_id] = Detections(clipped, detections.confidence, detections.class_id)

    def result(self) -> Accuracy:
        """The accuracy on the images added so far.

        Raises:
            DatasetError: there are none, or nothing is labelled in them.
        """
        if not self._results:
            raise DatasetError("No image was evaluated: the data set is empty or none could be read.")
        truth = [a for a in self._annotations if a["image_id"] in self._results]
        if all(annotation.get("iscrowd") for annotation in truth):
            raise DatasetError(f"None of the {len(self._results)} images has a labelled object: no AP.")
        precision = self._precision(truth)
        names = [category["name"] for category in self._categories]
        by_class = [_mean(precision[:, :, k]) for k in range(len(names))]
        labelled = {annotation["category_id"] for annotation in truth if not annotation.get("iscrowd")}
        known = [category["id"] in labelled for category in self._categories]
        return Accuracy(
            ap=_mean(precision),
            ap50=_mean(precision[0]),
            ap75=_mean(precision[5]),
            per_class={name: ap for name, ap, has in zip(names, by_class, known, strict=True) if has},
            images=len(self._results),
        )

    def _precision(self, truth: list[dict[str, Any]]) -> npt.NDArray[np.float64]:
        """Precision [10 IoU thresholds, 101 recalls, classes]; -1 where a class has no object."""
        ids = list(self._results)
        # The evaluator writes into the dicts that it is given.
        reference = COCO(
            {
                "images": [dict(self._images[image_id]) for image_id in ids],
                "annotations": [dict(annotation) for annotation in truth],
                "categories": [dict(category) for category in self._categories],
            },
            print_function=_silent,
        )
        found = reference.loadRes([row for image_id in ids for row in self._rows(image_id)])
        evaluation = COCOeval_faster(reference, found, iouType="bbox", print_function=_silent)
        evaluation.params.maxDets = list(MAX_DETECTIONS)
        evaluation.params.imgIds = ids
        evaluation.params.catIds = [category["id"] for category in self._categories]
        evaluation.evaluate()
        evaluation.accumulate()
        return np.asarray(evaluation.eval["precision"], np.float64)[:, :, :, _ALL_AREAS, -1]

    def _rows(self, image_id: int) -> list[dict[str, Any]]:
        found = self._results[image_id]
        xywh = found.xyxy.astype(np.float64)
        xywh[:, 2:] -= xywh[:, :2]
        rows = zip(xywh.tolist(), found.confidence.tolist(), found.class_id.tolist(), strict=True)
        return [
            {"image_id": image_id, "category_id": class_id, "bbox": box, "score": score}
            for box, score, class_id in rows
        ]


def _mean(precision: npt.NDArray[np.float64]) -> float:
    """The mean over everything that is defined, in per cent; 0 where nothing is."""
    defined = precision[precision > -1]
    return float(defined.mean() * 100) if defined.size else 0.0


def _silent(*_: object) -> None:
    """Takes the evaluator's progress messages."""
