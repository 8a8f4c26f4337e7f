"""YOLOv5, YOLOv7, YOLOR and YOLOv4-CSP whose raw maps of anchors are left to be decoded, as many exports leave them.

The maps are the heads' convolutions, turned to [1, 3, rows, columns, 5 + classes] or not, before the sigmoid or, as
toolkits of NPUs want them, behind it: then all values lie within 0 and 1 on any picture. Boxes are decoded as Jocher's
YOLOv5 does, which all of these have in common (see `yolov4` for the formula, with scale_x_y 2 and squared sizes);
anchors are told by the file or the user, see `anchors`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np

from detquant.families.anchor_maps import USUAL, count_classes, find_anchor_maps
from detquant.families.anchors import told_anchors
from detquant.families.grid import map_sizes
from detquant.families.input_form import WholeImage
from detquant.families.raw_maps import are_of_anchors
from detquant.families.signature import Signature
from detquant.families.told_by_values import scores_by_values
from detquant.families.yolo_heads import YoloHeads, read_heads
from detquant.families.yolov4 import YOLOv4, layout_of_maps

STRIDES = (8, 16, 32)


class YOLOv5Maps(YOLOv4):
    """RGB 0-1, centred letterbox; per stride [1, 3, rows, columns, 5 + classes]: x y w h, object, classes.

    Or as the convolution gives it, [1, 3 * (5 + classes), rows, columns].
    """

    name = "yolov5-maps"
    mark = "whose cells have several anchors each"
    nms_iou = 0.6
    form = WholeImage(rgb=True, resize="letterbox", std=(255.0,) * 3)
    letterboxed: ClassVar[WholeImage] = form

    def read_facts(self, signature: Signature) -> None:
        """The heads that the metadata tells, else the maps with the anchors that are told."""
        super().read_facts(signature)
        self.form = self.letterboxed
        values = signature.values()
        if values and not read_heads(signature.metadata):
            chances = all(scores_by_values(np.asarray(one, np.float32)) == "chances" for one in values.values())
            heads = tuple(replace(head, chances=chances) for head in self.layout.heads)
            self.layout = replace(self.layout, heads=heads)

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family for an input size, in words."""
        maps = ", ".join(f"{rows}x{columns}" for rows, columns in map_sizes(height, width, STRIDES))
        return (
            f"outputs [1, {USUAL}, rows, columns, 5 + classes] or [1, {USUAL} * (5 + classes), rows, columns], as a "
            f"rule of {maps} cells, and anchors that the file or --anchors tells"
        )

    @classmethod
    def count_classes(cls, signature: Signature) -> int | None:
        """The number of classes that the shapes tell, whether the anchors are known or not; None if they are others."""
        said = signature.metadata.get("detquant.family") == cls.name
        if read_heads(signature.metadata):
            return super().count_classes(signature) if said else None
        maps = find_anchor_maps(signature)
        if not maps or not (said or are_of_anchors(signature, maps)):
            return None
        if maps[0].channels_last and not told_anchors(signature):
            return None
        return count_classes(signature, maps)

    @classmethod
    def find_layout(cls, signature: Signature) -> YoloHeads | None:
        """How the maps are decoded; None where the outputs are others."""
        written = read_heads(signature.metadata)
        return written or layout_of_maps(signature, squared=True, resize="letterbox")
