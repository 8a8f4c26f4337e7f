"""Heads and their decoding, operator by operator as the exporters of each repository write it."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto

from .blocks import ese
from .net import Map, Net

CLASSES, BINS = 5, 16
STRIDES = (8, 16, 32)
ANCHORS = {
    8: ((10, 13), (16, 30), (33, 23)),
    16: ((30, 61), (62, 45), (59, 119)),
    32: ((116, 90), (156, 198), (373, 326)),
}
NAMES = {"names": str({index: f"kind {index}" for index in range(CLASSES)})}
FLAT = ",".join(str(number) for pairs in ANCHORS.values() for pair in pairs for number in pair)


def cells_of(net: Net, maps: list[Map]) -> int:
    return sum(net.sizes[one][1] * net.sizes[one][2] for one in maps)


def centres(net: Net, maps: list[Map]) -> tuple[np.ndarray, np.ndarray]:
    """Middle of each cell in strides [2, cells], and its stride [1, cells]."""
    places, steps = [], []
    for one, stride in zip(maps, STRIDES, strict=True):
        _, rows, columns = net.sizes[one]
        y, x = np.mgrid[:rows, :columns].reshape(2, -1) + 0.5
        places.append(np.stack([x, y]))
        steps.append(np.full((1, len(x)), stride))
    return np.concatenate(places, 1), np.concatenate(steps, 1)


def raw_anchors(net: Net, maps: list[Map], *, implicit: bool = False) -> list[Map]:
    """The 1x1 convolutions of YOLOv5 and its kin; YOLOR adds to and multiplies what goes in and out of them."""
    made = []
    for one in maps:
        if implicit:
            one = net.add(one, net.const(net.rng.normal(0, 0.02, (1, net.sizes[one][0], 1, 1))))
            made.append(net.op("Mul", one, net.const(net.rng.normal(1, 0.02, (1, net.sizes[one][0], 1, 1)))))
            one = made.pop()
        made.append(net.conv(one, 3 * (5 + CLASSES), act=None, head="object"))
    return made


def turned(net: Net, raw: Map) -> str:
    """[1, 3 * values, rows, columns] as [1, 3, rows, columns, values]."""
    _, rows, columns = net.sizes[raw]
    return net.transpose(net.reshape(raw, 1, 3, 5 + CLASSES, rows, columns), 0, 1, 3, 4, 2)


def anchored(net: Net, maps: list[Map], *, implicit: bool = False) -> tuple[str, int, list[str]]:
    """YOLOv5's Detect with its decoding: rows [1, cells, values], how many, and the raw maps."""
    rows, raws, count = [], [], 0
    for raw, stride in zip(raw_anchors(net, maps, implicit=implicit), STRIDES, strict=True):
        _, height, width = net.sizes[raw]
        raws.append(turned(net, raw))
        xy, wh, rest = net.split(net.op("Sigmoid", raws[-1]), 2, 2, 1 + CLASSES, axis=4)
        y, x = np.mgrid[:height, :width]
        grid = np.stack([x, y], -1)[None, None] - 0.5
        anchor = np.array(ANCHORS[stride]).reshape(1, 3, 1, 1, 2)
        centre = net.op("Mul", net.scaled(xy, 2.0, grid), net.const(stride))
        size = net.op("Mul", net.op("Pow", net.op("Mul", wh, net.const(2.0)), net.const(2.0)), net.const(anchor))
        joined = net.concat(centre, size, rest, axis=4)
        rows.append(net.reshape(joined, 1, 3 * height * width, 5 + CLASSES))
        count += 3 * height * width
    return net.concat(*rows, axis=1), count, raws


def decoded_anchors(net: Net, maps: list[Map], implicit: bool = False) -> onnx.ModelProto:
    rows, count, _ = anchored(net, maps, implicit=implicit)
    return net.model({"output0": rows}, [[1, count, 5 + CLASSES]], NAMES)


