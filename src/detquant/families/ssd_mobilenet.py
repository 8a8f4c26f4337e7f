"""SSD-MobileNet of TensorFlow's Object Detection API, raw heads: boxes relative to anchors, decoded here.

The coding is that of `faster_rcnn_box_coder` with scales 10, 10, 5, 5, so the variances of `ssd_heads` are 1/10 and
1/5, and its order is t_y, t_x, t_h, t_w. Class 0 is the background; scores are sigmoids (`score_converter: SIGMOID`)
unless the file says otherwise. Validation follows ssd_mobilenet_v1_coco.config: NMS by an IoU of 0.6, 100 boxes.
"""

from __future__ import annotations

from detquant.families._base import Family
from detquant.families.class_names import written_names
from detquant.families.coco_ids import count_of_slots, ids_of_classes
from detquant.families.decoded_boxes import holds_corners
from detquant.families.signature import Outputs, Signature
from detquant.families.ssd_anchors import count_grid_anchors, grid_anchors
from detquant.families.ssd_heads import (
    CONVERTER_KEY,
    CONVERTERS,
    centre_size_boxes,
    find_converter,
    head_names,
    head_rows,
    values_of_an_anchor,
)
from detquant.families.tf_input import RANGE_KEY, input_range, tf_form
from detquant.numerics.arrays import Floats

VARIANCES = (1 / 10, 1 / 5)
XY_FROM_YX = (1, 0, 3, 2)


class SSDMobileNet(Family):
    """RGB -1 to 1, stretched; [1, anchors, 4] codes and [1, anchors, 1 + classes] logits or scores.

    90 classes are COCO's ids with their holes; the 80 that exist are given.
    """

    name = "ssd-mobilenet"
    output_count = 2
    nms_iou = 0.6
    max_detections = 100
    input_key = RANGE_KEY
    converter: str

    def read_facts(self, signature: Signature) -> None:
        """How values become scores and how the input is scaled, as the ends and the metadata tell."""
        self.converter = find_converter(signature, count_grid_anchors(self.height, self.width), "sigmoid")
        self.form = tf_form(signature)

    def facts(self) -> dict[str, str]:
        """Input range and how values become scores, for graphs made from this one that tell them no more."""
        return {**input_range(self.form), CONVERTER_KEY: self.converter}

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family for an input size, in words."""
        anchors = count_grid_anchors(height, width)
        return f"two outputs [1, {anchors}, 4] and [1, {anchors}, 1 + classes]"

    @classmethod
    def count_classes(cls, signature: Signature) -> int | None:
        """The number of classes the shapes tell, or None if they are not this family's."""
        _, height, width = signature.image_input()
        anchors = count_grid_anchors(height, width)
        names = head_names(signature.outputs, anchors)
        said = signature.metadata.get("detquant.family") == cls.name
        if names is None or (not said and holds_corners(signature, names[0])):
            return None
        named = written_names(signature.metadata)
        slots = values_of_an_anchor(signature.outputs[names[1]], anchors) - 1
        return count_of_slots(slots, len(named) if named else None)

    def scores(self, outputs: Outputs) -> Floats:
        """Scores [anchors, classes], without the background and the holes among the ids."""
        _, values = head_rows(outputs, count_grid_anchors(self.height, self.width))
        ids = ids_of_classes(self.num_classes, values.shape[1] - 1)  # the background is column 0
        return CONVERTERS[self.converter](values)[:, ids]

    def boxes(self, outputs: Outputs) -> Floats:
        """Boxes [anchors, 4] as xyxy in input pixels."""
        anchors = grid_anchors(self.height, self.width)
        codes, _ = head_rows(outputs, len(anchors))
        return centre_size_boxes(codes[:, XY_FROM_YX], anchors, VARIANCES)
