"""YOLO-FastestV2: for each of two strides a map of boxes, one of objectness and one of classes (dog-qiuqiu).

The classes of a cell are those of all of its anchors. For an anchor of p_w x p_h pixels at column c_x and row c_y,

    x = s (2 sigmoid(t_x) - 1/2 + c_x)      w = p_w (2 sigmoid(t_w))^2      score[k] = sigmoid(t_object) softmax(t)[k]

and y and h alike. Exports are of two kinds:

1. as the network is trained: six maps, channels first, before sigmoid and softmax;
2. `export_onnx`: two maps [1, rows, columns, anchors * 5 + classes], all of it behind sigmoid and softmax.

Anchors are those of the network for COCO at 352 x 352, in proportion to the input, unless `detquant.anchors` in the
metadata tells others: width and height of each in turn, finest map first, as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

from detquant.errors import ModelError
from detquant.families._base import Family
from detquant.families.input_form import WholeImage
from detquant.families.logits import sigmoid, softmax
from detquant.families.signature import Outputs, Shape, Signature, is_dynamic
from detquant.numerics.arrays import Floats

KEY = "detquant.anchors"
STRIDES = (16, 32)
PER_CELL = 3
BOX, BOX_AND_OBJECT = 4, 5
SIDE = 352
ANCHORS = (((12.64, 19.39), (37.88, 51.48), (55.71, 138.31)), ((126.91, 78.23), (131.57, 214.55), (279.92, 258.87)))
"""Width and height in pixels of an input of `SIDE`, finest map first: data/coco.data of dog-qiuqiu/Yolo-FastestV2."""


class YOLOFastestV2(Family):
    """BGR 0-1, stretched; per stride maps of 12 box codes, 3 objectness and the classes, or all three in one.

    Attributes:
        anchors: [maps, anchors of a cell, 2] in pixels of the input.
        told_anchors: whether the file tells them.
    """

    name = "yolo-fastestv2"
    has_anchors = True
    mark = "whose maps of boxes, objectness and classes are apart"
    output_count = 6
    nms_iou = 0.45
    max_detections = 300
    form = WholeImage(rgb=False, std=(255.0,) * 3)
    anchors: Floats
    told_anchors: bool

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family for an input size, in words."""
        sizes = " and ".join(f"{height // stride}x{width // stride}" for stride in STRIDES)
        return f"for each of {sizes} cells maps of 12, 3 and as many channels as classes, or one of them all"

    @classmethod
    def matches(cls, signature: Signature) -> str | None:
        """A sentence saying why the model is of this family and where its anchors are from, or None if it is not."""
        reason = super().matches(signature)
        if reason is None or KEY in signature.metadata:
            return reason
        return f"{reason} The file does not tell its anchors: those of the published model for COCO are assumed."

    @classmethod
    def count_classes(cls, signature: Signature) -> int | None:
        """The number of classes the shapes tell, or None if they are not this family's."""
        _, height, width = signature.image_input()
        counts = {_count(signature.outputs, (height // one, width // one)) for one in STRIDES}
        fits = len(counts) == 1 and len(signature.outputs) in (2, 6)
        return counts.pop() if fits else None

    def read_facts(self, signature: Signature) -> None:
        """The anchors that the metadata tells, else the published ones in proportion to the input.

        Raises:
            ModelError: those of the metadata are no six pairs of numbers.
        """
        self.told_anchors = KEY in signature.metadata
        if self.told_anchors:
            self.anchors = _told(signature.metadata[KEY])
        else:
            part = np.array([self.width, self.height], np.float32) / SIDE
            self.anchors = np.asarray(np.array(ANCHORS, np.float32) * part)

    def facts(self) -> dict[str, str]:
        """The anchors, so that a file made from this model needs no assumption."""
        return {KEY: json.dumps([round(float(one), 2) for one in self.anchors.ravel()])}

    def scores(self, outputs: Outputs) -> Floats:
        """Scores [cells * anchors, classes], objectness times class; by map, row, column and anchor."""
        return np.concatenate([self._scores(*maps) for maps in self._maps(outputs)])

    def boxes(self, outputs: Outputs) -> Floats:
        """Boxes [cells * anchors, 4] as xyxy in input pixels, cells as in `scores`."""
        maps = self._maps(outputs)
        return np.concatenate([self._boxes(box, place) for place, (box, _, _) in enumerate(maps)])

    def _scores(self, box: Floats, chance: Floats, classes: Floats) -> Floats:
        """[rows * columns * anchors, classes] of one map."""
        each = chance[..., None] * classes[:, :, None, :]
        return np.asarray(each.reshape(-1, classes.shape[-1]), np.float32)

    def _boxes(self, part: Floats, place: int) -> Floats:
        """Boxes of one map by the formula at the top of this file; ``part`` is behind the sigmoid."""
        rows, columns = part.shape[:2]
        code = part.reshape(rows, columns, PER_CELL, BOX)
        cell = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1)[:, :, None]
        step = np.array([self.width / columns, self.height / rows], np.float32)
        centre = (2 * code[..., :2] - 0.5 + cell) * step
        half = (2 * code[..., 2:]) ** 2 * self.anchors[place] / 2
        return np.concatenate([centre - half, centre + half], axis=-1).reshape(-1, BOX).astype(np.float32)

    def _maps(self, outputs: Outputs) -> list[tuple[Floats, Floats, Floats]]:
        """Of each stride boxes, objectness and classes, [rows, columns, values] behind sigmoid and softmax."""
        sizes = [(self.height // stride, self.width // stride) for stride in STRIDES]
        return [self._raw(outputs, size) if len(outputs) > len(STRIDES) else _whole(outputs, size) for size in sizes]

    def _raw(self, outputs: Outputs, size: tuple[int, int]) -> tuple[Floats, Floats, Floats]:
        """The three maps of a stride (case 1)."""
        names = _names({name: tuple(array.shape) for name, array in outputs.items()}, size)
        assert names is not None, "count_classes has found them"
        box, chance, classes = (np.asarray(outputs[name], np.float32)[0].transpose(1, 2, 0) for name in names)
        flat = softmax(classes.reshape(-1, classes.shape[-1])).reshape(classes.shape)
        return sigmoid(box), sigmoid(chance), flat


def _whole(outputs: Outputs, size: tuple[int, int]) -> tuple[Floats, Floats, Floats]:
    """The one map of a stride (case 2)."""
    [found] = [np.asarray(one, np.float32)[0] for one in outputs.values() if one.shape[1:3] == size]
    ends = PER_CELL * BOX, PER_CELL * BOX_AND_OBJECT
    return found[..., : ends[0]], found[..., ends[0] : ends[1]], found[..., ends[1] :]


def _count(shapes: Mapping[str, Shape], size: tuple[int, int]) -> int | None:
    """The number of classes that the maps of a stride tell; None where they are others."""
    if any(is_dynamic(shape) or len(shape) != 4 or shape[0] != 1 for shape in shapes.values()):
        return None
    names = _names(shapes, size)
    if names is not None:
        return int(shapes[names[2]][1] or 0)
    last = [int(shape[3] or 0) - PER_CELL * BOX_AND_OBJECT for shape in shapes.values() if shape[1:3] == size]
    return last[0] if len(last) == 1 and last[0] > 0 and len(shapes) == len(STRIDES) else None


def _names(shapes: Mapping[str, Shape], size: tuple[int, int]) -> tuple[str, str, str] | None:
    """Names of the maps of boxes, objectness and classes of a stride; in the graph's order where sizes do not tell."""
    mine = [name for name, shape in shapes.items() if tuple(shape[2:]) == size]
    if len(mine) != 3:
        return None
    box, chance, classes = mine
    sizes = [shapes[name][1] for name in mine]
    if sizes[:2] != [PER_CELL * BOX, PER_CELL]:
        by_size = {shapes[name][1]: name for name in mine}
        rest = [name for name in mine if shapes[name][1] not in (PER_CELL * BOX, PER_CELL)]
        if len(rest) != 1 or not {PER_CELL * BOX, PER_CELL} <= by_size.keys():
            return None
        box, chance, classes = by_size[PER_CELL * BOX], by_size[PER_CELL], rest[0]
    return box, chance, classes


def _told(text: str) -> Floats:
    anchors: Floats
    try:
        anchors = np.array(json.loads(text), np.float32).reshape(len(STRIDES), PER_CELL, 2)
    except (ValueError, TypeError, RecursionError):
        anchors = np.zeros((0, PER_CELL, 2), np.float32)
    if not anchors.size or not (np.isfinite(anchors) & (anchors > 0)).all():
        raise ModelError(
            f"The metadata '{KEY}' of the model is '{text[:40]}', and width and height of {len(STRIDES) * PER_CELL} "
            f"anchors were expected, finest map first, as JSON."
        )
    return anchors
