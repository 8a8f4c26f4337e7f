"""Blocks of several layers. Each is named for its class; the layers inside are read from the module itself.

C2f, C3 and their like from Ultralytics (YOLOv5u, v8, v10, 11, 26), SPPCSPC and RepConv from YOLOv7 (Wang et al., 2022).
"""

from __future__ import annotations

from detquant.importers.yolo_modules.part import Graph, Map, Part

MOST_POOLS = 8


def bottleneck(graph: Graph, part: Part, maps: list[Map]) -> Map:
    """Two convolutions, with what came in added where the block says so."""
    [x] = maps
    found = graph.run(part["cv2"], graph.run(part["cv1"], x))
    return graph.summed(part, x, found) if part.setting("add") else found


def c3(graph: Graph, part: Part, maps: list[Map]) -> Map:
    """Blocks beside a convolution, joined; C3k is the same with kernels of its own."""
    [x] = maps
    through, beside = graph.run(part["m"], graph.run(part["cv1"], x)), graph.run(part["cv2"], x)
    return graph.run(part["cv3"], graph.joined(part, [through, beside]))


def bottleneck_csp(graph: Graph, part: Part, maps: list[Map]) -> Map:
    """YOLOv5's C3 of old, normalised where it is joined."""
    [x] = maps
    through = graph.run(part["cv3"], graph.run(part["m"], graph.run(part["cv1"], x)))
    joined = graph.joined(part, [through, graph.run(part["cv2"], x)])
    return graph.run(part["cv4"], graph.run(part["act"], graph.run(part["bn"], joined)))


def c2f(graph: Graph, part: Part, maps: list[Map]) -> Map:
    """Halves of a map; blocks one after the other on the second; all joined. C3k2 and C2fCIB have other blocks."""
    kept = _halves(graph, part, graph.run(part["cv1"], *maps))
    for block in part["m"].children():
        kept.append(graph.run(block, kept[-1]))
    return graph.run(part["cv2"], graph.joined(part, kept))


def sppf(graph: Graph, part: Part, maps: list[Map]) -> Map:
    """One pool again and again, all joined; with what came in added where the block says so (YOLO26)."""
    [x] = maps
    kept = [graph.run(part["cv1"], x)]
    for _ in range(part.whole("n", 1, MOST_POOLS, 3)):
        kept.append(graph.run(part["m"], kept[-1]))
    found = graph.run(part["cv2"], graph.joined(part, kept))
    return graph.summed(part, found, x) if part.setting("add") else found


def spp(graph: Graph, part: Part, maps: list[Map]) -> Map:
    """Pools of several sizes beside one another, joined."""
    x = graph.run(part["cv1"], *maps)
    return graph.run(part["cv2"], graph.joined(part, [x, *(graph.run(one, x) for one in part["m"].children())]))


def sppcspc(graph: Graph, part: Part, maps: list[Map]) -> Map:
    """YOLOv7's pools of several sizes between convolutions, beside another one."""
    [x] = maps
    inner = x
    for name in ("cv1", "cv3", "cv4"):
        inner = graph.run(part[name], inner)
    pooled = graph.joined(part, [inner, *(graph.run(one, inner) for one in part["m"].children())])
    through = graph.run(part["cv6"], graph.run(part["cv5"], pooled))
    return graph.run(part["cv7"], graph.joined(part, [through, graph.run(part["cv2"], x)]))


def rep_conv(graph: Graph, part: Part, maps: list[Map]) -> Map:
    """YOLOv7's sum of a 3x3, a 1x1 and a plain branch; one convolution where it was folded."""
    [x] = maps
    if part.has("rbr_reparam"):
        return graph.run(part["act"], graph.run(part["rbr_reparam"], x))
    names = [name for name in ("rbr_dense", "rbr_1x1", "rbr_identity") if part.has(name)]
    found = graph.summed(part, *(graph.run(part[name], x) for name in names))
    return graph.run(part["act"], found) if part.has("act") else found


