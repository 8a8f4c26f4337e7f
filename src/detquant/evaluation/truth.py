"""The objects of the images that were measured, as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from detquant.evaluation.found import Found
from detquant.numerics.arrays import Bools, Doubles, Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The objects of several images, one image after the other.

    Attributes:
        starts: int64 [images + 1], where those of each image begin.
        xywh: float64 [n, 4], left, top, width, height in pixels of the image.
        class_id: int32 [n].
        crowd: bool [n], whether it is a region with many of them, in which none is asked for.
        area: float64 [n], of the object itself where an outline is known, pixels.
        limits: float32 [images, 4], width, height, width, height of each image; None where they are not known.
        order: int64 [images], place of each image by their ids; of equal scores that of the first image counts first.
        known: whether objects are known; else the boxes of a model stand for them.
    """

    starts: Ints
    xywh: Doubles
    class_id: Ints
    crowd: Bools
    area: Doubles
    limits: Floats | None
    order: Ints
    known: bool

    @classmethod
    def of(cls, ground_truth: Mapping[str, Any], image_ids: Sequence[int]) -> Truth:
        """The objects of some images.

        Args:
            ground_truth: COCO-format dict; `category_id` is the class id.
            image_ids: ids of the images, in the order of what was found in them.
        """
        rows: dict[int, list[Mapping[str, Any]]] = {one: [] for one in image_ids}
        for annotation in ground_truth["annotations"]:
            if annotation["image_id"] in rows:
                rows[annotation["image_id"]].append(annotation)
        by_image = [rows[one] for one in image_ids]
        several = [one for some in by_image for one in some]
        sizes = {image["id"]: (image["width"], image["height"]) for image in ground_truth["images"]}
        return cls(
            starts=np.cumsum([0, *map(len, by_image)], dtype=np.int64),
            xywh=np.array([one["bbox"] for one in several], np.float64).reshape(-1, 4),
            class_id=np.array([one["category_id"] for one in several], np.int32),
            crowd=np.array([bool(one.get("iscrowd")) for one in several], np.bool_),
            area=np.array([one["area"] for one in several], np.float64),
            limits=np.array([sizes[one] * 2 for one in image_ids], np.float32).reshape(-1, 4),
            order=np.argsort(np.argsort(np.asarray(image_ids, np.int64), kind="stable"), kind="stable"),
            known=True,
        )

    @classmethod
    def supposed(cls, found: Found, confidence: float) -> Truth:
        """The boxes of a model, of at least this confidence, in the place of objects that nobody has labelled."""
        sure = found.confidence >= confidence
        xywh = found.xyxy[sure].astype(np.float64)
        xywh[:, 2:] -= xywh[:, :2]
        counts = np.bincount(found.image[sure], minlength=len(found))
        return cls(
            starts=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            xywh=xywh,
            class_id=found.class_id[sure],
            crowd=np.zeros(len(xywh), np.bool_),
            area=xywh[:, 2] * xywh[:, 3],
            limits=None,
            order=np.arange(len(found)),
            known=False,
        )

    def __len__(self) -> int:
        """How many images there are."""
        return len(self.starts) - 1

    @property
    def image(self) -> Ints:
        """int32 [n], the place of the image of each object."""
        return np.repeat(np.arange(len(self), dtype=np.int32), np.diff(self.starts))

    def count(self, place: int) -> int:
        """How many objects an image has, crowds left out."""
        one = slice(int(self.starts[place]), int(self.starts[place + 1]))
        return int((~self.crowd[one]).sum())
