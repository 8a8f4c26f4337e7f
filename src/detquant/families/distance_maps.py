"""Detectors without anchors whose head is cut before it is decoded: raw maps of distances and of class scores.

So they are exported for boards (Rockchip, Horizon, ncnn), and quantised without the arithmetic behind them. For a cell
at column c_x and row c_y of a map of stride s, and its distances left, top, right, bottom,

    x1 = s (c_x + o - left)      x2 = s (c_x + o + right)

and y alike, where o is 1/2 or 0. A distance may be the expectation of a distribution over 0, 1, 2, ... (Li et al.,
Generalized Focal Loss, 2020, eq. 5), in pixels already, or in cells. Where what stands where: `distance_layout`.

YOLOv6, PP-YOLOE, DAMO-YOLO and RTMDet share these shapes, and are fed otherwise. What nothing tells is asked for.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from detquant.families.distance_layout import STRIDES, DistanceLayout, find_distances
from detquant.families.grid import SIDES, cells, distance_boxes, map_sizes
from detquant.families.logits import sigmoid
from detquant.families.reading import IN_CELLS, INPUT_KINDS, Reading
from detquant.families.shown_words import ReadByWords
from detquant.families.signature import Outputs, Signature
from detquant.families.told_by_values import scores_by_values
from detquant.numerics.arrays import Floats


class DistanceMaps(ReadByWords):
    """A detector of such maps.

    Attributes:
        bins: how many bins its distributions may have; 1 for plain distances.
        joined: bins where both are in one map; 0 where no exporter joins them.
        boxes_first: whether distances come first there, and where nothing else tells which map is which.
        offset: how far into its cell the point is that distances are from, o above.
        layout: which channels of which output hold what.
    """

    output_count = 2 * len(STRIDES[0])
    takes = (*INPUT_KINDS, "unit", "scores", "classes")
    units = ("pixels", IN_CELLS)
    usual: ClassVar[Reading] = {"unit": IN_CELLS, "scores": "chances"}
    bins: ClassVar[tuple[int, ...]] = (1,)
    joined: ClassVar[int] = 0
    boxes_first: ClassVar[bool] = True
    offset: ClassVar[float] = 0.5
    layout: DistanceLayout

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family for an input size, in words."""
        sizes = ", ".join(f"{rows}x{columns}" for rows, columns in map_sizes(height, width, STRIDES[0]))
        channels = " or ".join(str(SIDES * one) for one in cls.bins)
        return f"for each of {sizes} cells a map of {channels} channels of distances, and one of classes"

    @classmethod
    def find_layout(cls, signature: Signature) -> DistanceLayout | None:
        """Where distances and classes stand; None where the outputs are others."""
        return find_distances(signature, cls.bins, joined=cls.joined, boxes_first=cls.boxes_first)

    @classmethod
    def is_plain(cls, signature: Signature, layout: DistanceLayout) -> bool:
        """Whether outputs of these shapes can only be of this family; else it must be said."""
        return False

    @classmethod
    def count_classes(cls, signature: Signature) -> int | None:
        """The number of classes the shapes tell, or None if they are not this family's."""
        layout = cls.find_layout(signature)
        said = signature.metadata.get("detquant.family")
        if layout is None or not (said == cls.name or (said is None and cls.is_plain(signature, layout))):
            return None
        return cls.count_of(signature, layout)

    @classmethod
    def count_of(cls, signature: Signature, layout: DistanceLayout) -> int:
        """How many of the channels of classes are classes."""
        return layout.count

    def read_facts(self, signature: Signature) -> None:
        """Where distances and classes stand, and what their values show."""
        layout = self.find_layout(signature)
        assert layout is not None, "count_classes has found it"
        self.layout, self.shown = layout, self.shown_by(signature, layout)

    @classmethod
    def shown_by(cls, signature: Signature, layout: DistanceLayout) -> Reading:
        """The words that values and operators show: whether scores have been through their sigmoid."""
        values = signature.values()
        if values:
            return {"scores": scores_by_values(layout.rows(values, layout.classes))}
        behind = {signature.ends.get(part.output) for part in layout.classes}
        return {"scores": "chances"} if behind == {"Sigmoid"} else {}

    def heeds(self, kind: str, word: str) -> bool:
        """Whether a word of that kind changes anything; distributions are in cells always."""
        return super().heeds(kind, word) and (kind != "unit" or self.layout.bins == 1)

    def fits(self, outputs: Outputs) -> bool:
        """Whether the scores lie where they are said to: chances within 0 and 1, logits beyond."""
        return self.words["scores"] == scores_by_values(self.layout.rows(outputs, self.layout.classes))

    def scores(self, outputs: Outputs) -> Floats:
        """Class scores [cells, classes], 0 to 1."""
        values = self.layout.rows(outputs, self.layout.classes)[:, : self.num_classes]
        return sigmoid(values) if self.words["scores"] == "logits" else values

    def boxes(self, outputs: Outputs) -> Floats:
        """Boxes [cells, 4] as xyxy in input pixels, by the formula at the top of this file."""
        place, stride = cells(self.height, self.width, self.layout.strides)
        far, centre = self.layout.rows(outputs, self.layout.boxes), (place + np.float32(self.offset)) * stride
        if self.layout.bins > 1:
            return distance_boxes(far, centre, stride)
        if self.words["unit"] == IN_CELLS:
            far = far * stride
        return np.concatenate([centre - far[:, :2], centre + far[:, 2:]], axis=1)
