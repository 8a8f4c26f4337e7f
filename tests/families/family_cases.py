"""A case for each family of detectors: what its models give, and how a box is written into that."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from detquant.families import Signature, retinaface
from detquant.families.grid import cells
from detquant.families.ssd_anchors import default_boxes, grid_anchors
from detquant.families.ssd_layout import SSDLayout
from detquant.families.ultraface import anchors

HEIGHT, WIDTH, CLASSES = 160, 192, 7
FINE = 24 * 20
CELLS = FINE + 12 * 10 + 6 * 5
ANCHORS = [[20, 30], [40, 60]]
TOLD = [[(1 + side) * 16, (1 + side) * 20] for side in range(9)]
HEADS = [{"output": f"m{n}", "anchors": ANCHORS, "stride": [n, n], "scale_x_y": 1.05} for n in (32, 16)]
RAW = SSDLayout(
    boxes="boxes",
    classes="classes",
    anchors=np.random.default_rng(5).uniform(0.2, 0.6, (CELLS + 1, 4)).astype(np.float32),
    variances=(0.1, 0.2, 0.3, 0.4),
    order="yxhw",
    scores="sigmoid",
    background=CLASSES,
    nms_iou=0.5,
)
NAMES = {"detquant.classes": json.dumps([f"class {number}" for number in range(CLASSES)])}


@dataclass(frozen=True, kw_only=True)
class Case:
    """A model of a family, of CLASSES classes.

    Attributes:
        outputs: their shapes by name.
        write: puts a box into arrays of these shapes: (outputs, cell of stride 16, box in input pixels, score, class).
        size: height and width of its input.
        classes: how many; 1 for faces.
        metadata: of its file.
        sample: what it gives for noise.
        nothing: what outputs hold where nothing is seen, by name; the others hold 0.
    """

    outputs: Mapping[str, tuple[int, ...]]
    write: Callable[[dict[str, np.ndarray], int, np.ndarray, float, int], None]
    size: tuple[int, int] = (HEIGHT, WIDTH)
    classes: int = CLASSES
    metadata: Mapping[str, str] = field(default_factory=dict)
    sample: Callable[[], dict[str, np.ndarray]] | None = None
    nothing: Mapping[str, Any] = field(default_factory=dict)

    def signature(self) -> Signature:
        return Signature({"images": (1, 3, *self.size)}, self.outputs, self.metadata, sample=self.sample)

    def empty(self) -> dict[str, np.ndarray]:
        """Raw outputs of a network that sees nothing."""
        return {
            name: np.array(np.broadcast_to(np.float32(self.nothing.get(name, 0)), shape))
            for name, shape in self.outputs.items()
        }


def write_yolov8(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    outputs["out"][0, :4, cell] = [*(box[:2] + box[2:]) / 2, *(box[2:] - box[:2])]
    outputs["out"][0, 4 + k, cell] = score


def write_yolov8_maps(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    place, stride = (part[cell] for part in cells(HEIGHT, WIDTH, (8, 16, 32)))
    centre, step = (place + 0.5) * stride, int(stride[0])
    column, row = place.astype(int)
    found = outputs[f"m{step}"][0, :, row, column]
    found[:4], found[4], found[5 + k] = [*(centre - box[:2]) / step, *(box[2:] - centre) / step], score, score


def write_distances(
    outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int, *,
    offset: float, bins: int = 1, unit: float = 1.0, logits: bool = False,
) -> None:  # fmt: skip
    """Distances from a point of the cell in cells (or in pixels, of unit 16), and the score of its class."""
    place, stride = (part[cell] for part in cells(HEIGHT, WIDTH, (8, 16, 32)))
    (column, row), x, y = place.astype(int), *((place + offset) * stride)
    far = np.array([x - box[0], y - box[1], box[2] - x, box[3] - y]) / stride * unit
    outputs["box16"][0, :, row, column] = far if bins == 1 else distances(box, x, y, stride[0], bins)
    outputs["class16"][0, k, row, column] = logit(score) if logits else score


def distance_maps(channels: int) -> dict[str, tuple[int, ...]]:
    """Of each stride distances of so many channels, and classes."""
    of = {"box": channels, "class": CLASSES}
    return {f"{kind}{n}": (1, of[kind], HEIGHT // n, WIDTH // n) for n in (8, 16, 32) for kind in of}


def write_yolox(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    place, stride = (part[cell] for part in cells(HEIGHT, WIDTH, (8, 16, 32)))
    outputs["out"][0, cell, :2] = (box[:2] + box[2:]) / 2 / stride - place
    outputs["out"][0, cell, 2:4] = np.log((box[2:] - box[:2]) / stride)
    outputs["out"][0, cell, 4] = 0.95
    outputs["out"][0, cell, 5 + k] = score / 0.95


def write_yolov6(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    outputs["out"][0, cell, :5] = [*(box[:2] + box[2:]) / 2, *(box[2:] - box[:2]), 1]
    outputs["out"][0, cell, 5 + k] = score


def write_yolov8_obb(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    """The hull of a box turned by 30 degrees: w cos + h sin by w sin + h cos of its sides."""
    turn = np.pi / 6
    shape = np.array([[np.cos(turn), np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    sides = np.linalg.solve(shape, box[2:] - box[:2])
    outputs["out"][0, :4, cell] = [*(box[:2] + box[2:]) / 2, *sides]
    outputs["out"][0, 4 + k, cell], outputs["out"][0, -1, cell] = score, turn


def write_yolov5_maps(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    place, stride = (part[cell] for part in cells(HEIGHT, WIDTH, (8, 16, 32)))
    step, anchor = int(stride[0]), k % 3
    column, row = place.astype(int)
    width, height = np.array(TOLD)[3 * (8, 16, 32).index(step) + anchor]
    found = outputs[f"m{step}"][0, anchor, row, column]
    found[:2] = [logit(part) for part in ((box[:2] + box[2:]) / 2 / step - place + 0.5) / 2]
    found[2:4] = [logit(one) for one in np.sqrt((box[2:] - box[:2]) / (width, height)) / 2]
    found[4], found[5 + k] = logit(0.95), logit(score / 0.95)


def write_yolov5(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    row = 2 * FINE + cell  # the first anchor of the second map
    outputs["out"][0, row, :5] = [*(box[:2] + box[2:]) / 2, *(box[2:] - box[:2]), 0.95]
    outputs["out"][0, row, 5 + k] = score / 0.95


def write_end_to_end(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    row = int((outputs["out"][0, :, 4] > 0).sum())
    outputs["out"][0, row] = [*box, score, k]


def write_efficient_nms(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    row = int(outputs["num_dets"][0, 0])
    outputs["det_boxes"][0, row], outputs["det_scores"][0, row], outputs["det_classes"][0, row] = box, score, k
    outputs["num_dets"] += 1


def write_dets_labels(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    row = int((outputs["dets"][0, :, 4] > 0).sum())
    outputs["dets"][0, row], outputs["labels"][0, row] = [*box, score], k


def write_ppyoloe(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    outputs["boxes"][0, cell], outputs["scores"][0, k, cell] = box, score


def corners_and_scores(scores: tuple[int, ...]) -> dict[str, np.ndarray]:
    """What a network gives for noise: a box around each cell, for an SSD of this size has as many anchors as cells."""
    place, stride = cells(HEIGHT, WIDTH, (8, 16, 32))
    return {"boxes": np.hstack([place * stride, (place + 1) * stride])[None], "scores": np.full(scores, 0.1)}


def write_damo_yolo(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    outputs["boxes"][0, cell], outputs["scores"][0, cell, k] = box, score


def write_rt_detr(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    row, part = k + int(score > 0.85), box / [WIDTH, HEIGHT, WIDTH, HEIGHT]
    outputs["out"][0, row, :4] = [*(part[:2] + part[2:]) / 2, *(part[2:] - part[:2])]
    outputs["out"][0, row, 4 + k] = score


def distances(box: np.ndarray, x: float, y: float, stride: float, bins: int = 8) -> np.ndarray:
    """Logits whose expectation is each side's distance: weight on the two neighbouring bins."""
    logits = np.full((4, bins), -40.0)
    for side, distance in enumerate([x - box[0], y - box[1], box[2] - x, box[3] - y]):
        low = int(distance / stride)
        part = distance / stride - low
        logits[side, low : low + 2] = np.log([1 - part + 1e-9, part + 1e-9])
    return logits.ravel()


