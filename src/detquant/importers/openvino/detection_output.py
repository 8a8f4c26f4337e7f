"""DetectionOutput, the operation that ends the SSDs of Caffe and of Open Model Zoo.

It reads codes [1, anchors * 4], scores [1, anchors * values] and priors [1, 2, anchors * 4]: corners, and variances
below them (or [1, 1, anchors * 4], with variances of 1). Priors come from PriorBox and PriorBoxClustered, which know
shapes alone and are constants by now. The operation is cut off; its priors and attributes go to the file's metadata:

1. `code_type` is CENTER_SIZE or CORNER; variances must be the same for all anchors;
2. `normalized` is false where priors are in pixels of input_width and input_height, behind an index each;
3. `decrease_label_id` is MXNet's way: an anchor counts for its best class alone;
4. scores are taken as they come; the softmax before the operation stays in the graph.

Such files take BGR as it is, with means and scales in the graph, unless the file says otherwise.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from detquant.families.ssd_layout import SSDLayout, Triple
from detquant.importers.openvino.operation import Operation, contents
from detquant.importers.openvino.ssd_heads import BOXES, CLASSES, with_raw_heads
from detquant.numerics.arrays import Floats

KIND = "DetectionOutput"
_BOX, _MOST = 4, 100
_CODINGS = {"CENTER_SIZE": "centre-size", "CORNER": "corners"}
_YES = ("true", "yes", "1")


def without_detection_output(model: Any, path: Path) -> tuple[Any, SSDLayout] | None:
    """A model that ends in its heads, and how they are decoded.

    Args:
        model: an `openvino.Model` of fixed shapes, folded.
        path: path of its file, for messages.

    Returns:
        None for a model without a DetectionOutput.

    Raises:
        UnsupportedOperator: the operation is of a form that the family has not, or not the end of the model.
    """
    found = [node for node in model.get_ordered_ops() if node.get_type_name() == KIND]
    if not found:
        return None
    operation = Operation(found[0], (), path, _no_value)
    if len(found) > 1 or not all(_follows(result, found[0]) for result in model.get_results()):
        operation.refuse("the model has other outputs too, and one that ends in its heads has none")
    if found[0].get_input_size() != 3:
        operation.refuse("it reads the refined boxes of a second stage")
    layout = _layout(operation)
    codes, scores = (found[0].input_value(place) for place in (0, 1))
    size = int(np.prod(static(operation, codes))), int(np.prod(static(operation, scores)))
    if size[0] != _BOX * len(layout.anchors) or size[1] % len(layout.anchors):
        operation.refuse(f"it has {size[0]} codes and {size[1]} scores for {len(layout.anchors)} priors")
    heads = with_raw_heads(model, codes, scores)
    return heads, replace(layout, **_form(model))


def static(operation: Operation, port: Any) -> tuple[int, ...]:
    """The shape of what the operation reads."""
    shape = port.get_partial_shape()
    if shape.is_dynamic:
        operation.refuse("the shape of what it reads depends on the image")
    return tuple(int(size) for size in shape.to_shape())


def _no_value(port: Any) -> Any:
    raise AssertionError("nothing has been translated yet")


def _follows(result: Any, detection: Any) -> bool:
    """Whether a result is made of what a node gives."""
    waiting, seen = [result], set()
    while waiting:
        node = waiting.pop()
        if node.get_name() == detection.get_name():
            return True
        if node.get_name() not in seen:
            seen.add(node.get_name())
            waiting += [port.get_node() for port in node.input_values()]
    return False


def _layout(operation: Operation) -> SSDLayout:
    """The layout that the operation's priors and attributes tell (cases 1 to 4)."""
    coding = operation.one_of("code_type", str(operation.attribute("code_type")).rpartition(".")[2].upper(), _CODINGS)
    if not operation.attribute("share_location", True):
        operation.refuse("each class has boxes of its own (share_location is false)")
    corners, variances = _priors(operation)
    background = int(operation.attribute("background_label_id", 0))
    limit = max(map(int, operation.attribute("keep_top_k") or [0]))
    return SSDLayout(
        boxes=BOXES,
        classes=CLASSES,
        anchors=np.concatenate([(corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]], axis=1),
        variances=variances,
        coding=_CODINGS[coding],
        background=background if background >= 0 else None,
        best_only=bool(operation.attribute("decrease_label_id", False)),
        clip=bool(operation.attribute("clip_before_nms", False)),
        nms_iou=round(float(operation.attribute("nms_threshold")), 6),
        max_detections=limit if limit > 0 else _MOST,
    )


def _priors(operation: Operation) -> tuple[Floats, tuple[float, float, float, float]]:
    """Left, top, right, bottom [anchors, 4] in parts of the image, and the variances that all have."""
    array = contents(operation.source(2))
    if array is None:
        operation.refuse("its priors depend on the image: only those that follow from shapes are taken")
    inside = bool(operation.attribute("normalized", False))
    rows = np.asarray(array, np.float32)
    encoded = bool(operation.attribute("variance_encoded_in_target", False))
    values = _BOX if inside else _BOX + 1
    if rows.ndim != 3 or rows.shape[0] != 1 or rows.shape[1] < (1 if encoded else 2) or rows.shape[2] % values:
        operation.refuse(f"its priors are of shape {list(rows.shape)}")
    corners = rows[0, 0].reshape(-1, values)[:, -_BOX:]
    if not inside:  # case 2
        sides = [float(operation.attribute(name, 1)) for name in ("input_width", "input_height")]
        corners = corners / np.array(sides * 2, np.float32)
    if not np.isfinite(corners).all() or not len(corners):
        operation.refuse("its priors are no boxes")
    if encoded:
        return corners, (1.0, 1.0, 1.0, 1.0)
    each = rows[0, 1][: _BOX * len(corners)].reshape(-1, _BOX)
    if not np.allclose(each, each[:1]):
        operation.refuse("its variances differ from prior to prior")
    x, y, w, h = (round(float(value), 6) for value in each[0])
    return corners, (x, y, w, h)


def _form(model: Any) -> dict[str, Any]:
    """The form of the input as the file tells it, by Model API's `model_info` and by how it was converted."""
    turned = _said(model, "model_info", "reverse_input_channels").lower() in _YES
    of_tensorflow = _said(model, "conversion_parameters", "framework").lower() in ("tf", "tensorflow")
    reversed_inside = _said(model, "conversion_parameters", "reverse_input_channels").lower() in _YES
    found: dict[str, Any] = {"rgb": turned or (of_tensorflow and not reversed_inside)}
    for name, key in (("mean", "mean_values"), ("std", "scale_values")):
        triple = _triple(_said(model, "model_info", key))
        if triple is not None:
            found[name] = triple
    return {"mean": (0.0,) * 3, "std": (1.0,) * 3, **found}


def _said(model: Any, *path: str) -> str:
    return str(model.get_rt_info(list(path)).value) if model.has_rt_info(list(path)) else ""


def _triple(text: str) -> Triple | None:
    with contextlib.suppress(ValueError):
        numbers = [float(part) for part in text.replace(",", " ").strip("[]").split()]
        if len(numbers) == 3 and all(map(np.isfinite, numbers)):
            return numbers[0], numbers[1], numbers[2]
    return None
