"""SSD whose file tells how its raw heads are decoded: anchors, coding, scores, suppression (see `ssd_layout`).

The coding is that of `ssd_heads`, with variances of the file's own, or each corner is moved by itself:

    left = a_left + v t_left      and so on, in parts of the image (Caffe's CodeType CORNER)

Importers write the entry when they cut off the operator that decoded and suppressed. Validation suppresses within
each class, by the file's IoU; but all scores above 0.001 count, whatever the file's threshold was.
"""

from __future__ import annotations

import numpy as np

from detquant.families._base import Family
from detquant.families.class_names import written_names
from detquant.families.coco_ids import count_of_slots, ids_of_classes
from detquant.families.fed import form_entry
from detquant.families.input_form import WholeImage
from detquant.families.signature import Outputs, Shape, Signature
from detquant.families.ssd_heads import BOX, CONVERTERS, centre_size_boxes, values_of_an_anchor
from detquant.families.ssd_layout import KEY, SSDLayout, read_layout
from detquant.numerics.arrays import Floats


class SSDRaw(Family):
    """Codes [1, anchors, 4] and scores [1, anchors, values], stretched; all else as the metadata tells.

    90 classes are COCO's ids with their holes, unless 90 are named; the 80 that exist are given.
    """

    name = "ssd-raw"
    output_count = 2
    nms_iou = 0.6
    max_detections = 100
    input_key = KEY
    layout: SSDLayout

    def read_facts(self, signature: Signature) -> None:
        """The layout that the metadata tells."""
        layout = read_layout(signature.metadata)
        assert layout is not None, "count_classes has read it"
        self.layout = layout
        self.form = WholeImage(rgb=layout.rgb, resize=layout.resize, mean=layout.mean, std=layout.std)
        self.nms_iou, self.max_detections = layout.nms_iou, layout.max_detections

    def facts(self) -> dict[str, str]:
        """How the heads are decoded, for files that are made from this one."""
        return {KEY: self.layout.to_json(), **(form_entry(self.form) if self.adapted else {})}

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family, in words."""
        return "anchors that the file tells, and two outputs [1, anchors, 4] and [1, anchors, classes]"

    @classmethod
    def count_classes(cls, signature: Signature) -> int | None:
        """The number of classes, or None if there is no such entry in the metadata or the shapes are others."""
        layout = read_layout(signature.metadata)
        if layout is None or {layout.boxes, layout.classes} != set(signature.outputs):
            return None
        boxes, values = (_values(signature.outputs[name], layout) for name in (layout.boxes, layout.classes))
        slots = values - (layout.background is not None)
        if boxes != BOX or slots < 1 or not 0 <= (layout.background or 0) < values:
            return None
        named = written_names(signature.metadata)
        return count_of_slots(slots, len(named) if named else None)

    def scores(self, outputs: Outputs) -> Floats:
        """Scores [anchors, classes], without the background and the holes among COCO's ids."""
        layout = self.layout
        values = CONVERTERS[layout.scores](self._rows(outputs, layout.classes))
        things = values if layout.background is None else np.delete(values, layout.background, axis=1)
        if layout.best_only:
            things = np.where(things == things.max(axis=1, keepdims=True), things, np.float32(0))
        return np.asarray(things[:, ids_of_classes(self.num_classes, things.shape[1]) - 1])

    def boxes(self, outputs: Outputs) -> Floats:
        """Boxes [anchors, 4] as xyxy in input pixels."""
        layout = self.layout
        codes = self._rows(outputs, layout.boxes)[:, [layout.order.index(axis) for axis in "xywh"]]
        if layout.coding == "corners":
            parts = _corners(layout.anchors) + codes * np.array(layout.variances, np.float32)
        else:
            parts = centre_size_boxes(codes, layout.anchors, layout.variances)
        if layout.clip:
            parts = np.clip(parts, 0, 1)
        return np.asarray(parts * np.array([self.width, self.height] * 2, np.float32), np.float32)

    def _rows(self, outputs: Outputs, name: str) -> Floats:
        return np.asarray(outputs[name], np.float32).reshape(len(self.layout.anchors), -1)


def _corners(anchors: Floats) -> Floats:
    half = anchors[:, 2:] / 2
    return np.concatenate([anchors[:, :2] - half, anchors[:, :2] + half], axis=1)


def _values(shape: Shape, layout: SSDLayout) -> int:
    """Values of an anchor where the anchors come first; 0 for other shapes."""
    anchors = len(layout.anchors)
    sizes = [size for size in shape if size != 1]
    if anchors == 1:
        return int(shape[-1] or 0) if len(sizes) == 1 else 0
    return values_of_an_anchor(shape, anchors) if sizes[:1] == [anchors] else 0
