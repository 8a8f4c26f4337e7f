"""DETRs: a backbone, an encoder, queries chosen among its cells, and decoder layers that look where they point.

After RT-DETR (Zhao et al., 2023: hybrid encoder, deformable attention by GridSample), D-FINE (Peng et al., 2024: boxes
by distributions that each layer refines) and RF-DETR (a vision transformer in windows as backbone).
"""

from __future__ import annotations

import numpy as np
import onnx

from family_networks.convolutional import SCORE
from family_networks.net import Map, Net

POINTS, HEADS = 2, 2
BINS = 17


def detr(height: int, width: int, classes: int, form: str, *, d: int = 24, queries: int = 20) -> Net:
    """A DETR: "rows" as Ultralytics exports RT-DETR, "pair" of logits and boxes, "rf" (RF-DETR), "deploy", "fine".

    "deploy" is RT-DETR with its own post-processing, "fine" D-FINE with the same.
    """
    net = Net(height, width, image="input" if form == "rf" else "images")
    maps = _vit(net, d) if form == "rf" else _hybrid(net, _resnet(net), d)
    sizes = _sizes(height, width, maps, form)
    memory = net.op("Concat", *(net.rows(one) for one in maps), axis=1)
    seen = net.norm(net.linear(memory, d, d), d)
    scores = net.linear(seen, d, classes, bias=SCORE)
    anchors = net.const(_anchors(sizes))
    place = net.op("Sigmoid", net.op("Add", _mlp(net, seen, d, 4), anchors))
    best = net.op("ReduceMax", scores, net.const(np.array([-1])), keepdims=0)
    _, chosen = net.ops("TopK", best, net.const(np.array([queries])), count=2, axis=1)
    where = net.op("Unsqueeze", chosen, net.const(np.array([-1])))
    query, box = (_gathered(net, one, where, n, queries) for one, n in ((seen, d), (place, 4)))
    for _ in range(2):
        query, box = _layer(net, query, box, memory, sizes, d, queries, fine=form == "fine")
    logits = net.linear(query, d, classes, bias=SCORE, scale=3.0)
    _ends(net, form, logits, box, classes, queries)
    return net


def _resnet(net: Net) -> list[Map]:
    x, maps = net.pool(net.conv(net.image, 8, 3, 2, act="relu")), []
    for channels in (16, 24, 32):
        y = net.conv(net.conv(x, channels, 3, 2, act="relu"), channels, 3)
        x = Map(net.act(net.add(y, net.conv(net.pool(x), channels)).name, "relu"), channels)
        maps.append(x)
    return maps


def _hybrid(net: Net, maps: list[Map], d: int) -> list[Map]:
    """Attention within the coarsest map, then convolutions across scales, down and up."""
    maps = [net.conv(one, d) for one in maps]
    rows, columns = net.height // 32, net.width // 32
    x = net.rows(maps[-1])
    at = net.const(_sines(rows * columns, d))
    asked = net.op("Add", x, at)
    x = net.norm(net.op("Add", x, net.attention(asked, asked, x, d)), d)
    x = net.norm(net.op("Add", x, net.feed_forward(x, d, "gelu")), d)
    maps[-1] = Map(net.shape(net.turn(x, 0, 2, 1), 1, d, rows, columns), d)
    for place in (1, 0):
        maps[place] = _csp(net, net.concat(net.up(net.conv(maps[place + 1], d, act="silu")), maps[place]), d)
    for place in (1, 2):
        maps[place] = _csp(net, net.concat(net.conv(maps[place - 1], d, 3, 2, act="silu"), maps[place]), d)
    return maps


def _csp(net: Net, x: Map, d: int) -> Map:
    left, right = net.conv(x, d, act="silu"), net.conv(x, d, act="silu")
    block = Map(net.act(net.add(net.conv(left, d, 3), net.conv(left, d)).name, "silu"), d)  # RepVGG's
    return net.conv(net.add(block, right), d, act="silu")


