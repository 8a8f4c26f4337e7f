"""NanoDet-m: per stride a map of class scores and a map of distance distributions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from detquant.families._base import Family
from detquant.families.grid import BINS, SIDES, cells, distance_boxes, map_sizes
from detquant.families.input_form import WholeImage
from detquant.families.signature import Outputs, Shape, Signature, is_dynamic
from detquant.numerics.arrays import Floats

DISTRIBUTION = SIDES * BINS
MEAN_BGR = (103.53, 116.28, 123.675)
STD_BGR = (57.375, 57.12, 58.395)


class NanoDet(Family):
    """BGR normalised, stretched; per stride [1, cells, classes] after sigmoid and [1, cells, 32] logits.

    Outputs are told apart by their shapes, so their names and order are free. Only with exactly 32 classes
    do the two of a stride look alike; then the classes are taken to come first, as in the original export.

    Attributes:
        strides: strides of the maps, fine to coarse.
    """

    name = "nanodet"
    strides: ClassVar[tuple[int, ...]] = (8, 16, 32)
    output_count = 2 * len(strides)
    nms_iou = 0.6
    max_detections = 100
    form = WholeImage(rgb=False, mean=MEAN_BGR, std=STD_BGR)

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family for an input size, in words."""
        counts = [rows * columns for rows, columns in map_sizes(height, width, cls.strides)]
        return f"two outputs for each of {counts} cells: [1, cells, classes] and [1, cells, 32]"

    @classmethod
    def count_classes(cls, signature: Signature) -> int | None:
        """The number of classes the shapes tell, or None if they are not this family's."""
        _, height, width = signature.image_input()
        if any(is_dynamic(shape) for shape in signature.outputs.values()):
            return None
        pairs = _pairs(signature.outputs, map_sizes(height, width, cls.strides))
        if pairs is None:
            return None
        counts = {signature.outputs[classes][-1] for classes, _ in pairs}
        return int(counts.pop() or 0) if len(counts) == 1 else None

    def scores(self, outputs: Outputs) -> Floats:
        """Class scores [cells, classes]; the graph has applied the sigmoid."""
        return self._stacked(outputs, which=0)

    def boxes(self, outputs: Outputs) -> Floats:
        """Boxes [cells, 4] as xyxy in input pixels, from the middle of each cell."""
        place, stride = cells(self.height, self.width, self.strides)
        return distance_boxes(self._stacked(outputs, which=1), (place + 0.5) * stride, stride)

    def _stacked(self, outputs: Outputs, which: int) -> Floats:
        """The class maps (0) or distributions (1) of all strides, [cells, channels]."""
        shapes: dict[str, Shape] = {name: tuple(array.shape) for name, array in outputs.items()}
        pairs = _pairs(shapes, map_sizes(self.height, self.width, self.strides))
        if pairs is None:
            raise ValueError(f"Outputs {shapes} are not {self.expected(self.height, self.width)}.")
        maps = [np.asarray(outputs[pair[which]], np.float32) for pair in pairs]
        return np.concatenate([one.reshape(-1, one.shape[-1]) for one in maps])


def _pairs(shapes: Mapping[str, Shape], sizes: list[tuple[int, int]]) -> list[tuple[str, str]] | None:
    """The names of each stride's class map and distribution map, or None if the shapes are others."""
    if len(shapes) != 2 * len(sizes):
        return None
    pairs = []
    for rows, columns in sizes:
        mine = [n for n, s in shapes.items() if s in ((1, rows * columns, s[-1]), (rows * columns, s[-1]))]
        if len(mine) != 2:
            return None
        classes, distribution = sorted(mine, key=lambda name: shapes[name][-1] == DISTRIBUTION)
        if shapes[distribution][-1] != DISTRIBUTION:
            return None
        pairs.append((classes, distribution))
    return pairs
