"""What a YOLO's raw maps need to become boxes, as an entry in the model file's metadata.

Darknet keeps it in the cfg, in its [yolo] sections; a quantised file has to say it itself. Under the key
`detquant.yolo` stands JSON such as

    {"classes": 80, "nms": "greedynms", "resize": "stretch", "heads": [
        {"output": "layer_120/conv", "anchors": [[115, 73], [119, 199]], "stride": [32, 32], "scale_x_y": 1.0}, ...]}

where `anchors` are those that the mask picks, width and height in pixels of the network input; `stride` is in
pixels a cell, along x and y; `resize` is "stretch" or "letterbox"; `nms` is Darknet's nms_kind. A head may say
`"channels_last": true`, for maps [1, rows, columns, channels]; `"sizes": "squared"`, for widths and heights that are
(2 sigmoid(t))^2 anchors, as YOLOv5's, and not exp(t) anchors; and `"chances": true`, for maps whose sigmoid is in the
graph already.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

KEY = "detquant.yolo"
RESIZES = ("stretch", "letterbox")
SIZES = ("exp", "squared")
BOX_AND_OBJECT = 5
"""Channels of an anchor besides its classes: x, y, w, h, object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class YoloHead:
    """One raw map of a YOLO and how it is decoded.

    Attributes:
        output: name of the map among the graph's outputs.
        anchors: (width, height) of each anchor, pixels of the network input.
        stride: pixels a cell, along x and y.
        scale_x_y: by how much the centre may leave its cell; 1 for not at all (YOLOv4, section 3.4).
        channels_last: whether the map is [1, rows, columns, channels], as TensorFlow has it.
        sizes: how a size follows from its number, one of SIZES: exp(t) of the anchor, or (2 sigmoid(t))^2 of it.
        chances: whether its numbers are 0 to 1 already, the sigmoid being in the graph.
    """

    output: str
    anchors: tuple[tuple[float, float], ...]
    stride: tuple[float, float]
    scale_x_y: float = 1.0
    channels_last: bool = False
    sizes: str = "exp"
    chances: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class YoloHeads:
    """All raw maps of a YOLO and what they have in common.

    Attributes:
        heads: the maps, in the order of the cfg.
        classes: number of classes.
        nms: Darknet's nms_kind, for whoever reads the file; decoding here is always greedy.
        resize: how images are brought to the input's size, one of RESIZES.
    """

    heads: tuple[YoloHead, ...]
    classes: int
    nms: str = "greedynms"
    resize: str = "stretch"

    def to_json(self) -> str:
        """The entry for the metadata; of what is as in Darknet's usual cfg nothing is said."""
        entry = asdict(self)
        for head in entry["heads"]:
            for key, usual in _USUAL.items():
                if head[key] == usual:
                    del head[key]
        return json.dumps(entry, sort_keys=True)


_USUAL = {"channels_last": False, "sizes": "exp", "chances": False}


def read_heads(metadata: Mapping[str, str]) -> YoloHeads | None:
    """The entry of a file, or None if there is none or it makes no sense: the file may come from anyone."""
    try:
        entry = json.loads(metadata.get(KEY, ""))
        heads = tuple(_head(one) for one in entry["heads"])
        classes, resize = int(entry["classes"]), str(entry["resize"])
        nms = str(entry.get("nms", "greedynms"))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None
    if not heads or classes < 1 or resize not in RESIZES:
        return None
    return YoloHeads(heads=heads, classes=classes, nms=nms, resize=resize)


def _head(entry: Any) -> YoloHead:
    anchors = tuple(_pair(pair) for pair in entry["anchors"])
    sizes = str(entry.get("sizes", "exp"))
    if not anchors or sizes not in SIZES:
        raise ValueError("no anchors, or no such sizes")
    return YoloHead(
        output=str(entry["output"]),
        anchors=anchors,
        stride=_pair(entry["stride"]),
        scale_x_y=_positive(entry["scale_x_y"]),
        channels_last=entry.get("channels_last", False) is True,
        sizes=sizes,
        chances=entry.get("chances", False) is True,
    )


def _pair(values: Any) -> tuple[float, float]:
    x, y = values
    return _positive(x), _positive(y)


def _positive(value: Any) -> float:
    number = float(value)
    if not 0 < number < math.inf:
        raise ValueError("not positive")
    return number