def rep_vgg_dw(graph: Graph, part: Part, maps: list[Map]) -> Map:
    """YOLOv10's sum of a 7x7 and a 3x3 convolution of single channels; one convolution where it was folded."""
    [x] = maps
    found = graph.run(part["conv"], x)
    found = graph.summed(part, found, graph.run(part["conv1"], x)) if part.has("conv1") else found
    return graph.run(part["act"], found)


def cib(graph: Graph, part: Part, maps: list[Map]) -> Map:
    """YOLOv10's row of convolutions, with what came in added where the block says so."""
    [x] = maps
    found = graph.run(part["cv1"], x)
    return graph.summed(part, x, found) if part.setting("add") else found


def sc_down(graph: Graph, part: Part, maps: list[Map]) -> Map:
    """YOLOv10's 1x1 convolution and one of single channels that halves the map."""
    return graph.run(part["cv2"], graph.run(part["cv1"], *maps))


def c2_psa(graph: Graph, part: Part, maps: list[Map]) -> Map:
    """Blocks of attention on one half of a map (YOLO11)."""
    first, second = _halves(graph, part, graph.run(part["cv1"], *maps))
    return graph.run(part["cv2"], graph.joined(part, [first, graph.run(part["m"], second)]))


def psa(graph: Graph, part: Part, maps: list[Map]) -> Map:
    """Attention and two convolutions on one half of a map (YOLOv10)."""
    first, second = _halves(graph, part, graph.run(part["cv1"], *maps))
    for name in ("attn", "ffn"):
        second = graph.summed(part, second, graph.run(part[name], second))
    return graph.run(part["cv2"], graph.joined(part, [first, second]))


def psa_block(graph: Graph, part: Part, maps: list[Map]) -> Map:
    """Attention, then two convolutions, each added to what came in."""
    [x] = maps
    for name in ("attn", "ffn"):
        found = graph.run(part[name], x)
        x = graph.summed(part, x, found) if part.setting("add", True) else found
    return x


def attention(graph: Graph, part: Part, maps: list[Map]) -> Map:
    """Attention of all places to all, in heads, with a convolution of single channels that says where they are.

    softmax(q' k / sqrt(d)) for each head, and v by it; q, k and v are channels of one convolution.
    """
    [x] = maps
    heads = part.whole("num_heads", 1, x.channels)
    key, head = part.whole("key_dim", 1, x.channels), part.whole("head_dim", 1, x.channels)
    mixed = graph.run(part["qkv"], x)
    if mixed.channels != heads * (2 * key + head) or heads * head != x.channels:
        raise part.wrong("has heads that do not make up its channels")
    apart = graph.shaped(part, mixed.value, 1, heads, 2 * key + head, x.height * x.width)
    query, keys, value = graph.split(part, apart, [key, key, head], 2)
    likeness = graph.add(part, "MatMul", graph.add(part, "Transpose", query, perm=[0, 1, 3, 2]), keys)
    scaled = graph.add(part, "Mul", likeness, graph.constant(part, key**-0.5, name="scale"))
    weights = graph.add(part, "Transpose", graph.add(part, "Softmax", scaled, axis=-1), perm=[0, 1, 3, 2])
    shape = 1, x.channels, x.height, x.width
    seen = Map(graph.shaped(part, graph.add(part, "MatMul", value, weights), *shape), *shape[1:])
    placed = graph.run(part["pe"], Map(graph.shaped(part, value, *shape), *shape[1:]))
    return graph.run(part["proj"], graph.summed(part, seen, placed))


def _halves(graph: Graph, part: Part, x: Map) -> list[Map]:
    width = x.channels // 2
    if x.channels % 2:
        raise part.wrong("halves an odd number of channels")
    return [Map(value, width, x.height, x.width) for value in graph.split(part, x.value, [width, width], 1)]
