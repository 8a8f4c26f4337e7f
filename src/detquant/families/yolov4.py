"""YOLOv4, its tiny form, YOLOv3 and YOLO-Fastest: raw maps of anchors, decoded here.

For an anchor of p_w x p_h pixels at column c_x and row c_y of a map with a stride of s pixels,

    x = s (a sigmoid(t_x) - (a - 1) / 2 + c_x)      w = p_w exp(t_w)
    y = s (a sigmoid(t_y) - (a - 1) / 2 + c_y)      h = p_h exp(t_h)
    score[k] = sigmoid(t_object) sigmoid(t_k)

with a = scale_x_y (Redmon & Farhadi, YOLOv3, 2018, section 2.1; Bochkovskiy et al., YOLOv4, 2020, section 3.4,
"eliminate grid sensitivity"; Darknet's `forward_yolo_layer` and `get_yolo_box`). Where a head's sizes are "squared", as
with Darknet's new_coords and in YOLOv5, w = p_w (2 sigmoid(t_w))^2, and h alike; where its numbers are chances, the
sigmoids are in the graph already. Anchors, strides and a stand in the file's metadata, see `yolo_heads`. Without such
an entry, three maps with the channels last are read as Keras' are, see `yolov4_keras`, and others where the family is
said and the anchors are told, see `anchors`.

Validation follows Darknet's `validate_detector`: scores above 0.001, NMS by an IoU of 0.6, the image stretched to
the input unless the cfg says letter_box=1.
"""

from __future__ import annotations

import numpy as np

from detquant.families._base import Family
from detquant.families.anchor_maps import count_classes, find_anchor_maps, heads_of
from detquant.families.anchors import told_anchors
from detquant.families.input_form import WholeImage
from detquant.families.logits import sigmoid
from detquant.families.reading import INPUT_KINDS, Reading
from detquant.families.signature import Outputs, Shape, Signature, is_dynamic
from detquant.families.yolo_heads import BOX_AND_OBJECT, KEY, YoloHead, YoloHeads, read_heads
from detquant.families.yolov4_keras import keras_expected, keras_heads
from detquant.numerics.arrays import Floats

RESIZES = {"letterbox": "letterbox-128"}  # Darknet fills with 0.5
ANCHORS_APART = 5
"""Axes of a map [1, anchors, rows, columns, values]."""
LARGEST_LOG_SIZE = 12.0  # exp(12) anchors is wider than any image; float32 overflows at exp(89)


