"""SSD300 with a ResNet, of NVIDIA's DeepLearningExamples (PyTorch/Detection/SSD): raw heads, decoded here.

The variances of `ssd_heads` are 0.1 and 0.2, the order is t_x, t_y, t_w, t_h; scores are a softmax over all classes,
of which 0 is the background. Validation follows its `evaluate`: NMS by an IoU of 0.5, 200 boxes; but scores below
0.05, which it leaves out, count here, as they do for all families.
"""

from __future__ import annotations

from detquant.families._base import Family
from detquant.families.input_form import WholeImage
from detquant.families.signature import Outputs, Signature
from detquant.families.ssd_anchors import SIDE, default_boxes
from detquant.families.ssd_heads import (
    CONVERTER_KEY,
    CONVERTERS,
    centre_size_boxes,
    find_converter,
    head_names,
    head_rows,
    values_of_an_anchor,
)
from detquant.numerics.arrays import Floats

VARIANCES = (0.1, 0.2)
# ImageNet's, of pixels of 0 to 255
MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
STD = (0.229 * 255, 0.224 * 255, 0.225 * 255)


class SSD300(Family):
    """RGB normalised, stretched to 300x300; [1, 4, 8732] codes and [1, 1 + classes, 8732] logits, or turned."""

    name = "ssd300"
    output_count = 2
    nms_iou = 0.5
    max_detections = 200
    form = WholeImage(rgb=True, mean=MEAN, std=STD)
    converter: str

    def read_facts(self, signature: Signature) -> None:
        """How values become scores: what the graph has put through a softmax is taken as it is."""
        self.converter = find_converter(signature, len(default_boxes()), "softmax")

    def facts(self) -> dict[str, str]:
        """How values become scores, for graphs made from this one that tell it no more."""
        return {CONVERTER_KEY: self.converter}

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family for an input size, in words."""
        anchors = len(default_boxes())
        only = "" if (height, width) == (SIDE, SIDE) else f" for an input of {SIDE}x{SIDE} only"
        return f"two outputs [1, 4, {anchors}] and [1, 1 + classes, {anchors}]{only}"

    @classmethod
    def count_classes(cls, signature: Signature) -> int | None:
        """The number of classes the shapes tell, or None if they are not this family's."""
        _, height, width = signature.image_input()
        anchors = len(default_boxes())
        names = head_names(signature.outputs, anchors)
        if names is None or (height, width) != (SIDE, SIDE):
            return None
        return values_of_an_anchor(signature.outputs[names[1]], anchors) - 1

    def scores(self, outputs: Outputs) -> Floats:
        """Scores [anchors, classes], without the background."""
        _, values = head_rows(outputs, len(default_boxes()))
        return CONVERTERS[self.converter](values)[:, 1:]

    def boxes(self, outputs: Outputs) -> Floats:
        """Boxes [anchors, 4] as xyxy in input pixels."""
        codes, _ = head_rows(outputs, len(default_boxes()))
        return centre_size_boxes(codes, default_boxes(), VARIANCES)
