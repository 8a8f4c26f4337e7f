"""Ultra-Light-Fast-Generic-Face-Detector, RFB and slim: an SSD of one class with boxes of fixed sizes (Linzaer).

Two outputs over the same anchors, scores [1, anchors, 2] after the softmax, background first, and boxes
[1, anchors, 4]: corners in parts of the image, as the .onnx files of the project have them, or codes, as its files
"without_postprocessing" do. In decoded boxes the left never lies right of the right, on any picture; in codes it does.

The anchors are squares: at strides of 8, 16, 32 and 64 pixels sides of 10 16 24, 32 48, 64 96, and 128 192 256 (vision/
ssd/config/fd_config.py); codes are an SSD's, with variances of 0.1 and 0.2.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import ClassVar

import numpy as np

from detquant.families._base import Family
from detquant.families.grid import map_sizes
from detquant.families.input_form import WholeImage
from detquant.families.reading import INPUT_KINDS
from detquant.families.signature import Outputs, Signature
from detquant.families.ssd_heads import centre_size_boxes, head_names, head_rows
from detquant.numerics.arrays import Floats

KEY = "detquant.ultraface"
"""Entry of the metadata that says, as JSON, whether boxes are decoded: true or false."""
SIDES = {8: (10, 16, 24), 16: (32, 48), 32: (64, 96), 64: (128, 192, 256)}
"""Sides of the anchors in pixels, by stride."""
VARIANCES = (0.1, 0.2)
BACKGROUND_AND_FACE = 2


class UltraFace(Family):
    """RGB, (x - 127) / 128, stretched; [1, anchors, 2]: background and face; [1, anchors, 4]: corners or codes.

    Attributes:
        decoded: whether boxes are corners already.
    """

    name = "ultraface"
    mark = "whose rows are as many as its anchors"
    output_count = 2
    nms_iou = 0.3
    max_detections = 200
    form = WholeImage(rgb=True, mean=(127.0,) * 3, std=(128.0,) * 3)
    takes: ClassVar[tuple[str, ...]] = (*INPUT_KINDS, "classes")
    decoded: bool

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family for an input size, in words."""
        return f"two outputs [1, {len(anchors(height, width))}, 2] and [1, {len(anchors(height, width))}, 4]"

    @classmethod
    def count_classes(cls, signature: Signature) -> int | None:
        """One class, a face; None if the shapes are not this family's."""
        _, height, width = signature.image_input()
        names = head_names(signature.outputs, len(anchors(height, width)))
        fits = names is not None and signature.outputs[names[1]][-1] == BACKGROUND_AND_FACE
        return 1 if fits else None

    def read_facts(self, signature: Signature) -> None:
        """Whether boxes are decoded, as the file says, else as their values show; they are where nothing tells."""
        if self.classes == ("class 0",):
            self.classes = ("face",)
        said = signature.metadata.get(KEY, "")
        self.decoded = said != "false"
        if said not in ("true", "false") and (values := signature.values()):
            boxes, _ = head_rows(values, len(anchors(self.height, self.width)))
            self.decoded = bool((boxes[:, :2] <= boxes[:, 2:]).all())

    def facts(self) -> dict[str, str]:
        """Whether boxes are decoded, for files that are made from this one."""
        return {KEY: json.dumps(self.decoded)}

    def scores(self, outputs: Outputs) -> Floats:
        """Scores [anchors, 1], without the background."""
        _, classes = head_rows(outputs, len(anchors(self.height, self.width)))
        return classes[:, 1:]

    def boxes(self, outputs: Outputs) -> Floats:
        """Boxes [anchors, 4] as xyxy in input pixels."""
        places = anchors(self.height, self.width)
        found, _ = head_rows(outputs, len(places))
        parts = found if self.decoded else centre_size_boxes(found, places, VARIANCES)
        return np.asarray(parts * np.array([self.width, self.height] * 2, np.float32), np.float32)


@lru_cache(maxsize=8)
def anchors(height: int, width: int) -> Floats:
    """Centre x, centre y, width, height [anchors, 4] in parts of the input, at most 1; read-only.

    Args:
        height: height of the input, pixels.
        width: width of the input, pixels.
    """
    found = []
    for (rows, columns), sides in zip(map_sizes(height, width, tuple(SIDES)), SIDES.values(), strict=True):
        y, x = np.mgrid[:rows, :columns] + 0.5
        centres = np.stack([x / columns, y / rows], axis=-1)[:, :, None]
        sizes = np.array([(side / width, side / height) for side in sides])
        each = np.broadcast_arrays(centres, sizes)
        found.append(np.concatenate(each, axis=-1).reshape(-1, 4))
    made: Floats = np.clip(np.concatenate(found), 0, 1).astype(np.float32)
    made.flags.writeable = False
    return made
