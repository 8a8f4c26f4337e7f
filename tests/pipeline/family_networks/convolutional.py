"""Convolutional detectors: PicoDet, NanoDet-Plus, FastestDet, YOLO-FastestV2, YuNet, UltraFace, SCRFD."""

from __future__ import annotations

import numpy as np
import onnx

from detquant.families.ssd_layout import SSDLayout
from family_networks.net import Map, Net

SCORE = -3.0
"""Bias of scores: most cells see nothing."""
BINS = 8
GREY_LEVELS = 64.0
"""Standard deviation of photographs: first weights of a trained network are as much smaller where it is fed these."""


def pan(net: Net, maps: list[Map], width: int, k: int = 5, act: str = "hswish") -> list[Map]:
    """A path down and a path up of separable convolutions, and a map of stride 64 beyond (LC-PAN, GhostPAN)."""
    maps = [net.conv(one, width, act=act) for one in maps]
    down = [maps[-1]]
    for one in reversed(maps[:-1]):
        down.insert(0, net.separable(net.concat(net.up(down[0]), one), width, k, act=act))
    up = [down[0]]
    for one in down[1:]:
        up.append(net.separable(net.concat(net.separable(up[-1], width, k, 2, act), one), width, k, act=act))
    return [*up, net.separable(maps[-1], width, k, 2, act)]


