"""Anchors that raw maps of a YOLO are decoded by, which the maps themselves do not tell.

They are looked for, the first that tells decides, in

1. the entry `detquant.anchors` of the metadata, which the command line's `--anchors` writes too;
2. the entry `anchors`, as some exporters write it;
3. the file's own weights (`Signature.anchors`).

All of them are (width, height) in pixels of the network input, finest map first; each map has as many as the others.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence

from detquant.errors import ModelError, nearest_name
from detquant.families.class_names import read_literal
from detquant.families.signature import Anchors, Signature

KEY = "detquant.anchors"
"""Entry of the metadata: a list of numbers, or the name of known anchors."""
THEIRS = "anchors"
_MOST = 128

_P5 = (10, 13, 16, 30, 33, 23, 30, 61, 62, 45, 59, 119, 116, 90, 156, 198, 373, 326)
_V4 = (12, 16, 19, 36, 40, 28, 36, 75, 76, 55, 72, 146, 142, 110, 192, 243, 459, 401)
_P6 = (19, 27, 44, 40, 38, 94, 96, 68, 86, 152, 180, 137, 140, 301, 303, 264, 238, 542, 436, 615, 739, 380, 925, 792)
_TINY = (10, 14, 23, 27, 37, 58, 81, 82, 135, 169, 344, 319)

KNOWN: Mapping[str, tuple[int, ...]] = {
    "yolov5": _P5,
    "yolov7": _V4,
    "yolov7-tiny": _P5,
    "yolov3": _P5,
    "yolov4": _V4,
    "yolor": _V4,
    "yolov5-p6": _P6,
    "yolov7-w6": _P6,
    "yolor-p6": _P6,
    "yolov3-tiny": _TINY,
    "yolov4-tiny": _TINY,
}
"""Published anchors by name, width and height in turn: the .yaml files of ultralytics/yolov5, WongKinYiu/yolov7 and
WongKinYiu/yolor, and Darknet's cfg files. YOLOv5 took YOLOv3's, and YOLOv7 those of YOLOv4."""


def anchors_entry(text: str) -> dict[str, str]:
    """The entry for the metadata that says what a user says.

    Args:
        text: a key of KNOWN, or numbers with commas or spaces between them, brackets or not.

    Raises:
        ModelError: neither.
    """
    return {KEY: json.dumps([number for pair in _parsed(text, "--anchors") for number in pair])}


def told_anchors(signature: Signature) -> Anchors:
    """The anchors that the metadata or the weights tell; empty where nothing does.

    Raises:
        ModelError: `detquant.anchors` cannot be understood: other anchors would be another model.
    """
    if KEY in signature.metadata:
        return _parsed(signature.metadata[KEY], f"The metadata '{KEY}' of the model")
    return _of_exporter(signature.metadata.get(THEIRS, "")) or signature.anchors


def known_for(count: int) -> list[str]:
    """Names of known anchors that are so many."""
    return [name for name, numbers in KNOWN.items() if len(numbers) == 2 * count]


def _parsed(text: str, where: str) -> Anchors:
    name = text.strip(" \"'").lower()
    if name in KNOWN:
        return _pairs(KNOWN[name])
    if any(character.isalpha() for character in re.sub(r"[eE][+-]?\d", "", name)):
        near = nearest_name(name, KNOWN)
        hint = f" did you mean '{near}'?" if near else ""
        raise ModelError(f"{where} has no anchors '{name[:40]}':{hint} Known: {', '.join(KNOWN)}; or give the numbers.")
    numbers = _numbers(re.split(r"[\s,;\[\]()]+", text))
    if not numbers:
        raise ModelError(
            f"{where} is no list of anchors: expected width and height of each in pixels, finest map first, such as "
            f"10,13,16,30,33,23, or one of: {', '.join(KNOWN)}."
        )
    return _pairs(numbers)


def _of_exporter(text: str) -> Anchors:
    """What an entry that is not detquant's says, if it is a list of anchors at all."""
    value = read_literal(text) if text else None
    flat = _flat(value) if isinstance(value, (list, tuple)) else []
    return _pairs(_numbers(map(str, flat)))


def _flat(value: object, depth: int = 3) -> list[object]:
    if isinstance(value, (list, tuple)) and depth >= 0:
        return [one for part in value for one in _flat(part, depth - 1)]
    return [value]


def _numbers(words: Sequence[str] | map[str]) -> list[float]:
    """The numbers, an even count of positive ones; none where they are anything else."""
    try:
        numbers = [float(word) for word in words if word]
    except ValueError:
        return []
    fit = 0 < len(numbers) <= 2 * _MOST and len(numbers) % 2 == 0
    return numbers if fit and all(0 < number < math.inf for number in numbers) else []


def _pairs(numbers: Sequence[float]) -> Anchors:
    return tuple((float(w), float(h)) for w, h in zip(numbers[::2], numbers[1::2], strict=True))
