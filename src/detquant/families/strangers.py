"""Advice on a model that is of no known family: the nearest families, and what can be done."""

from __future__ import annotations

from collections.abc import Sequence

from detquant.families._base import Family
from detquant.families.signature import Shape, Signature

SHOWN = 2
GIVE = (
    "Export the model with the head of a known family, or, if you know that its head is one, name it by --family and "
    "say by --reads how it is read."
)


def nearest_families(signature: Signature, families: Sequence[type[Family]]) -> list[type[Family]]:
    """The families whose models have the most similar outputs, the nearest first; ties in the order given."""
    count, dims = len(signature.outputs), {len(shape) for shape in signature.outputs.values()}

    def distance(family: type[Family]) -> tuple[int, bool, bool]:
        rare = getattr(family, "rotated", False)
        return abs(family.output_count - count), (family.task == "classify") != (dims == {2}), rare

    return sorted(families, key=distance)[:SHOWN]


def advice(signature: Signature) -> str:
    """A sentence on what to do with a model of no known family, by what it seems to be."""
    shapes = list(signature.outputs.values())
    return next((text for fits, text in _STRANGERS if fits(shapes)), GIVE)


def _is_vector(shapes: Sequence[Shape]) -> bool:
    return len(shapes) == 1 and (len(shapes[0]) == 2 or shapes[0][2:] == (1, 1))


def _are_anchors(shapes: Sequence[Shape]) -> bool:
    rows = {shape[1] for shape in shapes if len(shape) == 3}
    return len(shapes) == 2 and len(rows) == 1 and any(len(shape) == 3 and shape[2] == 4 for shape in shapes)


def _are_masks(shapes: Sequence[Shape]) -> bool:
    return len(shapes) == 2 and sorted(map(len, shapes)) == [3, 4]


def _are_distances(shapes: Sequence[Shape]) -> bool:
    """Two or three maps a stride, channels first or last, of which one may hold distances or their distributions."""
    if not shapes or any(len(shape) != 4 for shape in shapes):
        return False
    for place, channel in ((slice(2, 4), 1), (slice(1, 3), 3)):
        levels: dict[Shape, set[int | str | None]] = {}
        for shape in shapes:
            levels.setdefault(shape[place], set()).add(shape[channel])
        many = len(shapes) // max(len(levels), 1)
        if len(levels) > 2 and many in (2, 3) and all(one & _OF_DISTANCES for one in levels.values()):
            return True
    return False


def _are_maps(shapes: Sequence[Shape]) -> bool:
    return len(shapes) > 1 and all(len(shape) in (4, 5) for shape in shapes)


_OF_DISTANCES = {4, 32, 64, 68}
"""Channels of distances, and of distributions of 8, 16 and 17 bins a side."""
_STRANGERS = (
    (
        _is_vector,
        "One vector may be anything: if these are scores of classes, say --family classifier, and how images are "
        "prepared by --preprocess.",
    ),
    (
        _are_masks,
        "If this is a segmentation model, its rows should end in as many coefficients as the other output has "
        "prototypes: export it again, or the detector of that size.",
    ),
    (
        _are_anchors,
        "If the boxes are codes, as an SSD's are, this file does not tell their anchors: give the file that has the "
        "detection operator in it, such as the .tflite or IR of the whole model. If they are decoded already, export "
        "the model with boxes and scores in one output.",
    ),
    (
        _are_distances,
        "These are raw maps of scores and distances, as several detectors give them, and this file does not tell of "
        "which: say --family yolov6-maps (YOLOv6, Gold-YOLO), ppyoloe-maps, damo-yolo-maps, rtmdet-maps or "
        "yolov8-maps.",
    ),
    (
        _are_maps,
        "These are raw maps, whose anchors and strides this file does not tell: if a YOLO with anchors gives them, say "
        "--family yolov5-maps (or yolov4, for YOLOv3 and YOLOv4) and --anchors; else export the model with its boxes "
        "decoded, or give the file that tells them, such as Darknet's .cfg.",
    ),
    (
        lambda shapes: len(shapes) > SHOWN,
        "So many outputs are raw heads, which only their own code decodes: export the model with its boxes decoded.",
    ),
)
