"""From the image to the maps that heads read: a stem, four stages, and a neck."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .blocks import c2f, down, sppf
from .net import Map, Net

WIDTHS = (8, 16, 24, 32, 48)
"""Channels at the strides 2, 4, 8, 16, 32."""

Block = Callable[..., Map]


@dataclass(frozen=True, kw_only=True)
class Trunk:
    """How a network is made up to its head.

    Attributes:
        block: of the stages.
        in_neck: block of the neck, `block` for want of one.
        down: what halves a map in the stages; the first two are strided convolutions always.
        pyramid: behind the last stage.
        behind: what follows the pyramid, such as attention.
        act: activation of the convolutions between.
        stem: size of the first kernel.
        fuse: how the neck joins its maps.
    """

    block: Block = c2f
    in_neck: Block | None = None
    down: Block = down
    pyramid: Block | None = sppf
    behind: Block | None = None
    act: str = "silu"
    stem: int = 3
    fuse: Callable[[Net, list[Map], Trunk], list[Map]] | None = None


def levels(net: Net, trunk: Trunk) -> list[Map]:
    """The maps of strides 8, 16 and 32 that a head reads."""
    x = net.conv("images", WIDTHS[0], trunk.stem, 2, act=trunk.act)
    x = down(net, x, WIDTHS[1], act=trunk.act)
    found = []
    for c in WIDTHS[2:]:
        x = trunk.down(net, trunk.block(net, x, net.sizes[x][0]), c, act=trunk.act)
        if net.sizes[x][0] != c:
            x = net.conv(x, c, act=trunk.act)
        found.append(x)
    found = [trunk.block(net, one, net.sizes[one][0]) for one in found]
    if trunk.pyramid:
        found[-1] = trunk.pyramid(net, found[-1], WIDTHS[-1], act=trunk.act)
    if trunk.behind:
        found[-1] = trunk.behind(net, found[-1], WIDTHS[-1])
    return (trunk.fuse or pan)(net, found, trunk)


def pan(net: Net, found: list[Map], trunk: Trunk) -> list[Map]:
    """Path aggregation: down to the finest map, and up again."""
    block, widths = trunk.in_neck or trunk.block, WIDTHS[2:]
    p3, p4, p5 = found
    n4 = block(net, net.concat(net.up(p5), p4), widths[1], shortcut=False)
    n3 = block(net, net.concat(net.up(n4), p3), widths[0], shortcut=False)
    m4 = block(net, net.concat(down(net, n3, widths[0], trunk.act), n4), widths[1], shortcut=False)
    m5 = block(net, net.concat(down(net, m4, widths[1], trunk.act), p5), widths[2], shortcut=False)
    return [n3, m4, m5]


def rep_pan(net: Net, found: list[Map], trunk: Trunk) -> list[Map]:
    """YOLOv6's RepBiFPN: transposed convolutions upwards, and three maps joined at each place."""
    block, widths = trunk.in_neck or trunk.block, WIDTHS[2:]
    p3, p4, p5 = found
    f5 = net.conv(p5, widths[1], act="relu")
    n4 = block(net, bi_fusion(net, net.deconv(f5, widths[1]), p4, p3, widths[1]), widths[1])
    f4 = net.conv(n4, widths[0], act="relu")
    n3 = block(net, net.concat(net.deconv(f4, widths[0]), net.conv(p3, widths[0], act="relu")), widths[0])
    m4 = block(net, net.concat(down(net, n3, widths[0], "relu"), f4), widths[1])
    m5 = block(net, net.concat(down(net, m4, widths[1], "relu"), f5), widths[2])
    return [n3, m4, m5]


def bi_fusion(net: Net, upper: Map, same: Map, lower: Map, c: int) -> Map:
    parts = [upper, net.conv(same, c, act="relu"), net.conv(net.conv(lower, c, act="relu"), c, 3, 2, act="relu")]
    return net.conv(net.concat(*parts), c, act="relu")


def gather_and_distribute(net: Net, found: list[Map], trunk: Trunk) -> list[Map]:
    """Gold-YOLO's: all maps are aligned and fused, and what comes of it is injected into each by a gate."""
    block, widths = trunk.in_neck or trunk.block, WIDTHS[2:]
    p3, p4, p5 = found
    aligned = net.concat(net.op("AveragePool", p3, kernel_shape=[2, 2], strides=[2, 2], size=(widths[0], *net.sizes[p4][1:])), p4, net.up(p5))  # fmt: skip # noqa: E501
    fused = block(net, net.conv(aligned, widths[1], act="relu"), widths[1])
    n4 = block(net, inject(net, p4, fused, widths[1]), widths[1])
    n3 = block(net, inject(net, p3, net.up(fused), widths[0]), widths[0])
    m4 = block(net, net.concat(down(net, n3, widths[0], "relu"), n4), widths[1])
    m5 = block(net, inject(net, p5, net.pool(net.conv(m4, widths[2], act="relu"), 2, 2), widths[2]), widths[2])
    return [n3, m4, m5]


def inject(net: Net, local: Map, globally: Map, c: int) -> Map:
    gate = net.op("HardSigmoid", net.conv(globally, c, act=None))
    return net.add(net.op("Mul", net.conv(local, c, act=None), gate), net.conv(globally, c, act=None))


def giraffe(net: Net, found: list[Map], trunk: Trunk) -> list[Map]:
    """DAMO-YOLO's efficient RepGFPN: each map is joined with both neighbours."""
    block, widths = trunk.in_neck or trunk.block, WIDTHS[2:]
    p3, p4, p5 = found
    m5 = block(net, net.concat(p5, net.conv(p4, widths[1], 3, 2, act="relu")), widths[2])
    m4 = block(net, net.concat(p4, net.up(m5), net.conv(p3, widths[0], 3, 2, act="relu")), widths[1])
    n3 = block(net, net.concat(p3, net.up(m4)), widths[0])
    n4 = block(net, net.concat(m4, net.conv(n3, widths[0], 3, 2, act="relu")), widths[1])
    n5 = block(net, net.concat(m5, net.conv(n4, widths[1], 3, 2, act="relu"), net.conv(m4, widths[1], 3, 2, act="relu")), widths[2])  # fmt: skip # noqa: E501
    return [n3, n4, n5]