def _vit(net: Net, d: int) -> list[Map]:
    """A vision transformer: patches of 16 pixels, one layer in four windows, one over all."""
    rows, columns = net.height // 16, net.width // 16
    x = net.rows(net.conv(net.image, d, 17, 16))
    x = net.op("Add", x, net.const(_sines(rows * columns, d)))
    for windows in (4, 1):
        y = net.norm(x, d)
        y = net.shape(y, windows, -1, d) if windows > 1 else y
        y = net.attention(y, y, y, d)
        y = net.shape(y, 1, -1, d) if windows > 1 else y
        x = net.op("Add", x, y)
        x = net.op("Add", x, net.feed_forward(net.norm(x, d), d, "gelu"))
    return [net.conv(Map(net.shape(net.turn(x, 0, 2, 1), 1, d, rows, columns), d), d, 3, act="silu")]


def _sizes(height: int, width: int, maps: list[Map], form: str) -> list[tuple[int, int]]:
    strides = (16,) if form == "rf" else (8, 16, 32)
    assert len(maps) == len(strides)
    return [(height // s, width // s) for s in strides]


def _anchors(sizes: list[tuple[int, int]]) -> np.ndarray:
    """Logits of a box at each cell."""
    found = []
    for level, (rows, columns) in enumerate(sizes):
        y, x = (np.mgrid[:rows, :columns].reshape(2, -1) + 0.5) / [[rows], [columns]]
        side = np.full_like(x, 0.1 * 2**level)
        found.append(np.stack([x, y, side, side], axis=1))
    part = np.concatenate(found)[None]
    return np.log(part / (1 - part)).astype(np.float32)


def _sines(n: int, d: int) -> np.ndarray:
    return np.sin(np.arange(n)[:, None] / 10 ** np.linspace(0, 2, d))[None].astype(np.float32)


def _mlp(net: Net, x: str, d: int, out: int) -> str:
    return net.linear(net.act(net.linear(x, d, d), "relu"), d, out, scale=0.3)


def _gathered(net: Net, x: str, where: str, values: int, queries: int) -> str:
    index = net.op("Expand", where, net.const(np.array([1, queries, values])))
    return net.op("GatherElements", x, index, axis=1)


def _layer(
    net: Net, query: str, box: str, memory: str, sizes: list[tuple[int, int]], d: int, queries: int, *, fine: bool
) -> tuple[str, str]:
    """A decoder layer: attention among queries, deformable attention, feed forward, a better box."""
    at = _mlp(net, box, 4, d)
    asked = net.op("Add", query, at)
    query = net.norm(net.op("Add", query, net.attention(asked, asked, query, d)), d)
    query = net.norm(
        net.op("Add", query, _deformable(net, net.op("Add", query, at), box, memory, sizes, d, queries)), d
    )
    query = net.norm(net.op("Add", query, net.feed_forward(query, d)), d)
    move = _distribution(net, query, d) if fine else _mlp(net, query, d, 4)
    held = net.op("Clip", box, net.const(np.float32(1e-4)), net.const(np.float32(1 - 1e-4)))
    odds = net.op("Log", net.op("Div", held, net.op("Sub", net.const(np.float32(1)), held)))
    return query, net.op("Sigmoid", net.op("Add", odds, move))


def _distribution(net: Net, query: str, d: int) -> str:
    """D-FINE's: the expectation of a distribution over uneven steps, for each side."""
    chance = net.op("Softmax", net.shape(_mlp(net, query, d, 4 * BINS), 1, -1, 4, BINS), axis=-1)
    steps = np.sign(np.linspace(-1, 1, BINS)) * np.linspace(-1, 1, BINS) ** 2
    return net.shape(net.op("MatMul", chance, net.const(steps.reshape(BINS, 1).astype(np.float32))), 1, -1, 4)


def _deformable(net: Net, query: str, box: str, memory: str, sizes: list[tuple[int, int]], d: int, queries: int) -> str:
    """Deformable attention: each query looks at a few points of each map (Zhu et al., 2021)."""
    each = d // HEADS
    value = net.turn(net.shape(net.linear(memory, d, d), 1, -1, HEADS, each), 2, 3, 1, 0)  # [heads, each, cells, 1]
    total = len(sizes) * POINTS
    offsets = net.shape(net.linear(query, d, HEADS * total * 2), queries, HEADS, total, 2)
    weights = net.shape(net.linear(query, d, HEADS * total), queries, HEADS, total)
    weights = net.turn(net.op("Softmax", weights, axis=-1), 1, 0, 2)  # [heads, queries, total]
    centre, size = net.ops("Split", net.shape(box, queries, 1, 1, 4), net.const(np.array([2, 2])), count=2, axis=3)
    far = net.op("Mul", net.op("Mul", offsets, size), net.const(np.float32(0.5 / POINTS)))
    place = net.op("Sub", net.op("Mul", net.op("Add", centre, far), net.const(np.float32(2))), net.const(np.float32(1)))
    place = net.turn(place, 1, 0, 2, 3)  # [heads, queries, total, 2]
    ends = np.cumsum([0, *(rows * columns for rows, columns in sizes)])
    found = []
    for level, (rows, columns) in enumerate(sizes):
        start, end, axis = (net.const(np.array([one])) for one in (ends[level], ends[level + 1], 2))
        part = net.shape(net.op("Slice", value, start, end, axis), HEADS, each, rows, columns)
        first, last = (net.const(np.array([one])) for one in (level * POINTS, (level + 1) * POINTS))
        looked = net.op("Slice", place, first, last, net.const(np.array([2])))
        found.append(net.op("GridSample", part, looked, mode="linear", padding_mode="zeros", align_corners=0))
    sampled = net.op("Concat", *found, axis=3)  # [heads, each, queries, total]
    weighed = net.op("Mul", sampled, net.op("Unsqueeze", weights, net.const(np.array([1]))))
    summed = net.op("ReduceSum", weighed, net.const(np.array([-1])), keepdims=0)
    return net.linear(net.shape(net.turn(summed, 2, 0, 1), 1, queries, d), d, d)


def _ends(net: Net, form: str, logits: str, box: str, classes: int, queries: int) -> None:
    if form == "rows":
        joined = net.op("Concat", box, net.op("Sigmoid", logits), axis=-1)
        net.output(joined, "output0", [1, queries, 4 + classes])
    elif form in ("pair", "rf"):
        boxes, labels = ("dets", "labels") if form == "rf" else ("pred_boxes", "logits")
        net.output(logits, labels, [1, queries, classes])
        net.output(box, boxes, [1, queries, 4])
    else:
        _post_processing(net, logits, box, classes, queries)


def _post_processing(net: Net, logits: str, box: str, classes: int, queries: int) -> None:
    """The best of all pairs of query and class, and boxes in pixels of the original image."""
    net.inputs["orig_target_sizes"] = ("N", 2), onnx.TensorProto.INT64
    centre, size = net.ops("Split", box, net.const(np.array([2, 2])), count=2, axis=2)
    half = net.op("Mul", size, net.const(np.float32(0.5)))
    corners = net.op("Concat", net.op("Sub", centre, half), net.op("Add", centre, half), axis=2)
    sides = net.op("Cast", net.op("Tile", "orig_target_sizes", net.const(np.array([1, 2]))), to=onnx.TensorProto.FLOAT)
    corners = net.op("Mul", corners, net.op("Unsqueeze", sides, net.const(np.array([1]))))
    flat = net.shape(net.op("Sigmoid", logits), 1, -1)
    scores, index = net.ops("TopK", flat, net.const(np.array([queries])), count=2, axis=1)
    number = net.const(np.int64(classes))
    owner = net.op("Div", index, number)
    labels = net.op("Sub", index, net.op("Mul", owner, number))
    boxes = _gathered(net, corners, net.op("Unsqueeze", owner, net.const(np.array([-1]))), 4, queries)
    net.output(labels, "labels", [1, queries], onnx.TensorProto.INT64)
    net.output(boxes, "boxes", [1, queries, 4])
    net.output(scores, "scores", [1, queries])
