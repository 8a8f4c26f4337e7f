"""SCRFD, as InsightFace exports it: faces as distances from the cells of three strides, perhaps with key points.

For each of the strides 8, 16 and 32, and for each of the two anchors of a cell, a score after the sigmoid, and the
distances of left, top, right and bottom from the cell's corner in cells, perhaps ten numbers of key points (Guo et al.,
SCRFD, 2021). Outputs are [1, rows, values] or [rows, values]; they are told apart by their shapes. Points pass through:
they are not scored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from detquant.families._base import Family
from detquant.families.besides import points_beside
from detquant.families.grid import cells, map_sizes
from detquant.families.input_form import WholeImage
from detquant.families.signature import Outputs, Shape, Signature, is_dynamic
from detquant.numerics.arrays import Floats

BOX, POINTS = 4, 10
PER_CELL = 2


class SCRFD(Family):
    """RGB, (x - 127.5) / 128, top-left letterbox; per stride [rows, 1] scores, [rows, 4] distances, ten of points."""

    name = "scrfd"
    mark = "whose cells have two rows each"
    strides: ClassVar[tuple[int, ...]] = (8, 16, 32)
    output_count = 3 * len(strides)
    nms_iou = 0.4
    max_detections = 300
    form = WholeImage(rgb=True, resize="letterbox-top-left", mean=(127.5,) * 3, std=(128.0,) * 3)

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family for an input size, in words."""
        counts = [PER_CELL * rows * columns for rows, columns in map_sizes(height, width, cls.strides)]
        return f"for each of {counts} rows outputs [rows, 1], [rows, 4] and perhaps [rows, 10]"

    @classmethod
    def count_classes(cls, signature: Signature) -> int | None:
        """One class, a face; None if the shapes are not this family's."""
        _, height, width = signature.image_input()
        return 1 if _find(signature.outputs, map_sizes(height, width, cls.strides)) is not None else None

    def read_facts(self, signature: Signature) -> None:
        """The one class is a face, where the file does not name it; points are beside boxes and scores."""
        if self.classes == ("class 0",):
            self.classes = ("face",)
        found = _find(signature.outputs, map_sizes(self.height, self.width, self.strides))
        assert found is not None, "count_classes has found them"
        points = [name for names in found for name in names[2:]]
        self.besides = points_beside([names[1] for names in found], points) if points else None

    def scores(self, outputs: Outputs) -> Floats:
        """Scores [rows, 1]; the graph has applied the sigmoid."""
        return self._stacked(outputs, which=0)

    def boxes(self, outputs: Outputs) -> Floats:
        """Boxes [rows, 4] as xyxy in input pixels."""
        place, stride = (np.repeat(one, PER_CELL, axis=0) for one in cells(self.height, self.width, self.strides))
        distance = self._stacked(outputs, which=1)
        return np.asarray(np.concatenate([place - distance[:, :2], place + distance[:, 2:]], axis=1) * stride)

    def _stacked(self, outputs: Outputs, which: int) -> Floats:
        shapes: dict[str, Shape] = {name: tuple(array.shape) for name, array in outputs.items()}
        found = _find(shapes, map_sizes(self.height, self.width, self.strides))
        if found is None:
            raise ValueError(f"Outputs {shapes} are not {self.expected(self.height, self.width)}.")
        arrays = [np.asarray(outputs[names[which]], np.float32) for names in found]
        return np.concatenate([array.reshape(-1, array.shape[-1]) for array in arrays])


def _find(shapes: Mapping[str, Shape], sizes: list[tuple[int, int]]) -> list[list[str]] | None:
    """Names of scores and distances, and perhaps of points, of each stride; None where the outputs are others."""
    if len(shapes) not in (2 * len(sizes), 3 * len(sizes)) or any(is_dynamic(shape) for shape in shapes.values()):
        return None
    expected, found = [1, BOX, POINTS][: len(shapes) // len(sizes)], []
    for rows, columns in sizes:
        count = PER_CELL * rows * columns
        mine = [name for name, shape in shapes.items() if shape in ((1, count, shape[-1]), (count, shape[-1]))]
        mine.sort(key=lambda name: int(shapes[name][-1] or 0))
        if [shapes[name][-1] for name in mine] != expected:
            return None
        found.append(mine)
    return found
