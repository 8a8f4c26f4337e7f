"""TFLite_Detection_PostProcess, the operator that ends the SSDs of TensorFlow's TFLite examples.

It reads codes, scores and anchors (y, x, height, width), decodes with its options y_scale, x_scale, h_scale and
w_scale, and suppresses: within each class (use_regular_nms), or for speed among all boxes at once. It is cut off; the
family decodes the same boxes and suppresses within each class, which is what the operator is measured by.

An image of bytes goes into a quantised file as it is: the grid of the input says what the bytes stand for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from detquant.errors import ModelError, UnsupportedOperator
from detquant.families.input_form import Form, WholeImage
from detquant.families.ssd_layout import SSDLayout
from detquant.importers.openvino.ssd_heads import BOXES, CLASSES
from detquant.importers.tflite.flatbuffer import DAMAGE, CustomOperator, Tensor, custom_operators

OPERATOR = "TFLite_Detection_PostProcess"
_SCALES = ("x_scale", "y_scale", "w_scale", "h_scale")
_BYTES = {np.uint8: 0, np.int8: 128}


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """The operator of one file.

    Attributes:
        codes: name of the tensor with the codes.
        scores: name of the tensor with the scores.
        anchors: centre x, centre y, width, height [anchors, 4] in parts of the image.
        scales: of x, y, w, h.
        classes: how many the options count, without the background.
        values: scores of an anchor.
        nms_iou: IoU above which the lesser box is dropped.
        max_detections: boxes an image.
        form: what a quantised input tells of its image; None for float.
    """

    codes: str
    scores: str
    anchors: npt.NDArray[np.float32] = field(repr=False)
    scales: tuple[float, float, float, float]
    classes: int
    values: int
    nms_iou: float
    max_detections: int
    form: Form | None


def find_detection(path: Path) -> Detection | None:
    """The operator, or None where a file has none, or is damaged in a way that others will tell.

    Raises:
        ModelError: it has options or anchors that make no sense.
        UnsupportedOperator: it stands where it cannot be cut off.
    """
    try:
        found = custom_operators(path.read_bytes(), OPERATOR)
    except DAMAGE:
        return None
    if not found:
        return None
    if len(found) > 1 or not found[0].is_last:
        raise UnsupportedOperator(
            f"'{path}' has {OPERATOR} before other outputs: it is only taken as the end of a graph; export the model "
            "without it, and give that file."
        )
    try:
        return _detection(found[0])
    except (*DAMAGE, KeyError, ZeroDivisionError) as error:
        raise ModelError(
            f"'{path}' has {OPERATOR} with options or anchors that make no sense ({error}): expected codes, scores, "
            f"constant anchors [n, 4], {', '.join(_SCALES)} and num_classes; export the model again."
        ) from error


def _detection(operator: CustomOperator) -> Detection:
    from flatbuffers import flexbuffers

    options: dict[str, Any] = flexbuffers.Loads(operator.options)
    codes, scores, anchors = operator.inputs[:3]
    given = anchors.values()
    x, y, w, h = (float(options[name]) for name in _SCALES)
    if given.ndim != 2 or given.shape[1] != 4 or not np.isfinite(given).all():
        raise ValueError(f"anchors {list(given.shape)}")
    if min(x, y, w, h) <= 0 or scores.shape[-1] - int(options["num_classes"]) not in (0, 1):
        raise ValueError(f"scales {x}, {y}, {w}, {h}; {scores.shape[-1]} scores, {options['num_classes']} classes")
    return Detection(
        codes=codes.name,
        scores=scores.name,
        anchors=given[:, [1, 0, 3, 2]],
        scales=(x, y, w, h),
        classes=int(options["num_classes"]),
        values=scores.shape[-1],
        nms_iou=float(options["nms_iou_threshold"]),
        max_detections=int(options["max_detections"]),
        form=_form(operator.images),
    )


def _form(images: tuple[Tensor, ...]) -> Form | None:
    """Of bytes p that go in as codes: (p - mean) / std."""
    [image] = images
    if image.dtype not in _BYTES or not image.scale:
        return None
    mean = float(image.zero_point + _BYTES[image.dtype])
    return WholeImage(rgb=True, mean=(mean,) * 3, std=(1 / image.scale,) * 3)


def layout_of(detection: Detection, form: Form) -> SSDLayout:
    """What the file has to say.

    Args:
        detection: the operator.
        form: what goes into the network.
    """
    x, y, w, h = (1 / scale for scale in detection.scales)
    return SSDLayout(
        boxes=BOXES,
        classes=CLASSES,
        anchors=detection.anchors,
        variances=(x, y, w, h),
        order="yxhw",
        background=0 if detection.values > detection.classes else None,
        nms_iou=detection.nms_iou,
        max_detections=detection.max_detections,
        rgb=form.rgb,
        mean=form.mean,
        std=form.std,
    )