def nanodet_outputs(*strides: int) -> dict[str, tuple[int, ...]]:
    """Of each stride the classes ("a" and the number of its cells) and the distributions ("b")."""
    counts = [-(-HEIGHT // stride) * -(-WIDTH // stride) for stride in strides]
    return {**{f"a{n}": (1, n, CLASSES) for n in counts}, **{f"b{n}": (1, n, 32) for n in counts}}


def write_nanodet(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    place, stride = (part[cell] for part in cells(HEIGHT, WIDTH, (8, 16, 32)))
    x, y = (place + 0.5) * stride
    outputs["a120"][0, cell - FINE, k] = score
    outputs["b120"][0, cell - FINE] = distances(box, x, y, stride[0])


def write_plus(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    place, stride = (part[cell] for part in cells(HEIGHT, WIDTH, (8, 16, 32, 64)))
    outputs["out"][0, cell, k] = score
    outputs["out"][0, cell, CLASSES:] = distances(box, *(place * stride), stride[0])


def logit(chance: float) -> float:
    return float(np.log(chance / (1 - chance)))


def write_yolov4(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    anchor = k % 2  # a centre cannot leave its cell, so boxes of two classes there are of two anchors
    centre = (box[:2] + box[2:]) / 2 / 16
    column, row = centre.astype(int)
    values = outputs["m16"][0].reshape(2, 5 + CLASSES, HEIGHT // 16, WIDTH // 16)[anchor, :, row, column]
    values[:2] = [logit((at % 1 + 0.025) / 1.05) for at in centre]
    values[2:4] = np.log((box[2:] - box[:2]) / ANCHORS[anchor])
    values[4] = logit(0.95)
    values[5 + k] = logit(score / 0.95)


def code(box: np.ndarray, anchor: np.ndarray, variances: tuple[Any, Any]) -> np.ndarray:
    """x, y, w, h as an SSD's head tells them."""
    centre, size = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
    place = (centre - anchor[:2]) / anchor[2:] / variances[0]
    return np.concatenate([place, np.log(size / anchor[2:]) / variances[1]])


def write_raw(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    part = box / [WIDTH, HEIGHT, WIDTH, HEIGHT]
    codes = code(part, RAW.anchors[cell], (np.array([0.1, 0.2]), np.array([0.3, 0.4])))
    outputs["boxes"][0, cell] = codes[[1, 0, 3, 2]]
    outputs["classes"][0, cell, k] = logit(score)  # the background comes last


def write_mobilenet(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    anchor = 3 * (cell - FINE) + 1  # its first map has cells of 16 pixels too, with three anchors
    outputs["boxes"][0, anchor] = code(box, grid_anchors(HEIGHT, WIDTH)[anchor], (0.1, 0.2))[[1, 0, 3, 2]]
    outputs["classes"][0, anchor, 1 + k] = logit(score)


def write_postprocessed(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    row = int(outputs["count"][0])
    outputs["boxes"][0, row] = box[[1, 0, 3, 2]] / [HEIGHT, WIDTH, HEIGHT, WIDTH]
    outputs["classes"][0, row], outputs["scores"][0, row] = k, score
    outputs["count"][0] += 1


def write_ssd300(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    outputs["boxes"][0, :, cell] = code(box, default_boxes()[cell], (0.1, 0.2))
    outputs["classes"][0, 0, cell] = np.log((1 - score) / (CLASSES - 1))
    outputs["classes"][0, 1:, cell] = -30
    outputs["classes"][0, 1 + k, cell] = np.log(score / (CLASSES - 1))


def write_paddle(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    row = int((outputs["rows"][:, 1] > 0).sum())
    outputs["rows"][row] = [k, score, *box]


def write_detr(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    row, part = k + int(score > 0.85), box / [WIDTH, HEIGHT, WIDTH, HEIGHT]
    outputs["pred_boxes"][0, row] = [*(part[:2] + part[2:]) / 2, *(part[2:] - part[:2])]
    outputs["logits"][0, row, k] = logit(score)


def write_topk(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    row = int((outputs["scores"][0] > 0).sum())
    outputs["labels"][0, row], outputs["scores"][0, row], outputs["boxes"][0, row] = k, score, box


def write_fastestv2(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    row, column = divmod(cell - FINE, 12)
    offset = (box[:2] + box[2:]) / 2 / 16 - [column, row]
    size = np.sqrt((box[2:] - box[:2]) / np.array(V2_ANCHORS[2])) / 2
    outputs["box16"][0, 8:, row, column] = [logit(one) for one in (*(offset + 0.5) / 2, *size)]
    outputs["object16"][0, 2, row, column] = logit(0.95)
    outputs["class16"][0, k, row, column] = np.log((CLASSES - 1) * (score / 0.95) / (1 - score / 0.95))


def write_fastestdet(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    row, column = divmod(cell - FINE, 12)
    found = outputs["out"][0, :, row, column]
    found[0], found[5 + k] = 0.95, (score / 0.95**0.6) ** 2.5
    found[1:3] = np.arctanh((box[:2] + box[2:]) / 2 / 16 - [column, row])
    found[3:5] = [logit(one) for one in (box[2:] - box[:2]) / [WIDTH, HEIGHT]]


def write_yunet(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    row, column = divmod(cell - FINE, 12)
    centre, size = (box[:2] + box[2:]) / 2 / 16, (box[2:] - box[:2]) / 16
    outputs["bbox_16"][0, cell - FINE] = [*(centre - [column, row]), *np.log(size)]
    outputs["cls_16"][0, cell - FINE] = outputs["obj_16"][0, cell - FINE] = score


def write_ultraface(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    outputs["boxes"][0, cell] = box / [WIDTH, HEIGHT, WIDTH, HEIGHT]
    outputs["scores"][0, cell] = [1 - score, score]


def write_retinaface(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    anchor = 2 * cell + 1
    outputs["boxes"][0, anchor] = code(box, retinaface.anchors(HEIGHT, WIDTH)[anchor], (0.1, 0.2))
    outputs["scores"][0, anchor] = [1 - score, score]


def write_scrfd(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    row, column = divmod(cell - FINE, 12)
    place = np.array([column, row])
    outputs["b16"][2 * (cell - FINE) + 1] = [*(place - box[:2] / 16), *(box[2:] / 16 - place)]
    outputs["s16"][2 * (cell - FINE) + 1] = score


def picodet_outputs() -> dict[str, tuple[int, ...]]:
    counts = [20 * 24, 10 * 12, 5 * 6, 3 * 3]
    return {**{f"a{n}": (1, n, CLASSES) for n in counts}, **{f"b{n}": (1, n, 32) for n in counts}}


V2_ANCHORS = [[10, 20], [30, 40], [50, 60], [70, 80], [90, 100], [110, 120]]
STRIDES = (8, 16, 32)
CASES = {
    "yolov8-obb": Case(outputs={"out": (1, 5 + CLASSES, CELLS)}, write=write_yolov8_obb, metadata={"task": "obb"}),
    "yolov8": Case(outputs={"out": (1, 4 + CLASSES, CELLS)}, write=write_yolov8),
    "yolov8-maps": Case(
        outputs={f"m{n}": (1, 5 + CLASSES, HEIGHT // n, WIDTH // n) for n in (8, 16, 32)}, write=write_yolov8_maps
    ),
    "yolov6-maps": Case(
        outputs=distance_maps(4),
        write=partial(write_distances, offset=0.5),
        metadata={"detquant.family": "yolov6-maps"},
    ),
    "rtmdet-maps": Case(
        outputs=distance_maps(4),
        write=partial(write_distances, offset=0.0, unit=16.0, logits=True),
        metadata={"detquant.family": "rtmdet-maps"},
        nothing={f"class{n}": -30 for n in (8, 16, 32)},
    ),
    "ppyoloe-maps": Case(
        outputs=distance_maps(68),
        write=partial(write_distances, offset=0.5, bins=17),
        metadata={"detquant.family": "ppyoloe-maps"},
    ),
    "damo-yolo-maps": Case(
        outputs=distance_maps(32),
        write=partial(write_distances, offset=0.0, bins=8),
        metadata={"detquant.family": "damo-yolo-maps"},
    ),
    "yolov6": Case(
        outputs={"out": (1, CELLS, 5 + CLASSES)},
        write=write_yolov6,
        sample=lambda: {"out": np.full((1, CELLS, 5 + CLASSES), 1.0)},
    ),
    "yolox": Case(outputs={"out": (1, CELLS, 5 + CLASSES)}, write=write_yolox),
    "yolov5": Case(outputs={"out": (1, 3 * CELLS, 5 + CLASSES)}, write=write_yolov5),
    "yolov5-maps": Case(
        outputs={f"m{n}": (1, 3, HEIGHT // n, WIDTH // n, 5 + CLASSES) for n in (8, 16, 32)},
        write=write_yolov5_maps,
        metadata={"detquant.anchors": json.dumps(TOLD)},
        nothing={"m8": -30, "m16": -30, "m32": -30},
    ),
    "efficient-nms": Case(
        outputs={
            "num_dets": (1, 1),
            "det_boxes": (1, 30, 4),
            "det_scores": (1, 30),
            "det_classes": (1, 30),
        },
        write=write_efficient_nms,
        metadata=NAMES,
    ),
    "dets-labels": Case(outputs={"dets": (1, 30, 5), "labels": (1, 30)}, write=write_dets_labels, metadata=NAMES),
    "ppyoloe": Case(
        outputs={"boxes": (1, CELLS, 4), "scores": (1, CLASSES, CELLS)},
        write=write_ppyoloe,
        sample=lambda: corners_and_scores((1, CLASSES, CELLS)),
    ),
    "damo-yolo": Case(
        outputs={"boxes": (1, CELLS, 4), "scores": (1, CELLS, CLASSES)},
        write=write_damo_yolo,
        sample=lambda: corners_and_scores((1, CELLS, CLASSES)),
    ),
    "end-to-end": Case(outputs={"out": (1, 30, 6)}, write=write_end_to_end, metadata=NAMES),
    "rt-detr": Case(outputs={"out": (1, 40, 4 + CLASSES)}, write=write_rt_detr, metadata=NAMES),
    "nanodet": Case(outputs=nanodet_outputs(8, 16, 32), write=write_nanodet),
    "nanodet-plus": Case(outputs={"out": (1, CELLS + 3 * 3, CLASSES + 32)}, write=write_plus),
    "picodet": Case(outputs=picodet_outputs(), write=write_nanodet),
    "paddle": Case(outputs={"rows": (30, 6), "count": (1,)}, write=write_paddle, metadata=NAMES),
    "detr-topk": Case(
        outputs={"labels": (1, 30), "boxes": (1, 30, 4), "scores": (1, 30)}, write=write_topk, metadata=NAMES
    ),
    "detr": Case(
        outputs={"pred_boxes": (1, 40, 4), "logits": (1, 40, CLASSES)}, write=write_detr, nothing={"logits": -30}
    ),
    "yolo-fastestv2": Case(
        outputs={
            f"{kind}{n}": (1, channels, HEIGHT // n, WIDTH // n)
            for n in (16, 32)
            for kind, channels in (("box", 12), ("object", 3), ("class", CLASSES))
        },
        write=write_fastestv2,
        metadata={"detquant.anchors": json.dumps([side for pair in V2_ANCHORS for side in pair])},
        nothing={"object16": -30, "object32": -30},
    ),
    "fastestdet": Case(outputs={"out": (1, 5 + CLASSES, HEIGHT // 16, WIDTH // 16)}, write=write_fastestdet),
    "yunet": Case(
        outputs={
            f"{kind}_{n}": (1, (HEIGHT // n) * (WIDTH // n), values)
            for kind, values in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10))
            for n in STRIDES
        },
        write=write_yunet,
        classes=1,
    ),
    "ultraface": Case(
        outputs={"scores": (1, len(anchors(HEIGHT, WIDTH)), 2), "boxes": (1, len(anchors(HEIGHT, WIDTH)), 4)},
        write=write_ultraface,
        classes=1,
    ),
    "retinaface": Case(
        outputs={"boxes": (1, 2 * CELLS, 4), "scores": (1, 2 * CELLS, 2), "points": (1, 2 * CELLS, 10)},
        write=write_retinaface,
        classes=1,
        nothing={"scores": np.array([1, 0])},
    ),
    "scrfd": Case(
        outputs={
            f"{kind}{n}": (2 * (HEIGHT // n) * (WIDTH // n), values)
            for kind, values in (("s", 1), ("b", 4), ("k", 10))
            for n in STRIDES
        },
        write=write_scrfd,
        classes=1,
    ),
    "yolov4": Case(
        outputs={f"m{n}": (1, 2 * (5 + CLASSES), HEIGHT // n, WIDTH // n) for n in (32, 16)},
        write=write_yolov4,
        metadata={"detquant.yolo": json.dumps({"heads": HEADS, "classes": CLASSES, "resize": "stretch"})},
        nothing={"m32": -30, "m16": -30},
    ),
    "ssd-raw": Case(
        outputs={"boxes": (1, CELLS + 1, 4), "classes": (1, CELLS + 1, 1 + CLASSES)},
        write=write_raw,
        metadata={"detquant.ssd": RAW.to_json()},
        nothing={"classes": -30},
    ),
    "ssd-mobilenet": Case(
        outputs={"boxes": (1, 630, 4), "classes": (1, 630, 1 + CLASSES)},
        write=write_mobilenet,
        nothing={"classes": -30},
    ),
    "ssd-postprocessed": Case(
        outputs={"boxes": (1, 20, 4), "classes": (1, 20), "scores": (1, 20), "count": (1,)},
        write=write_postprocessed,
        metadata=NAMES,
    ),
    "ssd300": Case(
        outputs={"boxes": (1, 4, 8732), "classes": (1, 1 + CLASSES, 8732)},
        write=write_ssd300,
        size=(300, 300),
        nothing={"classes": np.array([30] + [0] * CLASSES)[:, None]},  # the background
    ),
}
"""By the family's name."""
