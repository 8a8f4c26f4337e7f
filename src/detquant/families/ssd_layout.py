"""What an SSD's raw heads need to become boxes, as an entry in the model file's metadata.

Anchors, their coding and what the scores are stand in the detection operator of a file (DetectionOutput,
TFLite_Detection_PostProcess) or in the arithmetic behind its heads; when that is cut off, the file has to say them.
Under the key `detquant.ssd` stands JSON such as

    {"boxes": "box_codes", "classes": "class_scores", "anchors": "AAAgQQ...", "coding": "centre-size",
     "order": "yxhw", "variances": [0.1, 0.1, 0.2, 0.2], "scores": "sigmoid", "background": 0, "best_only": false,
     "clip": false, "nms_iou": 0.6, "max_detections": 100, "resize": "stretch", "rgb": true,
     "mean": [127.5, 127.5, 127.5], "std": [127.5, 127.5, 127.5]}

where `anchors` are centre x, centre y, width and height of each, in parts of the input: float32, the low byte first,
in base64. `order` names the codes by what they move: x, y, w, h; `variances` are of x, y, w, h, in this order.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from detquant.families.ssd_heads import CONVERTERS
from detquant.numerics.arrays import Floats

Four = tuple[float, float, float, float]
Triple = tuple[float, float, float]

KEY = "detquant.ssd"
RESIZES = ("stretch", "stretch-from-corner")
CODINGS = ("centre-size", "corners")
_AXES = "xywh"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SSDLayout:
    """How the heads of one SSD are decoded, and what goes into it.

    Attributes:
        boxes: name of the output with the codes, [1, anchors, 4].
        classes: name of the output with the scores, [1, anchors, values].
        anchors: centre x, centre y, width, height [anchors, 4] in parts of the input.
        variances: variances of x, y, w, h.
        coding: one of CODINGS; of corners, each is moved by its variance times its code.
        order: in which order codes speak of x, y, w, h; of corners, "xywh" is left, top, right, bottom.
        scores: what is left to be done to the scores, a key of `ssd_heads.CONVERTERS`.
        background: the class that is none; None if all are.
        best_only: whether an anchor counts for the best of its classes alone.
        clip: whether boxes end at the image's border before they are compared.
        nms_iou: IoU above which the lesser box is dropped.
        max_detections: boxes an image.
        resize: how images are brought to the input's size, one of RESIZES.
        rgb: order of the channels; False means BGR.
        mean: means of the channels, grey levels of 0 to 255.
        std: standard deviations, as `mean`; the input is (x - mean) / std.
    """

    boxes: str
    classes: str
    anchors: Floats
    variances: Four
    coding: str = "centre-size"
    order: str = _AXES
    scores: str = "none"
    background: int | None = 0
    best_only: bool = False
    clip: bool = False
    nms_iou: float = 0.6
    max_detections: int = 100
    resize: str = "stretch"
    rgb: bool = True
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)

    def to_json(self) -> str:
        """The entry for the metadata."""
        packed = base64.b64encode(np.ascontiguousarray(self.anchors, "<f4").tobytes()).decode("ascii")
        return json.dumps({**asdict(self), "anchors": packed}, sort_keys=True)


def read_layout(metadata: Mapping[str, str]) -> SSDLayout | None:
    """The entry of a file, or None if there is none or it makes no sense: the file may come from anyone."""
    try:
        entry = json.loads(metadata.get(KEY, ""))
        layout = SSDLayout(
            boxes=str(entry["boxes"]),
            classes=str(entry["classes"]),
            anchors=_anchors(entry["anchors"]),
            variances=_numbers(entry["variances"], 4),
            coding=str(entry["coding"]),
            order=str(entry["order"]),
            scores=str(entry["scores"]),
            background=None if entry["background"] is None else int(entry["background"]),
            best_only=entry["best_only"] is True,
            clip=entry["clip"] is True,
            nms_iou=float(entry["nms_iou"]),
            max_detections=int(entry["max_detections"]),
            resize=str(entry["resize"]),
            rgb=entry["rgb"] is True,
            mean=_numbers(entry["mean"], 3),
            std=_numbers(entry["std"], 3),
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None
    return layout if _makes_sense(layout) else None


def _makes_sense(layout: SSDLayout) -> bool:
    return (
        layout.coding in CODINGS
        and sorted(layout.order) == sorted(_AXES)
        and layout.scores in CONVERTERS
        and layout.resize in RESIZES
        and 0 <= layout.nms_iou <= 1
        and layout.max_detections > 0
        and min(layout.std) > 0
    )


def _anchors(text: Any) -> Floats:
    packed = np.frombuffer(base64.b64decode(text, validate=True), "<f4")
    anchors = packed.reshape(-1, 4).astype(np.float32)
    if not len(anchors) or not np.isfinite(anchors).all():
        raise ValueError("no anchors")
    return anchors


def _numbers(values: Any, count: int) -> Any:
    numbers = tuple(float(value) for value in values)
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise ValueError("not so many numbers")
    return numbers