def with_raw_maps(net: Net, maps: list[Map]) -> onnx.ModelProto:
    """YOLOv5 up to version 6: decoded rows, and the raw maps behind them."""
    rows, count, raws = anchored(net, maps)
    shapes = [[1, count, 5 + CLASSES]]
    shapes += [[1, 3, net.side // stride, net.side // stride, 5 + CLASSES] for stride in STRIDES]
    return net.model({"output": rows} | {f"raw{number}": raw for number, raw in enumerate(raws)}, shapes, NAMES)


def anchor_maps(net: Net, maps: list[Map], apart: bool = True, sigmoid: bool = False) -> onnx.ModelProto:
    """The raw maps alone: turned, as the convolution gives them, or behind a sigmoid as for an NPU."""
    outputs, shapes = {}, []
    for number, raw in enumerate(raw_anchors(net, maps)):
        _, height, width = net.sizes[raw]
        value = turned(net, raw) if apart else net.op("Sigmoid", raw) if sigmoid else raw
        outputs[f"map{number}"] = value
        shapes.append([1, 3, height, width, 5 + CLASSES] if apart else [1, 3 * (5 + CLASSES), height, width])
    return net.model(outputs, shapes, NAMES)


def yolov7_end2end(net: Net, maps: list[Map]) -> onnx.ModelProto:
    """``export.py --grid --end2end --max-wh``: ONNX's suppression, as many rows [image, box, class, score] as found."""
    rows, _, _ = anchored(net, maps)
    box, obj, chance = net.split(rows, 4, 1, CLASSES, axis=2)
    scores = net.op("Mul", chance, obj)
    corners = net.op("MatMul", box, net.const([[1, 0, 1, 0], [0, 1, 0, 1], [-0.5, 0, 0.5, 0], [0, -0.5, 0, 0.5]]))
    best = net.op("ReduceMax", scores, axes=[2], keepdims=1)
    label = net.op("ArgMax", scores, axis=2, keepdims=1)
    number = net.op("Cast", label, to=TensorProto.FLOAT)
    moved = net.op("Add", corners, net.op("Mul", number, net.const(net.side)))
    limits = net.ints(100), net.const([0.45]), net.const([0.1])
    found = net.op("NonMaxSuppression", moved, net.transpose(best, 0, 2, 1), *limits)
    image, place = (net.op("Gather", found, net.const(column, np.int64), axis=1) for column in (0, 2))
    both = net.op("Concat", *(net.op("Unsqueeze", one, net.ints(1)) for one in (image, place)), axis=1)
    parts = [net.op("GatherND", one, both) for one in (corners, number, best)]
    first = net.op("Unsqueeze", net.op("Cast", image, to=TensorProto.FLOAT), net.ints(1))
    return net.model({"output": net.op("Concat", first, *parts, axis=1)}, [["found", 7]], NAMES)


def branches(net: Net, one: Map, out: int, kind: str, *, light: bool = False) -> Map:
    """Two convolutions and the last one; light: each a depthwise and a pointwise one, as YOLO11's classes have."""
    for _ in range(2):
        c = net.sizes[one][0]
        one = net.conv(net.conv(one, c, 3, groups=c), 16) if light else net.conv(one, 16, 3)
    return net.conv(one, out, act=None, head=kind)


def joined(net: Net, parts: list[Map], channels: int) -> str:
    """Maps as [1, channels, cells]."""
    return net.concat(*(net.reshape(one, 1, channels, -1) for one in parts), axis=2)


def sides(net: Net, maps: list[Map], bins: int = BINS) -> str:
    """Distances [1, 4, cells] of the sides, in strides: an expectation over bins, or one number for each side."""
    if bins == 1:
        return joined(net, [branches(net, one, 4, "side") for one in maps], 4)
    raw = joined(net, [branches(net, one, 4 * bins, "box") for one in maps], 4 * bins)
    chance = net.op("Softmax", net.transpose(net.reshape(raw, 1, 4, bins, -1), 0, 2, 1, 3), axis=1)
    weight = net.const(np.arange(bins).reshape(1, bins, 1, 1))
    return net.reshape(net.op("Conv", chance, weight, kernel_shape=[1, 1]), 1, 4, -1)


def corners(net: Net, maps: list[Map], distances: str) -> tuple[str, str]:
    """Left top and right bottom of each box, [1, 2, cells] in strides."""
    place, _ = centres(net, maps)
    low, high = net.split(distances, 2, 2, axis=1)
    at = net.const(place[None])
    return net.op("Sub", at, low), net.op("Add", at, high)


def free_boxes(net: Net, maps: list[Map], *, xyxy: bool = False, bins: int = BINS) -> str:
    """YOLOv8's dist2bbox: [1, 4, cells] in pixels."""
    _, stride = centres(net, maps)
    low, high = corners(net, maps, sides(net, maps, bins))
    if not xyxy:
        centre = net.op("Div", net.op("Add", low, high), net.const(2.0))
        low, high = centre, net.op("Sub", high, low)
    return net.op("Mul", net.concat(low, high, axis=1), net.const(stride[None]))


def chances(net: Net, maps: list[Map], *, light: bool = False) -> str:
    """Class scores [1, classes, cells]."""
    logits = joined(net, [branches(net, one, CLASSES, "class", light=light) for one in maps], CLASSES)
    return net.op("Sigmoid", logits)


def yolov8(net: Net, maps: list[Map], light: bool = False) -> onnx.ModelProto:
    rows = net.concat(free_boxes(net, maps), chances(net, maps, light=light), axis=1)
    return net.model({"output0": rows}, [[1, 4 + CLASSES, cells_of(net, maps)]], {"task": "detect", **NAMES})


def segment(net: Net, maps: list[Map], many: int = 8) -> onnx.ModelProto:
    """Ultralytics' Segment: coefficients behind the scores, and prototypes at stride 4."""
    proto = net.conv(net.conv(net.deconv(net.conv(maps[0], 16, 3), 16), 16, 3), many)
    masks = joined(net, [branches(net, one, many, "plain") for one in maps], many)
    rows = net.concat(free_boxes(net, maps), chances(net, maps), axis=1)
    rows = net.concat(rows, masks, axis=1)
    shapes = [[1, 4 + CLASSES + many, cells_of(net, maps)], [1, many, net.side // 4, net.side // 4]]
    return net.model({"output0": rows, "output1": proto}, shapes, {"task": "segment", **NAMES})


def pose(net: Net, maps: list[Map], points: int = 4) -> onnx.ModelProto:
    """Ultralytics' Pose: x, y and visibility of each point behind the scores."""
    cells, (place, stride) = cells_of(net, maps), centres(net, maps)
    raw = joined(net, [branches(net, one, 3 * points, "plain") for one in maps], 3 * points)
    xy, seen = net.split(net.reshape(raw, 1, points, 3, cells), 2, 1, axis=2)
    xy = net.op("Mul", net.scaled(xy, 2.0, (place - 0.5)[None, None]), net.const(stride[None, None]))
    keys = net.reshape(net.concat(xy, net.op("Sigmoid", seen), axis=2), 1, 3 * points, cells)
    rows = net.concat(net.concat(free_boxes(net, maps), chances(net, maps), axis=1), keys, axis=1)
    said = {"task": "pose", "kpt_shape": str([points, 3]), **NAMES}
    return net.model({"output0": rows}, [[1, 4 + CLASSES + 3 * points, cells]], said)


def obb(net: Net, maps: list[Map]) -> onnx.ModelProto:
    """Ultralytics' OBB: an angle behind the scores, by which the centre is turned too."""
    cells, (place, stride) = cells_of(net, maps), centres(net, maps)
    raw = joined(net, [branches(net, one, 1, "plain") for one in maps], 1)
    angle = net.op("Mul", net.op("Sub", net.op("Sigmoid", raw), net.const(0.25)), net.const(np.pi))
    low, high = net.split(sides(net, maps), 2, 2, axis=1)
    half = net.op("Div", net.op("Sub", high, low), net.const(2.0))
    x, y = net.split(half, 1, 1, axis=1)
    cos, sin = net.op("Cos", angle), net.op("Sin", angle)
    turned_x = net.op("Sub", net.op("Mul", x, cos), net.op("Mul", y, sin))
    turned_y = net.op("Add", net.op("Mul", x, sin), net.op("Mul", y, cos))
    centre = net.op("Add", net.concat(turned_x, turned_y, axis=1), net.const(place[None]))
    box = net.op("Mul", net.concat(centre, net.op("Add", low, high), axis=1), net.const(stride[None]))
    rows = net.concat(net.concat(box, chances(net, maps), axis=1), angle, axis=1)
    return net.model({"output0": rows}, [[1, 5 + CLASSES, cells]], {"task": "obb", **NAMES})


def end_to_end(net: Net, maps: list[Map], bins: int = BINS, light: bool = True, most: int = 30) -> onnx.ModelProto:
    """YOLOv10's v10postprocess, which YOLO26 has too (with one number a side): the best of all, nothing suppressed."""
    rows = net.concat(free_boxes(net, maps, xyxy=True, bins=bins), chances(net, maps, light=light), axis=1)
    box, scores = net.split(net.transpose(rows, 0, 2, 1), 4, CLASSES, axis=2)
    _, place = net.op("TopK", net.op("ReduceMax", scores, axes=[2], keepdims=0), net.ints(most), outputs=2, axis=1)
    place = net.op("Unsqueeze", place, net.ints(2))

    def at(values: str, index: str, width: int) -> str:
        return net.op("GatherElements", values, net.op("Tile", index, net.ints(1, 1, width)), axis=1)

    box, scores = at(box, place, 4), at(scores, place, CLASSES)
    score, flat = net.op("TopK", net.reshape(scores, 1, -1), net.ints(most), outputs=2, axis=1)
    label = net.op("Mod", flat, net.const(CLASSES, np.int64))
    row = net.op("Unsqueeze", net.op("Div", flat, net.const(CLASSES, np.int64)), net.ints(2))
    label = net.op("Cast", label, to=TensorProto.FLOAT)
    parts = [at(box, row, 4), *(net.op("Unsqueeze", one, net.ints(2)) for one in (score, label))]
    return net.model({"output0": net.op("Concat", *parts, axis=2)}, [[1, most, 6]], {"task": "detect", **NAMES})


def suppressed(net: Net, maps: list[Map]) -> tuple[str, str, str, str]:
    """ONNX's suppression of YOLOv8-like rows: boxes [n, 4], scores [n], classes [n], and how many."""
    box, scores = net.transpose(free_boxes(net, maps, xyxy=True), 0, 2, 1), chances(net, maps)
    limits = net.ints(20), net.const([0.45]), net.const([0.1])
    found = net.op("NonMaxSuppression", box, scores, *limits)
    label, place = (net.op("Gather", found, net.const(column, np.int64), axis=1) for column in (1, 2))
    both = net.op("Concat", *(net.op("Unsqueeze", one, net.ints(1)) for one in (label, place)), axis=1)
    score = net.op("GatherND", net.op("Squeeze", scores, net.ints(0)), both)
    return net.op("Gather", net.op("Squeeze", box, net.ints(0)), place, axis=0), score, label, found


def dets_labels(net: Net, maps: list[Map]) -> onnx.ModelProto:
    """MMDeploy's: dets [1, n, 5] and labels [1, n], n as many as found."""
    box, score, label, _ = suppressed(net, maps)
    dets = net.op("Concat", box, net.op("Unsqueeze", score, net.ints(1)), axis=1)
    outputs = {"dets": net.op("Unsqueeze", dets, net.ints(0)), "labels": net.op("Unsqueeze", label, net.ints(0))}
    return net.model(outputs, [[1, "n", 5], [1, "n"]], NAMES, [TensorProto.FLOAT, TensorProto.INT64])


def padded_nms(net: Net, maps: list[Map], most: int = 30) -> onnx.ModelProto:
    """Ultralytics' nms=True: what ONNX's suppression leaves, best first, filled up with zeros to [1, n, 6]."""
    box, score, label, _ = suppressed(net, maps)
    number = net.op("Cast", label, to=TensorProto.FLOAT)
    rows = net.op("Concat", box, *(net.op("Unsqueeze", one, net.ints(1)) for one in (score, number)), axis=1)
    rows = net.op("Concat", rows, net.const(np.zeros((most, 6))), axis=0)
    score = net.op("Concat", score, net.const(np.zeros(most)), axis=0)
    _, best = net.op("TopK", score, net.ints(most), outputs=2, axis=0)
    made = net.op("Unsqueeze", net.op("Gather", rows, best, axis=0), net.ints(0))
    return net.model({"output0": made}, [[1, most, 6]], {"task": "detect", **NAMES})


def yolov6(net: Net, maps: list[Map]) -> onnx.ModelProto:
    """YOLOv6's EffiDeHead: one convolution a branch, distances without bins, an objectness of ones."""
    boxes, labels = [], []
    for one in maps:
        stem = net.conv(one, net.sizes[one][0], act="silu")
        label = net.conv(net.conv(stem, 16, 3), CLASSES, act=None, head="class")
        labels.append(net.reshape(net.op("Sigmoid", label), 1, CLASSES, -1))
        boxes.append(net.reshape(net.conv(net.conv(stem, 16, 3), 4, act=None, head="side"), 1, 4, -1))
    scores, cells = net.transpose(net.concat(*labels, axis=2), 0, 2, 1), cells_of(net, maps)
    _, stride = centres(net, maps)
    low, high = corners(net, maps, net.concat(*boxes, axis=2))
    centre = net.op("Div", net.op("Add", low, high), net.const(2.0))
    box = net.op("Mul", net.concat(centre, net.op("Sub", high, low), axis=1), net.const(stride[None]))
    ones = net.const(np.ones((1, cells, 1)))
    rows = net.op("Concat", net.transpose(box, 0, 2, 1), ones, scores, axis=2)
    return net.model({"outputs": rows}, [[1, cells, 5 + CLASSES]])


def two_outputs(net: Net, maps: list[Map], classes_first: bool = True) -> onnx.ModelProto:
    """PP-YOLOE's head with attention in each branch, or DAMO-YOLO's ZeroHead: boxes and scores apart."""
    cells = cells_of(net, maps)
    seen = [net.add(ese(net, one, "Sigmoid"), one) if classes_first else one for one in maps]
    boxes = net.transpose(free_boxes(net, seen, xyxy=True), 0, 2, 1)
    scores = chances(net, seen)
    if classes_first:
        outputs = {"boxes": boxes, "scores": scores}
        return net.model(outputs, [[1, cells, 4], [1, CLASSES, cells]], NAMES)
    outputs = {"scores": net.transpose(scores, 0, 2, 1), "boxes": boxes}
    return net.model(outputs, [[1, cells, CLASSES], [1, cells, 4]], NAMES)


def efficient_nms(net: Net, maps: list[Map], most: int = 30) -> onnx.ModelProto:
    """The form of TensorRT's EfficientNMS, made of ONNX's operators."""
    box, score, label, _ = suppressed(net, maps)
    score = net.op("Concat", score, net.const(np.zeros(most)), axis=0)
    box = net.op("Concat", box, net.const(np.zeros((most, 4))), axis=0)
    label = net.op("Concat", label, net.const(np.zeros(most), np.int64), axis=0)
    top, best = net.op("TopK", score, net.ints(most), outputs=2, axis=0)
    real = net.op("Cast", net.op("Greater", top, net.const(0.0)), to=TensorProto.INT64)
    count = net.reshape(net.op("ReduceSum", real, net.ints(0), keepdims=1), 1, 1)
    outputs = {
        "num_dets": net.op("Cast", count, to=TensorProto.INT32),
        "det_boxes": net.op("Unsqueeze", net.op("Gather", box, best, axis=0), net.ints(0)),
        "det_scores": net.op("Unsqueeze", top, net.ints(0)),
        "det_classes": net.op("Cast", net.op("Unsqueeze", net.op("Gather", label, best), net.ints(0)), to=6),
    }
    kinds = [TensorProto.INT32, TensorProto.FLOAT, TensorProto.FLOAT, TensorProto.INT32]
    return net.model(outputs, [[1, 1], [1, most, 4], [1, most], [1, most]], NAMES, kinds)


NORMALISED = (-2.1, 2.6)
"""Black and white less the means that RTMDet takes off, by the deviations."""


def distances(net: Net, one: Map, bins: int, kind: str = "box") -> Map:
    """The last convolution of a branch: logits of distributions, or distances where there is one bin."""
    return branches(net, one, 4 * bins, kind if bins > 1 else "side")


def raw_maps(
    net: Net, maps: list[Map], bins: int = 1, *, classes_first: bool = False, sigmoid: bool = True,
    total: bool = False, whole: bool = False, pixels: bool = False, named: bool = True,
) -> onnx.ModelProto:  # fmt: skip
    """Distances and class scores of each stride, not decoded.

    Args:
        net: the graph.
        maps: what the head reads.
        bins: of a distribution; 1 for plain distances.
        classes_first: whether the scores come first: DAMO-YOLO's and RTMDet's, and YOLOv6's own ``export``.
        sigmoid: whether scores are behind theirs.
        total: whether their sum up to 1 is a third map, as Rockchip's exporters write it.
        whole: whether both are in one map.
        pixels: whether distances are exponentials times the stride, as RTMDet's are.
        named: whether the file names its classes.
    """
    parts: dict[str, tuple[str, int]] = {}
    net.levels = NORMALISED if pixels else net.levels
    for number, (one, stride) in enumerate(zip(maps, STRIDES, strict=True)):
        box, score = distances(net, one, bins), branches(net, one, CLASSES, "class")
        if pixels:
            box = net.op("Mul", net.op("Exp", net.op("Mul", box, net.const(0.5))), net.const(stride))
        score = net.op("Sigmoid", score) if sigmoid else score
        pair = [(f"box{number}", box, 4 * bins), (f"class{number}", score, CLASSES)]
        pair = pair[::-1] if classes_first else pair
        if whole:
            pair = [(f"map{number}", net.concat(*(value for _, value, _ in pair)), 4 * bins + CLASSES)]
        if total:
            summed = net.op("Clip", net.op("ReduceSum", score, net.ints(1)), net.const(0.0), net.const(1.0))
            pair.append((f"sum{number}", summed, 1))
        parts |= {name: (value, channels) for name, value, channels in pair}
    sizes = [net.side // STRIDES[int(name[-1])] for name in parts]
    shapes = [[1, channels, size, size] for (_, channels), size in zip(parts.values(), sizes, strict=True)]
    return net.model({name: value for name, (value, _) in parts.items()}, shapes, NAMES if named else {})


def batched_nms(net: Net, maps: list[Map], most: int = 30) -> onnx.ModelProto:
    """TensorRT's plug-in BatchedNMS at the end, with boxes in parts of the image."""
    scale = net.const(1 / net.side)
    box = net.op("Mul", net.transpose(free_boxes(net, maps, xyxy=True), 0, 2, 1), scale)
    scores = net.transpose(chances(net, maps), 0, 2, 1)
    ends = ["num_detections", "nmsed_boxes", "nmsed_scores", "nmsed_classes"]
    kinds = [TensorProto.INT32, TensorProto.FLOAT, TensorProto.FLOAT, TensorProto.FLOAT]
    model = net.model({"b": net.op("Unsqueeze", box, net.ints(2)), "s": scores}, [[1, "n", 1, 4], [1, "n", "c"]], NAMES)
    settings = {"shareLocation": 1, "backgroundLabelId": -1, "numClasses": CLASSES, "topK": 100, "keepTopK": most}
    limits = {"scoreThreshold": 0.1, "iouThreshold": 0.45, "isNormalized": 1}
    model.graph.node.append(
        onnx.helper.make_node("BatchedNMSDynamic_TRT", ["b", "s"], ends, "nms", **settings, **limits)
    )
    shapes = [[1, 1], [1, most, 4], [1, most], [1, most]]
    del model.graph.output[:]
    infos = [onnx.helper.make_tensor_value_info(*one) for one in zip(ends, kinds, shapes, strict=True)]
    model.graph.output.extend(infos)
    return model