class YOLOv4(Family):
    """RGB 0-1, stretched; per head [1, anchors * (5 + classes), rows, columns]: x y w h, object, classes.

    As Keras has it: letterboxed; per head [1, rows, columns, anchors * (5 + classes)], or the last two apart.
    """

    name = "yolov4"
    output_count = 3
    has_anchors = True
    takes = (*INPUT_KINDS, "scores", "classes")
    nms_iou = 0.6
    max_detections = 300
    layout: YoloHeads

    def read_facts(self, signature: Signature) -> None:
        """The heads that the metadata tells, else Keras'."""
        layout = self.find_layout(signature)
        assert layout is not None, "count_classes has read it"
        self.layout = layout
        resize = RESIZES.get(layout.resize, layout.resize)
        self.form = WholeImage(rgb=True, resize=resize, std=(255.0,) * 3)

    def facts(self) -> dict[str, str]:
        """How the maps are decoded, for files that are made from this one."""
        return {KEY: self.layout.to_json()}

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family for an input size, in words."""
        darknet = f"one output [1, anchors * (5 + classes), rows, columns] a head, as the metadata '{KEY}' tells"
        return f"{darknet}, or {keras_expected(height, width)}"

    @classmethod
    def count_classes(cls, signature: Signature) -> int | None:
        """The number of classes that the metadata or Keras' shapes tell, or None if the shapes are others."""
        layout = cls.find_layout(signature)
        if layout is None or {head.output for head in layout.heads} != set(signature.outputs):
            return None
        _, height, width = signature.image_input()
        fit = all(_fits(head, signature.outputs[head.output], layout, height, width) for head in layout.heads)
        return layout.classes if fit else None

    @classmethod
    def find_layout(cls, signature: Signature) -> YoloHeads | None:
        """How the maps are decoded; None where nothing tells, or the outputs are others."""
        said = signature.metadata.get("detquant.family") == cls.name
        if said and told_anchors(signature) and not read_heads(signature.metadata):
            return layout_of_maps(signature, squared=False, resize="letterbox")
        return read_heads(signature.metadata) or keras_heads(signature)

    @property
    def reading(self) -> Reading:
        """How images go in and outputs are read, in words."""
        return {**super().reading, "scores": "chances" if self.layout.heads[0].chances else "logits", **self.told}

    def scores(self, outputs: Outputs) -> Floats:
        """Scores [cells, classes], objectness times class; cells by head, anchor, row and column."""
        maps = [self._chances(self._by_anchor(outputs, head)[:, 4:], head) for head in self.layout.heads]
        chance = np.concatenate([_cells(one) for one in maps])
        return np.asarray(chance[:, :1] * chance[:, 1:])

    def boxes(self, outputs: Outputs) -> Floats:
        """Boxes [cells, 4] as xyxy in pixels of the network input, cells as in `scores`."""
        return np.concatenate([self._head_boxes(outputs, head) for head in self.layout.heads])

    def _head_boxes(self, outputs: Outputs, head: YoloHead) -> Floats:
        """Boxes of one map, [anchors * rows * columns, 4], by the formula at the top of this file."""
        box = self._by_anchor(outputs, head)[:, :4]
        rows, columns = box.shape[2:]
        place = np.stack(np.meshgrid(np.arange(columns), np.arange(rows))).astype(np.float32)  # [2, rows, columns]
        step = np.array(head.stride, np.float32).reshape(1, 2, 1, 1)
        anchor = np.array(head.anchors, np.float32).reshape(-1, 2, 1, 1)
        scale = head.scale_x_y
        centre = (self._chances(box[:, :2], head) * scale - (scale - 1) / 2 + place) * step
        if head.sizes == "squared":
            times = np.square(2 * self._chances(box[:, 2:], head))
        else:
            times = np.exp(np.minimum(box[:, 2:], LARGEST_LOG_SIZE))
        half = times * anchor / 2
        return _cells(np.concatenate([centre - half, centre + half], axis=1))

    def _chances(self, values: Floats, head: YoloHead) -> Floats:
        """Values 0 to 1, as the words say, else as the head does."""
        done = self.told["scores"] == "chances" if "scores" in self.told else head.chances
        return np.asarray(values if done else sigmoid(values))

    def _by_anchor(self, outputs: Outputs, head: YoloHead) -> Floats:
        """One map as an array [anchors, 5 + classes, rows, columns]."""
        array = np.asarray(outputs[head.output], np.float32)
        anchors, values = len(head.anchors), BOX_AND_OBJECT + self.num_classes
        rows, columns = round(self.height / head.stride[1]), round(self.width / head.stride[0])
        if head.channels_last:
            return array.reshape(rows, columns, anchors, values).transpose(2, 3, 0, 1)
        if array.ndim == ANCHORS_APART:
            return array.reshape(anchors, rows, columns, values).transpose(0, 3, 1, 2)
        return array.reshape(anchors, values, *array.shape[-2:])


def layout_of_maps(signature: Signature, *, squared: bool, resize: str) -> YoloHeads | None:
    """How raw maps are decoded whose anchors are told apart from them; None where the outputs are no such maps.

    Args:
        signature: signature of the model.
        squared: whether sizes are (2 sigmoid)^2 anchors, and not exp anchors.
        resize: how images are brought to the input's size.

    Raises:
        ModelError: the anchors are not told, or are not as many as the maps have.
    """
    maps = find_anchor_maps(signature)
    classes = count_classes(signature, maps) if maps else None
    if not classes:
        return None
    return YoloHeads(heads=heads_of(signature, maps, classes, squared=squared), classes=classes, resize=resize)


def _fits(head: YoloHead, shape: Shape, layout: YoloHeads, height: int, width: int) -> bool:
    anchors, values = len(head.anchors), BOX_AND_OBJECT + layout.classes
    if is_dynamic(shape):
        return False
    if head.channels_last:
        rows, columns = round(height / head.stride[1]), round(width / head.stride[0])
        return shape in ((1, rows, columns, anchors * values), (1, rows, columns, anchors, values))
    if len(shape) == ANCHORS_APART:
        return bool(
            (*shape[:2], shape[4]) == (1, anchors, values)
            and np.allclose(np.array(shape[2:4]) * head.stride[::-1], (height, width))
        )
    if len(shape) != 4 or shape[:2] != (1, anchors * values):
        return False
    rows, columns = int(shape[2] or 0), int(shape[3] or 0)
    return bool(np.allclose((columns * head.stride[0], rows * head.stride[1]), (width, height)))


def _cells(maps: Floats) -> Floats:
    """Values [anchors, values, rows, columns] as one row a cell, [anchors * rows * columns, values]."""
    return maps.transpose(0, 2, 3, 1).reshape(-1, maps.shape[1])
