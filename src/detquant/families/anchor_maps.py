"""Raw maps of anchors, as YOLOs from the third on give them where they leave decoding to others.

A map of a stride has A anchors a cell and 5 + classes numbers for each, and lies as

1. [1, A, rows, columns, 5 + classes], as PyTorch's YOLOv5 and YOLOv7 turn it;
2. [1, A * (5 + classes), rows, columns], as its convolution gives it;
3. [1, rows, columns, A * (5 + classes)], as TensorFlow has it, which is only taken where the anchors are told.

The strides follow from the sizes. How many anchors a cell has is told in case 1, else by the anchors, else by the class
names, else it is three, as nearly always.
"""

from __future__ import annotations

from dataclasses import dataclass

from detquant.errors import ModelError
from detquant.families.anchors import known_for, told_anchors
from detquant.families.class_names import COCO_NAMES, written_names
from detquant.families.signature import Anchors, Shape, Signature, is_dynamic
from detquant.families.yolo_heads import BOX_AND_OBJECT, YoloHead

USUAL = 3
FEWEST, MOST = 2, 5
"""Maps that a network has."""
_LARGEST_STRIDE = 128
DISTANCES = 64
OF_YOLOV8 = (
    f" But {DISTANCES} channels and one for each class are rather what a YOLOv8 tells its distances in, which has no "
    "anchors: export that with its boxes decoded."
)


@dataclass(frozen=True, slots=True)
class AnchorMap:
    """One raw map.

    Attributes:
        output: its name.
        rows: of cells.
        columns: of cells.
        channels: numbers of a cell.
        per_cell: anchors of a cell, as far as the shape tells; 0 where it does not.
        channels_last: whether it is [1, rows, columns, channels].
    """

    output: str
    rows: int
    columns: int
    channels: int
    per_cell: int = 0
    channels_last: bool = False


def find_anchor_maps(signature: Signature) -> list[AnchorMap]:
    """The outputs as maps, finest first; none where one of them is something else, or their sizes do not fit."""
    _, height, width = signature.image_input()
    maps = [_as_map(name, shape, height, width) for name, shape in signature.outputs.items()]
    found = sorted((one for one in maps if one), key=lambda one: -one.rows * one.columns)
    alike = len({(one.channels, one.per_cell, one.channels_last) for one in found}) == 1
    sizes = len({(one.rows, one.columns) for one in found})
    return found if len(found) == len(maps) == sizes and FEWEST <= sizes <= MOST and alike else []


def count_classes(signature: Signature, maps: list[AnchorMap]) -> int | None:
    """The number of classes, or None where the maps cannot be such; see the top of this file."""
    first = maps[0]
    for per_cell in _per_cell(signature, maps):
        values, rest = divmod(first.channels, per_cell)
        if not rest and values > BOX_AND_OBJECT:
            return values - BOX_AND_OBJECT
    return None


def heads_of(signature: Signature, maps: list[AnchorMap], classes: int, *, squared: bool) -> tuple[YoloHead, ...]:
    """The maps with their anchors.

    Args:
        signature: signature of the model.
        maps: its outputs, finest first.
        classes: number of classes.
        squared: whether sizes are (2 sigmoid)^2 anchors, and not exp anchors; then the centre leaves its cell too.

    Raises:
        ModelError: the anchors are not told, or are not as many as the maps have.
    """
    _, height, width = signature.image_input()
    anchors, per_cell = told_anchors(signature), maps[0].channels // (BOX_AND_OBJECT + classes)
    wanted = per_cell * len(maps)
    if len(anchors) != wanted:
        distances = maps[0].channels == DISTANCES + len(written_names(signature.metadata) or COCO_NAMES)
        hint = OF_YOLOV8 if distances and not anchors else ""
        raise ModelError(_wrong_number(len(anchors), wanted, per_cell, len(maps)) + hint)
    return tuple(
        YoloHead(
            output=one.output,
            anchors=_finest_first(anchors, per_cell)[level * per_cell : (level + 1) * per_cell],
            stride=(width / one.columns, height / one.rows),
            scale_x_y=2.0 if squared else 1.0,
            channels_last=one.channels_last,
            sizes="squared" if squared else "exp",
        )
        for level, one in enumerate(maps)
    )


def _wrong_number(found: int, wanted: int, per_cell: int, levels: int) -> str:
    names = known_for(wanted)
    known = f"--anchors {' or '.join(names)}, or " if names else "--anchors with "
    give = f"say {known}{wanted} pairs of width and height in pixels, finest map first"
    need = f"{levels} raw maps of {per_cell} anchors a cell need {wanted} anchors"
    if not found:
        return (
            f"The outputs are {need.replace(' need', ', which need')}, and the file does not tell them: {give}. If the "
            f"maps hold distances and have no anchors, say --family yolov8-maps or yolov6-maps."
        )
    return f"The outputs are {need.replace(' need', ', which need')}, but {found} are given: {give}."


def _per_cell(signature: Signature, maps: list[AnchorMap]) -> list[int]:
    """Anchors of a cell that may be meant, the likeliest first."""
    first = maps[0]
    if first.per_cell:
        return [first.per_cell]
    anchors = told_anchors(signature)
    if anchors:
        return [len(anchors) // len(maps)] if len(anchors) % len(maps) == 0 else [USUAL]
    names = written_names(signature.metadata) or COCO_NAMES
    per_cell, rest = divmod(first.channels, BOX_AND_OBJECT + len(names))
    return [per_cell, USUAL] if not rest and per_cell > 1 else [USUAL]


def _finest_first(anchors: Anchors, per_cell: int) -> Anchors:
    """The anchors with those of the finest map first; Darknet's tiny cfgs list the coarse map's first."""
    parts = [anchors[start : start + per_cell] for start in range(0, len(anchors), per_cell)]
    return tuple(pair for part in sorted(parts, key=lambda part: sum(w * h for w, h in part)) for pair in part)


def _as_map(name: str, shape: Shape, height: int, width: int) -> AnchorMap | None:
    if is_dynamic(shape) or shape[:1] != (1,) or len(shape) not in (4, 5):
        return None
    sizes = [int(size or 0) for size in shape]
    if len(sizes) == 5:
        per_cell, rows, columns, values = sizes[1:]
        fits = _is_stride(rows, columns, height, width) and values > BOX_AND_OBJECT
        return AnchorMap(name, rows, columns, per_cell * values, per_cell) if fits else None
    for last, (rows, columns, channels) in ((False, (*sizes[2:], sizes[1])), (True, (*sizes[1:3], sizes[3]))):
        if _is_stride(rows, columns, height, width) and channels > BOX_AND_OBJECT:
            return AnchorMap(name, rows, columns, channels, channels_last=last)
    return None


def _is_stride(rows: int, columns: int, height: int, width: int) -> bool:
    """Whether so many cells come of one stride along both sides, a power of two."""
    step, rest = divmod(height, rows)
    power = step >= 4 and step <= _LARGEST_STRIDE and step & (step - 1) == 0
    return power and rest == 0 and columns * step == width
