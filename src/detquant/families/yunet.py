"""YuNet, the face detector of OpenCV, whose boxes come with five key points (Wu et al., YuNet, 2023).

Four outputs for each of the strides 8, 16 and 32: class and objectness [1, cells, 1] after the sigmoid, box codes
[1, cells, 4] and points [1, cells, 10]. At column c_x and row c_y of a map with a stride of s pixels,

    x = s (c_x + t_x)      w = s exp(t_w)      score = sqrt(class objectness)

and y and h alike; a point is at s (c_x + t). Outputs are told apart by their shapes, class and objectness by their
names, else by their order; of these two only the product counts. Points pass through: they are not scored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from detquant.families._base import Family
from detquant.families.besides import points_beside
from detquant.families.box_coding import from_grid
from detquant.families.grid import cells, map_sizes
from detquant.families.input_form import WholeImage
from detquant.families.signature import Outputs, Shape, Signature, is_dynamic
from detquant.numerics.arrays import Floats

BOX, POINTS = 4, 10
OF_STRIDE = 4


class YuNet(Family):
    """BGR 0-255, top-left letterbox; per stride class and objectness [1, cells, 1], box [1, cells, 4], ten points."""

    name = "yunet"
    mark = "whose strides have four outputs each"
    strides: ClassVar[tuple[int, ...]] = (8, 16, 32)
    output_count = OF_STRIDE * len(strides)
    nms_iou = 0.45
    max_detections = 300
    form = WholeImage(rgb=False, resize="letterbox-top-left")

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family for an input size, in words."""
        counts = [rows * columns for rows, columns in map_sizes(height, width, cls.strides)]
        return f"four outputs for each of {counts} cells: [1, cells, 1] twice, [1, cells, 4] and [1, cells, 10]"

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
        self.besides = points_beside([names[2] for names in found], [names[3] for names in found])

    def scores(self, outputs: Outputs) -> Floats:
        """Scores [cells, 1]."""
        pairs = [np.concatenate([self._rows(outputs, one) for one in names[:2]], axis=1) for names in self._of(outputs)]
        return np.asarray(np.sqrt(np.clip(np.concatenate(pairs), 0, 1).prod(axis=1, keepdims=True)))

    def boxes(self, outputs: Outputs) -> Floats:
        """Boxes [cells, 4] as xyxy in input pixels."""
        place, stride = cells(self.height, self.width, self.strides)
        codes = np.concatenate([self._rows(outputs, names[2]) for names in self._of(outputs)])
        return from_grid(codes, place, stride)

    def _of(self, outputs: Outputs) -> list[list[str]]:
        shapes: dict[str, Shape] = {name: tuple(array.shape) for name, array in outputs.items()}
        found = _find(shapes, map_sizes(self.height, self.width, self.strides))
        if found is None:
            raise ValueError(f"Outputs {shapes} are not {self.expected(self.height, self.width)}.")
        return found

    def _rows(self, outputs: Outputs, name: str) -> Floats:
        array = np.asarray(outputs[name], np.float32)
        return array.reshape(-1, array.shape[-1])


def _find(shapes: Mapping[str, Shape], sizes: list[tuple[int, int]]) -> list[list[str]] | None:
    """Names of class, objectness, box and points of each stride; None where the outputs are others."""
    if len(shapes) != OF_STRIDE * len(sizes) or any(is_dynamic(shape) for shape in shapes.values()):
        return None
    found = []
    for rows, columns in sizes:
        mine = [name for name, shape in shapes.items() if len(shape) == 3 and shape[:2] == (1, rows * columns)]
        mine.sort(key=lambda name: int(shapes[name][2] or 0))
        if [shapes[name][2] for name in mine] != [1, 1, BOX, POINTS]:
            return None
        found.append(mine)
    return found
