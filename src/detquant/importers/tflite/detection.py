"""TFLite_Detection_PostProcess, the operator that ends the SSDs of TensorFlow's TFLite examples.

It reads codes, scores and anchors (y, x, height, width), decodes with its options y_scale, x_scale, h_scale and
w_scale, and suppresses: within each class (use_regular_nms), or for speed among all boxes at once. It is cut off; the
family decodes the same boxes and suppresses within each class, which is what the operator is measured by.

An image of bytes goes into a quantised file as it is: the grid of the input says what the bytes stand for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from detquant.errors import ModelError, UnsupportedOperator
from detquant.families.fed import fed_form
from detquant.families.input_form import Form, WholeImage
from detquant.families.ssd_layout import SSDLayout
from detquant.families.tf_input import tf_form
from detquant.importers.openvino.finishing import to_onnx
from detquant.importers.openvino.ssd_heads import BOXES, CLASSES, entries, with_raw_heads
from detquant.importers.signature import signature_of
from detquant.importers.tflite.flatbuffer import DAMAGE, CustomOperator, FileTensor, custom_operators

OPERATOR = "TFLite_Detection_PostProcess"
_SCALES = ("x_scale", "y_scale", "w_scale", "h_scale")
_BYTES = {np.uint8: 0, np.int8: 128}


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """The options of the operator in one file.

    Attributes:
        anchors: centre x, centre y, width, height [anchors, 4] in parts of the image.
        scales: factors of the codes of x, y, w, h.
        background: whether the first score of an anchor is that of the background.
        nms_iou: IoU above which the lesser box is dropped.
        max_detections: most boxes kept in an image.
    """

    anchors: npt.NDArray[np.float32] = field(repr=False)
    scales: tuple[float, float, float, float]
    background: bool
    nms_iou: float
    max_detections: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The operator where it stands in a file.

    Attributes:
        codes: name of the tensor with the codes.
        scores: name of the tensor with the scores.
        detection: what it says.
        form: what a quantised input tells of its image; None for float.
    """

    codes: str
    scores: str
    detection: Detection
    form: Form | None


def find_detection(path: Path) -> Ending | None:
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
        return _ending(found[0])
    except (*DAMAGE, KeyError, ZeroDivisionError) as error:
        raise ModelError(
            f"'{path}' has {OPERATOR} with options or anchors that make no sense ({error}): expected codes, scores, "
            f"constant anchors [n, 4], {', '.join(_SCALES)} and num_classes; export the model again."
        ) from error


def _ending(operator: CustomOperator) -> Ending:
    from flatbuffers import flexbuffers

    options: dict[str, Any] = flexbuffers.Loads(operator.options)
    codes, scores, anchors = operator.inputs[:3]
    detection = detection_from(options, anchors.values(), scores.shape[-1])
    return Ending(codes=codes.name, scores=scores.name, detection=detection, form=_form(operator.images))


def detection_from(options: Mapping[str, Any], anchors: npt.NDArray[np.float32], values: int) -> Detection:
    """The operator's options, checked.

    Args:
        options: the operator's options, by name.
        anchors: y, x, height, width [anchors, 4] in parts of the image.
        values: how many scores an anchor has.

    Raises:
        KeyError: an option is missing.
        ValueError: the options make no sense.
    """
    x, y, w, h = (float(options[name]) for name in _SCALES)
    classes, iou, limit = int(options["num_classes"]), float(options["nms_iou_threshold"]), options["max_detections"]
    if anchors.ndim != 2 or anchors.shape[1] != 4 or not np.isfinite(anchors).all():
        raise ValueError(f"anchors {list(anchors.shape)}")
    if not min(x, y, w, h) > 0 or values - classes not in (0, 1):
        raise ValueError(f"scales {x}, {y}, {w}, {h}; {values} scores, {classes} classes")
    if not 0 <= iou <= 1 or int(limit) < 1:
        raise ValueError(f"an IoU of {iou}, {limit} detections")
    return Detection(
        anchors=anchors[:, [1, 0, 3, 2]],
        scales=(x, y, w, h),
        background=values > classes,
        nms_iou=round(iou, 6),
        max_detections=int(limit),
    )


def _form(images: tuple[FileTensor, ...]) -> Form | None:
    """The input's form, (p - mean) / std of bytes p, where they go in as codes; None for float inputs."""
    [image] = images
    if image.dtype not in _BYTES or not image.scale:
        return None
    mean = float(image.zero_point + _BYTES[image.dtype])
    return WholeImage(rgb=True, mean=(mean,) * 3, std=(1 / image.scale,) * 3)


def with_detection_told(
    model: Any, detection: Detection, path: Path, metadata: Mapping[str, str], form: Form | None = None
) -> ir.Model:
    """The network as ONNX, whose metadata says what the operator did.

    Args:
        model: an `openvino.Model` whose outputs are codes and scores.
        detection: the operator.
        path: path of the file, for messages.
        metadata: metadata of the file.
        form: what goes into the network, where the file tells; else the graph does, see `detquant.families.tf_input`.
    """
    codes, scores = (port.get_node().input_value(0) for port in model.outputs)
    translated = to_onnx(with_raw_heads(model, codes, scores), path, metadata)
    signature = signature_of(translated, metadata)
    layout = _layout(detection, form or fed_form(tf_form(signature), signature.inside))
    translated.metadata_props.update({**entries(layout), **metadata})
    return translated


def _layout(detection: Detection, form: Form) -> SSDLayout:
    x, y, w, h = (1 / scale for scale in detection.scales)
    return SSDLayout(
        boxes=BOXES,
        classes=CLASSES,
        anchors=detection.anchors,
        variances=(x, y, w, h),
        order="yxhw",
        background=0 if detection.background else None,
        nms_iou=detection.nms_iou,
        max_detections=detection.max_detections,
        rgb=form.rgb,
        mean=form.mean,
        std=form.std,
    )
