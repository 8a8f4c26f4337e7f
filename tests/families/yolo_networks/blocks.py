"""The blocks that YOLOs are made of, by the names of their papers and code."""

from __future__ import annotations

from .net import Map, Net


def bottleneck(
    net: Net, x: Map, c: int, *, shortcut: bool = True, k: tuple[int, int] = (1, 3), act: str = "silu"
) -> Map:
    y = net.conv(net.conv(x, c, k[0], act=act), c, k[1], act=act)
    return net.add(x, y) if shortcut and net.sizes[x][0] == c else y


def c3(net: Net, x: Map, c: int, n: int = 1, *, shortcut: bool = True) -> Map:
    """YOLOv5's CSP bottleneck with three convolutions."""
    y, z = net.conv(x, c // 2), net.conv(x, c // 2)
    for _ in range(n):
        y = bottleneck(net, y, c // 2, shortcut=shortcut)
    return net.conv(net.concat(y, z), c)


def c2f(net: Net, x: Map, c: int, n: int = 1, *, shortcut: bool = True) -> Map:
    """YOLOv8's: every bottleneck's result is kept."""
    parts = net.halves(net.conv(x, c))
    for _ in range(n):
        parts.append(bottleneck(net, parts[-1], c // 2, shortcut=shortcut, k=(3, 3)))
    return net.conv(net.concat(*parts), c)


def c3k2(net: Net, x: Map, c: int, n: int = 1, *, shortcut: bool = True) -> Map:
    """YOLO11's: C2f whose bottleneck is a C3 of two 3x3 ones."""
    parts = net.halves(net.conv(x, c))
    for _ in range(n):
        half = c // 2
        y, z = net.conv(parts[-1], half // 2), net.conv(parts[-1], half // 2)
        for _ in range(2):
            y = bottleneck(net, y, half // 2, shortcut=shortcut, k=(3, 3))
        parts.append(net.conv(net.concat(y, z), half))
    return net.conv(net.concat(*parts), c)


def attention(net: Net, x: Map, heads: int = 2, areas: int = 1) -> Map:
    """Self-attention over the cells of a map, positions by a depthwise convolution (YOLOv10, YOLO12)."""
    c, height, width = net.sizes[x]
    areas = areas if height * width % areas == 0 else 1  # the coarsest map is one area in YOLO12 too
    cells, key, value = height * width, c // heads // 2, c // heads
    qkv = net.conv(x, heads * (2 * key + value), act=None)
    flat = net.reshape(qkv, areas, heads, 2 * key + value, cells // areas)
    q, k, v = net.split(flat, key, key, value, axis=2)
    product = net.op("Mul", net.op("MatMul", net.transpose(q, 0, 1, 3, 2), k), net.const(key**-0.5))
    weights = net.transpose(net.op("Softmax", product, axis=-1), 0, 1, 3, 2)
    seen = net.reshape(net.op("MatMul", v, weights), 1, c, height, width)
    net.sizes[seen] = (c, height, width)
    values = net.reshape(v, 1, c, height, width)
    net.sizes[values] = (c, height, width)
    return net.conv(net.add(seen, net.conv(values, c, 3, groups=c, act=None)), c, act=None)


def psa_block(net: Net, x: Map, areas: int = 1) -> Map:
    c = net.sizes[x][0]
    y = net.add(x, attention(net, x, areas=areas))
    return net.add(y, net.conv(net.conv(y, 2 * c), c, act=None))


def c2psa(net: Net, x: Map, c: int) -> Map:
    """YOLO11's attention: half of the channels go through it (YOLOv10's PSA with one block)."""
    y, z = net.halves(net.conv(x, c))
    return net.conv(net.concat(y, psa_block(net, z)), c)


def a2c2f(net: Net, x: Map, c: int, n: int = 1, *, shortcut: bool = True) -> Map:
    """YOLO12's area attention, with every block's result kept."""
    parts = [net.conv(x, c // 2)]
    for _ in range(n):
        parts.append(psa_block(net, parts[-1], areas=4) if shortcut else bottleneck(net, parts[-1], c // 2, k=(3, 3)))
    return net.conv(net.concat(*parts), c)


def elan(net: Net, x: Map, c: int, n: int = 2, *, act: str = "silu", **_: bool) -> Map:
    """YOLOv7's efficient layer aggregation: two branches, and convolutions whose results are all kept."""
    parts = [net.conv(x, c // 2, act=act), net.conv(x, c // 2, act=act)]
    for _ in range(n):
        parts.append(net.conv(parts[-1], c // 2, 3, act=act))
    return net.conv(net.concat(*parts), c, act=act)


def elan_tiny(net: Net, x: Map, c: int, n: int = 2, **_: bool) -> Map:
    return elan(net, x, c, n, act="leaky")


def gelan(net: Net, x: Map, c: int, n: int = 1, **_: bool) -> Map:
    """YOLOv9's RepNCSPELAN4, reparametrised."""
    parts = net.halves(net.conv(x, c))
    for _ in range(2):
        parts.append(net.conv(c3(net, parts[-1], c // 2, n), c // 2, 3))
    return net.conv(net.concat(*parts), c)


def csp_mish(net: Net, x: Map, c: int, n: int = 1, *, shortcut: bool = True) -> Map:
    """YOLOv4-CSP's: Mish, and an activation behind the join."""
    y = net.conv(x, c // 2, act="mish")
    for _ in range(n):
        y = bottleneck(net, y, c // 2, shortcut=shortcut, act="mish")
    y, z = net.conv(y, c // 2, act=None), net.conv(x, c // 2, act=None)
    return net.conv(net.activate(net.concat(y, z), "mish"), c, act="mish")


def rep(net: Net, x: Map, c: int, n: int = 1, **_: bool) -> Map:
    """YOLOv6's RepVGG blocks, reparametrised to plain 3x3 with ReLU."""
    for _ in range(n):
        x = net.conv(x, c, 3, act="relu")
    return x


def csp_res(net: Net, x: Map, c: int, n: int = 1, **_: bool) -> Map:
    """PP-YOLOE's CSPRepResStage with effective squeeze and excitation."""
    y, z = net.conv(x, c // 2), net.conv(x, c // 2)
    for _ in range(n):
        z = net.add(z, net.conv(net.conv(z, c // 2, 3), c // 2, 3))
    return net.conv(ese(net, net.concat(y, z)), c)


def ese(net: Net, x: Map, gate: str = "HardSigmoid") -> Map:
    """Channels are weighed by a layer that reads their means."""
    c = net.sizes[x][0]
    mean = net.op("GlobalAveragePool", x, size=(c, 1, 1))
    return net.op("Mul", x, net.op(gate, net.conv(mean, c, act=None)), size=net.sizes[x])


def csp_next(net: Net, x: Map, c: int, n: int = 1, *, shortcut: bool = True) -> Map:
    """RTMDet's: 3x3 and a depthwise 5x5, channel attention behind the join."""
    y, z = net.conv(x, c // 2), net.conv(x, c // 2)
    for _ in range(n):
        deep = net.conv(net.conv(net.conv(y, c // 2, 3), c // 2, 5, groups=c // 2), c // 2)
        y = net.add(y, deep) if shortcut else deep
    return net.conv(ese(net, net.concat(y, z)), c)


def tiny_nas(net: Net, x: Map, c: int, n: int = 1, **_: bool) -> Map:
    """DAMO-YOLO's k1kx residual blocks."""
    x = net.conv(x, c, act="relu")
    for _ in range(n):
        x = net.activate(net.add(x, net.conv(net.conv(x, c, 1, act="relu"), c, 3, act=None)), "relu")
    return x


def sppf(net: Net, x: Map, c: int, act: str = "silu") -> Map:
    parts = [net.conv(x, c // 2, act=act)]
    for _ in range(3):
        parts.append(net.pool(parts[-1], 5))
    return net.conv(net.concat(*parts), c, act=act)


def sppcspc(net: Net, x: Map, c: int, act: str = "silu") -> Map:
    """YOLOv7's: pooling of three sizes within a CSP stage."""
    y = net.conv(net.conv(net.conv(x, c, act=act), c, 3, act=act), c, act=act)
    y = net.conv(net.concat(y, *(net.pool(y, k) for k in (5, 9, 13))), c, act=act)
    return net.conv(net.concat(net.conv(y, c, 3, act=act), net.conv(x, c, act=act)), c, act=act)


def down(net: Net, x: Map, c: int, act: str = "silu") -> Map:
    return net.conv(x, c, 3, 2, act=act)


def mp(net: Net, x: Map, c: int, act: str = "silu") -> Map:
    """YOLOv7's: pooled and strided halves."""
    y = net.conv(net.pool(x, 2, 2), c // 2, act=act)
    return net.concat(y, net.conv(net.conv(x, c // 2, act=act), c // 2, 3, 2, act=act))


def pooled(net: Net, x: Map, c: int, act: str = "silu") -> Map:
    return net.pool(x, 2, 2)


def adown(net: Net, x: Map, c: int, act: str = "silu") -> Map:
    """YOLOv9's: averaged, then pooled and strided halves."""
    channels, height, width = net.sizes[x]
    mean = net.op("AveragePool", x, kernel_shape=[2, 2], strides=[1, 1], size=(channels, height - 1, width - 1))
    mean = net.op("Pad", mean, net.ints(0, 0, 0, 0, 0, 0, 1, 1), size=(channels, height, width))
    y, z = net.halves(mean)
    return net.concat(net.conv(y, c // 2, 3, 2), net.conv(net.pool(z, 3, 2), c // 2))


def scdown(net: Net, x: Map, c: int, act: str = "silu") -> Map:
    """YOLOv10's: pointwise, then depthwise and strided."""
    return net.conv(net.conv(x, c), c, 3, 2, groups=c, act=None)


def cib(net: Net, x: Map, c: int, n: int = 1, *, shortcut: bool = True) -> Map:
    """YOLOv10's C2fCIB: inverted bottlenecks of depthwise convolutions."""
    parts = net.halves(net.conv(x, c))
    for _ in range(n):
        half = c // 2
        y = net.conv(net.conv(parts[-1], half, 3, groups=half), 2 * half)
        y = net.conv(net.conv(y, 2 * half, 3, groups=2 * half), half)
        y = net.conv(y, half, 3, groups=half)
        parts.append(net.add(parts[-1], y) if shortcut else y)
    return net.conv(net.concat(*parts), c)
