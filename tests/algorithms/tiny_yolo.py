"""A detector of 32x32 images with a head as YOLOv8 has, small enough to train in no time; its weights are drawn."""

from __future__ import annotations

import numpy as np

from detquant.families.yolov8 import YOLOv8
from detquant.graph import prepare

SIDE, STRIDES, BINS, CLASSES = 32, (8, 16), 4, 2
NAMES = ("one", "two")
HEAD = 4 * BINS + CLASSES
CELLS = [SIDE // stride for stride in STRIDES]
FAMILY = YOLOv8(input_name="x", height=SIDE, width=SIDE, classes=NAMES)


def tiny_yolo(build):
    """The graph, prepared; `build` is the fixture."""
    random, count = np.random.default_rng(4), sum(side * side for side in CELLS)

    def drawn(*shape):
        return random.normal(0, 1.5 / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32)

    weights = {"stem_w": drawn(8, 3, 8, 8), "down_w": drawn(8, 8, 2, 2)}
    rows = [
        ("Conv", ["x", "stem_w"], ["c8"], {"name": "stem", "strides": [8, 8]}),
        ("Relu", ["c8"], ["r8"], {"name": "stem_act"}),
        ("Conv", ["r8", "down_w"], ["c16"], {"name": "down", "strides": [2, 2]}),
        ("Relu", ["c16"], ["r16"], {"name": "down_act"}),
    ]
    centres, strides = [], []
    for side, stride in zip(CELLS, STRIDES, strict=True):
        weights[f"h{stride}"], weights[f"b{stride}"] = 3 * drawn(HEAD, 8, 1, 1), drawn(HEAD)
        rows.append(("Conv", [f"r{stride}", f"h{stride}", f"b{stride}"], [f"m{stride}"], {"name": f"head{stride}"}))
        rows.append(("Reshape", [f"m{stride}", "flat"], [f"f{stride}"], {"name": f"flat{stride}"}))
        row, column = np.mgrid[:side, :side].reshape(2, -1) + 0.5
        centres.append(np.stack([column, row]))
        strides.append(np.full((1, side * side), stride))
    weights |= {
        "flat": np.array([1, HEAD, -1]),
        "parts": np.array([4 * BINS, CLASSES]),
        "bins": np.array([1, 4, BINS, count]),
        "sides": np.array([1, 4, count]),
        "halves": np.array([2, 2]),
        "steps": np.arange(BINS, dtype=np.float32).reshape(1, BINS, 1, 1),
        "centres": np.concatenate(centres, 1)[None].astype(np.float32),
        "strides": np.concatenate(strides, 1)[None].astype(np.float32),
        "two": np.array(2.0, np.float32),
    }
    rows += [
        ("Concat", [f"f{stride}" for stride in STRIDES], ["all"], {"name": "all", "axis": 2}),
        ("Split", ["all", "parts"], ["distances", "logits"], {"name": "split", "axis": 1}),
        ("Reshape", ["distances", "bins"], ["shaped"], {"name": "shape"}),
        ("Transpose", ["shaped"], ["turned"], {"name": "turn", "perm": [0, 2, 1, 3]}),
        ("Softmax", ["turned"], ["shares"], {"name": "softmax", "axis": 1}),
        ("Conv", ["shares", "steps"], ["mean"], {"name": "dfl"}),
        ("Reshape", ["mean", "sides"], ["ltrb"], {"name": "ltrb"}),
        ("Split", ["ltrb", "halves"], ["lt", "rb"], {"name": "halves", "axis": 1}),
        ("Sub", ["centres", "lt"], ["low"], {"name": "low"}),
        ("Add", ["centres", "rb"], ["high"], {"name": "high"}),
        ("Add", ["low", "high"], ["sum"], {"name": "sum"}),
        ("Div", ["sum", "two"], ["middle"], {"name": "middle"}),
        ("Sub", ["high", "low"], ["size"], {"name": "size"}),
        ("Concat", ["middle", "size"], ["xywh"], {"name": "xywh", "axis": 1}),
        ("Mul", ["xywh", "strides"], ["boxes"], {"name": "boxes"}),
        ("Sigmoid", ["logits"], ["scores"], {"name": "scores"}),
        ("Concat", ["boxes", "scores"], ["y"], {"name": "out", "axis": 1}),
    ]
    return prepare(build(rows, {"x": [1, 3, SIDE, SIDE]}, {"y": None}, weights))
