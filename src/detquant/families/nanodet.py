"""NanoDet-m and its kin: class scores and distance distributions of three strides, in maps or in one tensor.

1. As its first versions export it: per stride a map of class scores, and one of distributions.
2. As the later ones do: one tensor [1, cells, classes + 32]. YOLOX's rows are shaped alike; these are told apart by
   their values, of which here all but the last 32 are chances.

Distributions have 8 bins a side; those of EfficientNet-Lite2 and RepVGG have 11, so 44 numbers stand for 32.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from detquant.families._base import Family
from detquant.families.box_rows import rows_of_cells
from detquant.families.class_names import written_names
from detquant.families.grid import SIDES, cells, count_cells, distance_boxes, map_sizes
from detquant.families.input_form import WholeImage
from detquant.families.signature import Outputs, Shape, Signature, is_dynamic
from detquant.families.told_by_values import scores_by_values
from detquant.numerics.arrays import Floats

DISTRIBUTIONS = (SIDES * 8, SIDES * 11)
"""Numbers of a cell's distributions, the usual one first."""
MEAN_BGR = (103.53, 116.28, 123.675)
STD_BGR = (57.375, 57.12, 58.395)


class NanoDet(Family):
    """BGR normalised, stretched; per stride [1, cells, classes] after sigmoid and [1, cells, 32] logits, or all in one.

    Outputs are told apart by their shapes, so their names and order are free. Only with exactly 32 classes
    do the two of a stride look alike; then the classes are taken to come first, as in the original export.

    Attributes:
        strides: strides of the maps, fine to coarse.
    """

    name = "nanodet"
    mark = "whose last 32 values of a row are logits of distances, and all before them chances"
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
        if len(signature.outputs) == 1:
            return cls.count_joined(signature)
        pairs = _pairs(signature.outputs, map_sizes(height, width, cls.strides))
        if pairs is None:
            return None
        counts = {signature.outputs[classes][-1] for classes, _ in pairs}
        return int(counts.pop() or 0) if len(counts) == 1 else None

    @classmethod
    def count_joined(cls, signature: Signature) -> int | None:
        """The number of classes that one tensor of all tells (case 2)."""
        count = count_in_one(signature, cls.strides)
        if count is None or signature.metadata.get("detquant.family") == cls.name:
            return count
        for output in signature.values().values():
            rows = np.asarray(output)
            rows = rows.reshape(-1, rows.shape[-1])
            kinds = [scores_by_values(part) for part in (rows[:, :count], rows[:, count:])]
            return count if kinds == ["chances", "logits"] else None
        return None

    def scores(self, outputs: Outputs) -> Floats:
        """Class scores [cells, classes]; the graph has applied the sigmoid."""
        return self._stacked(outputs, which=0)

    def boxes(self, outputs: Outputs) -> Floats:
        """Boxes [cells, 4] as xyxy in input pixels, from the middle of each cell."""
        place, stride = cells(self.height, self.width, self.strides)
        return distance_boxes(self._stacked(outputs, which=1), (place + 0.5) * stride, stride)

    def _stacked(self, outputs: Outputs, which: int) -> Floats:
        """The class maps (0) or distributions (1) of all strides, [cells, channels]."""
        whole = np.asarray(next(iter(outputs.values())), np.float32)
        if len(outputs) == 1 and whole.shape[-1] - self.num_classes in DISTRIBUTIONS:
            rows = whole.reshape(-1, whole.shape[-1])
            return rows[:, self.num_classes :] if which else rows[:, : self.num_classes]
        shapes: dict[str, Shape] = {name: tuple(array.shape) for name, array in outputs.items()}
        pairs = _pairs(shapes, map_sizes(self.height, self.width, self.strides))
        if pairs is None:
            raise ValueError(f"Outputs {shapes} are not {self.expected(self.height, self.width)}.")
        maps = [np.asarray(outputs[pair[which]], np.float32) for pair in pairs]
        return np.concatenate([one.reshape(-1, one.shape[-1]) for one in maps])


def count_in_one(signature: Signature, strides: tuple[int, ...]) -> int | None:
    """The number of classes of one tensor [1, cells, classes + distributions]; None where the shape is another.

    The distributions are the usual ones, unless the metadata names as many classes as leave others.
    """
    _, height, width = signature.image_input()
    values = [values for _, values, turned in rows_of_cells(signature, (strides,)) if turned]
    if not values or not count_cells(height, width, strides):
        return None
    named = written_names(signature.metadata)
    counts = [values[0] - numbers for numbers in DISTRIBUTIONS]
    count = next((one for one in counts if named is not None and one == len(named)), counts[0])
    return count if count > 0 else None


def _pairs(shapes: Mapping[str, Shape], sizes: list[tuple[int, int]]) -> list[tuple[str, str]] | None:
    """The names of each stride's class map and distribution map, or None if the shapes are others."""
    if len(shapes) != 2 * len(sizes):
        return None
    pairs = []
    for rows, columns in sizes:
        mine = [n for n, s in shapes.items() if s in ((1, rows * columns, s[-1]), (rows * columns, s[-1]))]
        if len(mine) != 2:
            return None
        classes, distribution = sorted(mine, key=lambda name: shapes[name][-1] in DISTRIBUTIONS)
        if shapes[distribution][-1] not in DISTRIBUTIONS:
            return None
        pairs.append((classes, distribution))
    return pairs
