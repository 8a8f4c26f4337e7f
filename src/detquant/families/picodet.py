"""PicoDet of PaddleDetection, without the suppression in its graph (Yu et al., PP-PicoDet, 2021).

Its exporter has two such forms, over the cells of strides 8, 16, 32 and 64:

1. `export.post_process=False`: for each stride class scores [1, cells, classes] after the sigmoid, and logits of the
   distributions of the four distances [1, cells, 32], as NanoDet has them;
2. `export.nms=False`: boxes [1, cells, 4] as corners in pixels, and class scores [1, classes, cells].

With the suppression in the graph it is of the family `paddle`.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from detquant.families.grid import count_cells
from detquant.families.input_form import WholeImage
from detquant.families.nanodet import NanoDet
from detquant.families.paddle_input import IMAGENET, KEY, paddle_entry, told_form
from detquant.families.signature import Outputs, Signature
from detquant.numerics.arrays import Floats

BOX = 4


class PicoDet(NanoDet):
    """RGB normalised, stretched; per stride class scores and [1, cells, 32] logits, or all boxes and all scores."""

    name = "picodet"
    mark = "whose cells are those of strides 8 to 64"
    strides: ClassVar[tuple[int, ...]] = (8, 16, 32, 64)
    output_count = 2 * len(strides)
    nms_iou = 0.6
    max_detections = 100
    input_key = KEY
    form: WholeImage = IMAGENET

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family for an input size, in words."""
        cells = count_cells(height, width, cls.strides)
        return f"{super().expected(height, width)}; or [1, {cells}, 4] and [1, classes, {cells}]"

    @classmethod
    def count_classes(cls, signature: Signature) -> int | None:
        """The number of classes the shapes tell, or None if they are not this family's."""
        _, height, width = signature.image_input()
        cells = count_cells(height, width, cls.strides)
        names = decoded_names({name: tuple(shape) for name, shape in signature.outputs.items()}, cells)
        if names is None:
            return super().count_classes(signature)
        return int(signature.outputs[names[1]][1] or 0)

    @classmethod
    def count_joined(cls, signature: Signature) -> int | None:
        """No export of it has all in one tensor."""
        return None

    def read_facts(self, signature: Signature) -> None:
        """How its reader prepares images, where the file tells."""
        self.form = told_form(signature.metadata) or IMAGENET

    def facts(self) -> dict[str, str]:
        """How images are prepared, for files that are made from this one."""
        return paddle_entry(self.form)

    def scores(self, outputs: Outputs) -> Floats:
        """Class scores [cells, classes]; the graph has applied the sigmoid."""
        names = self._decoded(outputs)
        return super().scores(outputs) if names is None else _rows(outputs, names[1]).T

    def boxes(self, outputs: Outputs) -> Floats:
        """Boxes [cells, 4] as xyxy in input pixels."""
        names = self._decoded(outputs)
        return super().boxes(outputs) if names is None else _rows(outputs, names[0])

    def _decoded(self, outputs: Outputs) -> tuple[str, str] | None:
        shapes = {name: tuple(array.shape) for name, array in outputs.items()}
        return decoded_names(shapes, count_cells(self.height, self.width, self.strides))


def decoded_names(shapes: dict[str, tuple[int | str | None, ...]], cells: int) -> tuple[str, str] | None:
    """The names of decoded boxes and of scores over so many cells; None where the shapes are others."""
    boxes = [name for name, shape in shapes.items() if shape == (1, cells, BOX)]
    scores = [name for name, shape in shapes.items() if len(shape) == 3 and shape[::2] == (1, cells)]
    return (boxes[0], scores[0]) if len(shapes) == 2 and len(boxes) == len(scores) == 1 else None


def _rows(outputs: Outputs, name: str) -> Floats:
    array = np.asarray(outputs[name], np.float32)
    return array.reshape(array.shape[-2:])