def lcnet(net: Net, act: str = "hswish") -> list[Map]:
    """PP-LCNet's backbone: separable convolutions, squeeze and excitation in the last stage."""
    x, found = net.conv(net.image, 8, 3, 2, act=act), []
    for width, k in ((16, 3), (24, 3), (32, 5), (48, 5)):
        x = net.separable(x, width, k, 2, act)
        found.append(x)
    squeezed = Map(net.op("GlobalAveragePool", x.name), x.channels)
    gate = net.conv(net.conv(squeezed, x.channels // 4, act="relu"), x.channels)
    found[-1] = Map(net.op("Mul", x.name, net.op("HardSigmoid", gate.name, alpha=1 / 6, beta=0.5)), x.channels)
    return found[1:]


def distribution_head(net: Net, maps: list[Map], classes: int, act: str) -> list[Map]:
    """For each map scores and four distributions of 8 bins in one convolution, as PicoDet and NanoDet-Plus have it."""
    found = []
    for one in maps:
        x = net.separable(net.separable(one, one.channels, 5, act=act), one.channels, 5, act=act)
        found.append(net.conv(x, classes + 4 * BINS, bias=SCORE))
    return found


def split_scores(net: Net, x: Map, classes: int) -> tuple[str, str]:
    """Scores behind the sigmoid and logits of distances, as rows."""
    sizes = net.const(np.array([classes, 4 * BINS], np.int64))
    scores, boxes = net.ops("Split", net.rows(x), sizes, count=2, axis=2)
    return net.op("Sigmoid", scores), boxes


def picodet(height: int, width: int, classes: int, form: str) -> Net:
    """PicoDet: "raw" maps, "decoded" boxes and scores, or with the suppression in the graph: "rows"."""
    net = Net(height, width, image="image")
    heads = distribution_head(net, pan(net, lcnet(net), 24), classes, "hswish")
    pairs = [split_scores(net, one, classes) for one in heads]
    sizes = [-(-height // s) * -(-width // s) for s in (8, 16, 32, 64)]
    if form == "raw":
        for place, cells in enumerate(sizes):
            net.output(pairs[place][0], f"score_{place}", [1, cells, classes])
        for place, cells in enumerate(sizes):
            net.output(pairs[place][1], f"box_{place}", [1, cells, 4 * BINS])
        return net
    boxes = net.op(
        "Concat",
        *(_decoded(net, pair[1], height, width, s) for pair, s in zip(pairs, (8, 16, 32, 64), strict=True)),
        axis=1,
    )
    scores = net.turn(net.op("Concat", *(pair[0] for pair in pairs), axis=1), 0, 2, 1)
    net.inputs["scale_factor"] = ("batch", 2), onnx.TensorProto.FLOAT
    twice = net.op("Concat", *(2 * [net.op("Gather", "scale_factor", net.const(np.array([1, 0])), axis=1)]), axis=1)
    boxes = net.op("Div", boxes, net.op("Unsqueeze", twice, net.const(np.array([1]))))
    if form == "decoded":
        net.output(boxes, "boxes", [1, sum(sizes), 4])
        net.output(scores, "scores", [1, classes, sum(sizes)])
    else:
        suppressed(net, boxes, scores)
    return net


def _decoded(net: Net, logits: str, height: int, width: int, stride: int) -> str:
    """Corners in pixels of the distances' expectations."""
    chance = net.op("Softmax", net.shape(logits, 1, -1, 4, BINS), axis=-1)
    weight = net.const(np.arange(BINS, dtype=np.float32).reshape(BINS, 1))
    far = net.shape(net.op("Mul", net.op("MatMul", chance, weight), net.const(np.float32(stride))), 1, -1, 4)
    rows, columns = -(-height // stride), -(-width // stride)
    y, x = (np.mgrid[:rows, :columns].reshape(2, -1) + 0.5) * stride
    centre = net.const(np.stack([x, y, x, y], axis=1)[None].astype(np.float32))
    signs = net.const(np.array([-1, -1, 1, 1], np.float32))
    return net.op("Add", centre, net.op("Mul", far, signs))


def suppressed(net: Net, boxes: str, scores: str) -> None:
    """Rows of class, score and corners of what NonMaxSuppression leaves, and their number, as Paddle2ONNX writes it."""
    limits = [net.const(np.array(one)) for one in (np.int64(100), np.float32(0.6), np.float32(0.01))]
    kept = net.op("NonMaxSuppression", boxes, scores, *limits)
    labels = net.op("Gather", kept, net.const(np.array([1])), axis=1)
    cells = net.op("Gather", kept, net.const(np.array(2)), axis=1)
    found = net.op("GatherND", scores, kept)
    score = net.op("Unsqueeze", found, net.const(np.array([1])))
    corners = net.op("Gather", net.op("Squeeze", boxes, net.const(np.array([0]))), cells, axis=0)
    rows = net.op("Concat", net.op("Cast", labels, to=onnx.TensorProto.FLOAT), score, corners, axis=1)
    net.output(rows, "multiclass_nms3_0.tmp_0", ["n", 6])
    count = net.op("Cast", net.op("Shape", rows, start=0, end=1), to=onnx.TensorProto.INT32)
    net.output(count, "multiclass_nms3_0.tmp_2", [1], onnx.TensorProto.INT32)


def nanodet_plus(height: int, width: int, classes: int) -> Net:
    """NanoDet-Plus: ShuffleNetV2, GhostPAN, and a head whose scores and distributions are one tensor."""
    net = Net(height, width, image="data")
    heads = distribution_head(net, pan(net, net.shuffle_net((16, 24, 32)), 24, act="relu"), classes, "relu")
    parts = [net.op("Concat", *split_scores(net, one, classes), axis=2) for one in heads]
    cells = sum(-(-height // s) * -(-width // s) for s in (8, 16, 32, 64))
    net.output(net.op("Concat", *parts, axis=1), "output", [1, cells, classes + 4 * BINS])
    return net


def fastestdet(height: int, width: int, classes: int, channels: int = 3) -> Net:
    """FastestDet: ShuffleNetV2, three scales joined at stride 16, pyramid pooling by convolutions, one head."""
    net = Net(height, width, image="input.1", channels=channels)
    fine, middle, coarse = net.shuffle_net((12, 24, 48))
    shrunk = Map(net.op("AveragePool", fine.name, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4), fine.channels)
    x = net.conv(net.concat(shrunk, middle, net.up(coarse)), 24, act="relu")
    branches = []
    for depth in (1, 2, 3):
        y = x
        for _ in range(depth):
            y = net.conv(y, y.channels, 5, groups=y.channels, act="relu")
        branches.append(y)
    x = Map(net.act(net.add(x, net.conv(net.concat(*branches), 24)).name, "relu"), 24)
    x = net.conv(x, 24, act="relu")
    maps = []
    for values, last, bias in ((1, "Sigmoid", SCORE), (4, "", 0.0), (classes, "Softmax", 0.0)):
        y = net.conv(net.conv(x, 24, 5, groups=24, act="relu"), values, bias=bias)
        name = net.op(last, y.name, **({"axis": 1} if last == "Softmax" else {})) if last else y.name
        maps.append(Map(name, values))
    net.output(net.concat(*maps).name, "output", [1, 5 + classes, height // 16, width // 16])
    return net


def yolo_fastestv2(height: int, width: int, classes: int, *, raw: bool) -> Net:
    """YOLO-FastestV2: ShuffleNetV2, a light pyramid, heads of boxes, objectness and classes."""
    net = Net(height, width, image="input.1")
    _, middle, coarse = net.shuffle_net((12, 24, 48))
    for place, source in enumerate((net.concat(net.up(coarse), middle), coarse)):
        x = net.conv(source, 24, act="relu")
        objects, kinds = (_tower(net, x) for _ in range(2))
        maps = [net.conv(objects, 12), net.conv(objects, 3, bias=SCORE), net.conv(kinds, classes)]
        size = height // (16, 32)[place], width // (16, 32)[place]
        if raw:
            for one in maps:
                net.output(one.name, f"map{place}_{one.channels}", [1, one.channels, *size])
            continue
        chances = [
            net.op("Sigmoid", maps[0].name),
            net.op("Sigmoid", maps[1].name),
            net.op("Softmax", maps[2].name, axis=1),
        ]
        joined = net.turn(net.op("Concat", *chances, axis=1), 0, 2, 3, 1)
        net.output(joined, f"map{place}", [1, *size, 15 + classes])
    return net


def _tower(net: Net, x: Map) -> Map:
    y = net.conv(net.conv(x, x.channels, 5, groups=x.channels, act="relu"), x.channels // 2)
    return net.conv(net.conv(y, y.channels, 5, groups=y.channels, act="relu"), x.channels)


def yunet(height: int, width: int) -> Net:
    """YuNet: separable convolutions, a pyramid that adds, four outputs for each of three strides."""
    net = Net(height, width, image="input")
    x, maps = net.separable(net.conv(net.image, 16, 3, 2, act="relu"), 16), []
    for width_of in (16, 24, 32, 32):
        x = net.separable(net.separable(net.pool(x), width_of), width_of)
        maps.append(x)
    maps = [net.separable(one, 32) for one in maps[1:]]
    for place in (1, 0):
        maps[place] = net.separable(net.add(maps[place], net.up(maps[place + 1])), 32)
    kinds = (("cls", 1, True), ("obj", 1, True), ("bbox", 4, False), ("kps", 10, False))
    for name, values, is_score in kinds:
        for stride, one in zip((8, 16, 32), maps, strict=True):
            y = net.conv(net.conv(one, values, bias=SCORE / 2 * is_score), values, 3, groups=values)
            rows = net.rows(y)
            rows = net.op("Sigmoid", rows) if is_score else rows
            net.output(rows, f"{name}_{stride}", [1, (height // stride) * (width // stride), values])
    return net


def ultraface(height: int, width: int, *, decoded: bool, anchors: np.ndarray) -> Net:
    """UltraFace: separable convolutions, four heads of 3, 2, 2 and 3 anchors, boxes decoded or not."""
    net = Net(height, width, image="input")
    x = net.separable(net.conv(net.image, 8, 3, 2, act="relu"), 16, s=2)
    scores, codes = [], []
    for place, count in enumerate((3, 2, 2, 3)):
        x = net.separable(net.separable(x, 16 + 8 * place, s=2), 16 + 8 * place)
        head = net.conv if place == 3 else net.separable
        scores.append(net.rows(net.conv(head(x, x.channels), 2 * count), 2))
        codes.append(net.rows(net.conv(head(x, x.channels), 4 * count), 4))
    found = net.op("Concat", *codes, axis=1)
    if decoded:
        centre, size = net.ops("Split", found, net.const(np.array([2, 2])), count=2, axis=2)
        places, sizes = (net.const(part[None]) for part in (anchors[:, :2], anchors[:, 2:]))
        centre = net.op("Add", net.op("Mul", net.op("Mul", centre, net.const(np.float32(0.1))), sizes), places)
        size = net.op("Mul", net.op("Exp", net.op("Mul", size, net.const(np.float32(0.2)))), sizes)
        half = net.op("Mul", size, net.const(np.float32(0.5)))
        found = net.op("Concat", net.op("Sub", centre, half), net.op("Add", centre, half), axis=2)
    net.output(net.op("Softmax", net.op("Concat", *scores, axis=1), axis=2), "scores", [1, len(anchors), 2])
    net.output(found, "boxes", [1, len(anchors), 4])
    return net


def scrfd(height: int, width: int) -> Net:
    """SCRFD: residual blocks, a pyramid, per stride scores, distances and points of two anchors a cell."""
    net = Net(height, width, image="input.1")
    x, maps = net.conv(net.image, 8, 3, 2, act="relu"), []
    for channels in (8, 16, 24, 32):
        y = net.conv(net.conv(x, channels, 3, 2, act="relu"), channels, 3)
        x = Map(net.act(net.add(y, net.conv(net.pool(x), channels)).name, "relu"), channels)
        maps.append(x)
    maps = pan(net, maps[1:], 16, k=3, act="relu")[:3]
    for values, kind in ((1, "score"), (4, "bbox"), (10, "kps")):
        for stride, one in zip((8, 16, 32), maps, strict=True):
            y = net.conv(one, 16, 3, act="relu")
            rows = net.shape(
                net.turn(net.conv(y, 2 * values, 3, bias=SCORE * (values == 1) + (values == 4)).name, 2, 3, 0, 1),
                -1,
                values,
            )
            rows = net.op("Sigmoid", rows) if values == 1 else rows
            net.output(rows, f"{kind}_{stride}", [2 * (height // stride) * (width // stride), values])
    return net


def retinaface(height: int, width: int) -> Net:
    """RetinaFace: MobileNet-0.25, a pyramid that adds, SSH contexts, heads of two anchors a cell in three outputs."""
    net = Net(height, width, image="input")
    first = net.rng.normal(0, GREY_LEVELS**-1 / 27**0.5, (8, 3, 3, 3)).astype(np.float32)
    halved = net.op("Conv", "input", net.const(first), kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    x, maps = Map(net.act(halved, "relu"), 8), []
    for channels in (8, 16, 32, 48):
        x = net.separable(x, channels, 3, 2)
        maps.append(x)
    fine, middle, coarse = (net.conv(one, 16, act="relu") for one in maps[1:])
    middle = net.conv(net.add(middle, net.up(coarse)), 16, 3, act="relu")
    fine = net.conv(net.add(fine, net.up(middle)), 16, 3, act="relu")
    levels = []
    for one in (fine, middle, coarse):
        five = net.conv(one, 4, 3, act="relu")
        seven = net.conv(net.conv(five, 4, 3, act="relu"), 4, 3)
        joined = net.concat(net.conv(one, 8, 3), net.conv(five, 4, 3), seven)
        levels.append(Map(net.act(joined.name, "relu"), 16))
    rows = 2 * sum((height // s) * (width // s) for s in (8, 16, 32))
    for values, name in ((4, "output"), (2, "outputt"), (10, "outputtt")):
        parts = [net.rows(net.conv(one, 2 * values), values) for one in levels]
        whole = net.op("Concat", *parts, axis=1)
        net.output(net.op("Softmax", whole, axis=-1) if values == 2 else whole, name, [1, rows, values])
    return net


def efficientdet(side: int, classes: int) -> Net:
    """EfficientDet-Lite: inverted bottlenecks, a BiFPN that weighs what it adds, two towers, 9 anchors a cell."""
    net = Net(side, side, image="images")
    x, maps = net.conv(net.image, 8, 3, 2, act="relu"), []
    for width in (8, 16, 24, 32):
        y = net.conv(net.conv(x, 2 * x.channels, act="relu"), 2 * x.channels, 3, 2, groups=2 * x.channels, act="relu")
        x = net.conv(y, width)
        maps.append(x)
    maps = [net.conv(one, 16) for one in maps[1:]]
    for _ in range(2):
        maps.append(net.pool(maps[-1]))
    for place in range(3, -1, -1):
        maps[place] = _fused(net, maps[place], net.up(maps[place + 1]))
    for place in range(1, 5):
        maps[place] = _fused(net, maps[place], net.pool(maps[place - 1]))
    codes = [net.rows(net.conv(net.separable(one, 16), 36), 4) for one in maps]
    scores = [net.rows(net.conv(net.separable(one, 16), 9 * classes, bias=SCORE), classes) for one in maps]
    count = 9 * sum((side // s) ** 2 for s in EFFICIENTDET_STRIDES)
    net.output(net.op("Concat", *codes, axis=1), "box_codes", [1, count, 4])
    net.output(net.op("Sigmoid", net.op("Concat", *scores, axis=1)), "class_scores", [1, count, classes])
    return net


EFFICIENTDET_STRIDES = (8, 16, 32, 64, 128)


def _fused(net: Net, *maps: Map) -> Map:
    """A weighed sum of maps (fast normalised fusion), and a separable convolution."""
    weights = net.rng.uniform(0.5, 1, len(maps)).astype(np.float32)
    parts = [net.op("Mul", one.name, net.const(w / weights.sum())) for one, w in zip(maps, weights, strict=True)]
    return net.separable(Map(net.act(net.op("Add", *parts), "relu"), maps[0].channels), maps[0].channels)


def efficientdet_layout(side: int) -> SSDLayout:
    """Its anchors: three sizes and three aspects in each cell."""
    found = []
    for stride in EFFICIENTDET_STRIDES:
        y, x = (np.mgrid[: side // stride, : side // stride].reshape(2, -1, 1) + 0.5) * stride / side
        kinds = [(2 ** (size / 3), aspect**0.5) for size in range(3) for aspect in (0.5, 1, 2)]
        sizes = np.array([(2 * stride * one / a / side, 2 * stride * one * a / side) for one, a in kinds])
        centre = np.broadcast_to(np.concatenate([x, y], axis=1)[:, None], (len(x), 9, 2))
        found.append(np.concatenate([centre, np.broadcast_to(sizes, (len(x), 9, 2))], axis=2).reshape(-1, 4))
    return SSDLayout(
        boxes="box_codes",
        classes="class_scores",
        anchors=np.concatenate(found).astype(np.float32),
        variances=(1.0, 1.0, 1.0, 1.0),
        order="yxhw",
        background=None,
        nms_iou=0.5,
        mean=(127.0,) * 3,
        std=(128.0,) * 3,
    )
