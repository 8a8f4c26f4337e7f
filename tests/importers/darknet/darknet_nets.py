"""Nets as cfg texts: one of every layer, and the published YOLOv4 and YOLOv4-tiny built from their description."""

from __future__ import annotations


class Cfg:
    """A cfg as it grows; every method gives the number of the layer that it adds."""

    def __init__(self, side: int, activation: str) -> None:
        self.activation = activation
        self.lines = [f"[net]\nwidth={side}\nheight={side}\nchannels=3\n"]

    def add(self, kind: str, **options: object) -> int:
        self.lines.append(f"[{kind}]\n" + "".join(f"{key}={value}\n" for key, value in options.items()))
        return len(self.lines) - 2

    def conv(self, filters: int, size: int, stride: int = 1) -> int:
        options = {"filters": filters, "size": size, "stride": stride, "pad": 1, "activation": self.activation}
        return self.add("convolutional", batch_normalize=1, **options)

    def convs(self, *filters: int) -> int:
        """1x1 and 3x3 in turns."""
        return [self.conv(count, 3 if index % 2 else 1) for index, count in enumerate(filters)][-1]

    def route(self, *layers: int, **options: int) -> int:
        return self.add("route", layers=",".join(map(str, layers)), **options)

    def head(self, anchors: str, mask: str, scale: float) -> int:
        self.add("convolutional", filters=255, size=1, stride=1, pad=1, activation="linear")
        count = len(anchors.split(",")) // 2
        return self.add(
            "yolo", mask=mask, anchors=anchors, classes=80, num=count, scale_x_y=scale, nms_kind="greedynms"
        )

    def text(self) -> str:
        return "\n".join(self.lines)


def yolov4_tiny(side: int = 416) -> str:
    """YOLOv4-tiny (Wang et al., Scaled-YOLOv4, 2021, section 3.2): CSPOSA blocks, two heads."""
    anchors = "10,14, 23,27, 37,58, 81,82, 135,169, 344,319"
    net = Cfg(side, "leaky")
    net.conv(32, 3, 2)
    net.conv(64, 3, 2)
    fine = 0
    for width in (64, 128, 256):
        whole = net.conv(width, 3)
        net.route(-1, groups=2, group_id=1)
        net.conv(width // 2, 3)
        net.conv(width // 2, 3)
        net.route(-1, -2)
        fine = net.conv(width, 1)
        net.route(whole, -1)
        net.add("maxpool", size=2, stride=2)
    net.conv(512, 3)
    trunk = net.conv(256, 1)
    net.conv(512, 3)
    net.head(anchors, "3,4,5", 1.05)
    net.route(trunk)
    net.conv(128, 1)
    net.add("upsample", stride=2)
    net.route(-1, fine)
    net.conv(256, 3)
    net.head(anchors, "1,2,3", 1.05)
    return net.text()


def yolov4(side: int = 608) -> str:
    """YOLOv4 (Bochkovskiy et al., 2020): CSPDarknet53 with Mish, SPP, PAN, three heads."""
    net = Cfg(side, "mish")
    net.conv(32, 3)
    stages = [_csp_stage(net, 64, 64, 1), _csp_stage(net, 128, 64, 2)]
    stages += [_csp_stage(net, width, width // 2, blocks) for width, blocks in ((256, 8), (512, 8), (1024, 4))]
    net.activation = "leaky"
    net.convs(512, 1024, 512)
    base = len(net.lines) - 2
    pools = []
    for size in (5, 9, 13):
        pools.append(net.add("maxpool", size=size, stride=1))
        if size < 13:
            net.route(base)
    net.route(*reversed(pools), base)
    coarse = net.convs(512, 1024, 512)
    middle = _top_down(net, stages[3], 256)
    fine = _top_down(net, stages[2], 128)
    _pan_heads(net, fine, middle, coarse)
    return net.text()


def _csp_stage(net: Cfg, width: int, inner: int, blocks: int) -> int:
    down = net.conv(width, 3, 2)
    aside = net.conv(inner, 1)
    net.route(down)
    net.conv(inner, 1)
    for _ in range(blocks):
        net.conv(32 if blocks == 1 else inner, 1)
        net.conv(inner, 3)
        net.add("shortcut", **{"from": -3, "activation": "linear"})
    net.conv(inner, 1)
    net.route(-1, aside)
    return net.conv(width, 1)


def _top_down(net: Cfg, stage: int, width: int) -> int:
    net.conv(width, 1)
    up = net.add("upsample", stride=2)
    net.route(stage)
    net.conv(width, 1)
    net.route(-1, up)
    return net.convs(width, 2 * width, width, 2 * width, width)


def _pan_heads(net: Cfg, fine: int, middle: int, coarse: int) -> None:
    anchors = "12,16, 19,36, 40,28, 36,75, 76,55, 72,146, 142,110, 192,243, 459,401"
    last = fine
    for level, (width, lateral) in enumerate(((128, None), (256, middle), (512, coarse))):
        if lateral is not None:
            net.route(last)
            down = net.conv(width, 3, 2)
            net.route(down, lateral)
            last = net.convs(width, 2 * width, width, 2 * width, width)
        net.conv(2 * width, 3)
        net.head(anchors, ",".join(str(3 * level + index) for index in range(3)), (1.2, 1.1, 1.05)[level])


# Odd sides, so that paddings show; two classes, so that heads have 7 values an anchor.
EVERY_LAYER = """
[net]   # a comment
width = 37
height = 29
channels = 3
; another comment
letter_box = 1

[convolutional]
batch_normalize=1
filters=8
size=3
stride=2
pad=1
activation=leaky

[convolutional]
batch_normalize=1
filters=16
groups=8
size=5
stride=1
padding=1
activation=mish

[dropout]
probability=.2

[maxpool]
size=2
stride=1

[route]
layers=-1
groups=4
group_id=2

[convolutional]
filters=4
size=1
activation=swish

[shortcut]
from=-2
activation=relu

[maxpool]
size=3
stride=2

[convolutional]
filters=6
size=3
stride=2
pad=1

[upsample]
stride=2

[route]
layers=-1,-1
groups=2
group_id=1

[maxpool]
stride=2

[route]
layers=-1,8

[shortcut]
from=-1,12

[convolutional]
filters=21
size=1
activation=linear

[yolo]
anchors = 4,5,  8,6,  10,12
num=3
classes=2

[route]
layers=-4

[convolutional]
filters=14
size=1
activation=linear

[yolo]
mask = 0,2
anchors = 4,5,  8,6,  10,12
num=3
classes=2
scale_x_y = 1.1
nms_kind=diounms
"""
