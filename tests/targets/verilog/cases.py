"""Directed vectors: for each instruction a small network, with the corners in which engines are wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from nets import Net

from detquant.graph.window import Window
from detquant.numerics.multipliers import Multiplier

AROUND = ((1, 1), (1, 1))


def conv_table():
    net = Net((1, 3, 6, 7))
    net.silu("image", 6, kernel=(3, 3), pads=AROUND)
    return net


def conv_plain():
    net = Net((1, 5, 5, 4), signed=True)
    net.conv("image", 9, kernel=(3, 2), pads=((2, 0), (0, 1)), strides=(2, 1), dilations=(1, 2))
    return net


def many_tiles():
    """More weights than the ring holds."""
    net = Net((1, 8, 2, 3))
    net.conv("image", 44, kernel=(3, 3), pads=AROUND)
    return net


def conv_five_by_five():
    net = Net((1, 2, 5, 5))
    net.conv(net.conv("image", 4), 4, kernel=(5, 5), pads=((2, 2), (2, 2)), strides=(2, 2))
    return net


def conv_one_place():
    net = Net((1, 17, 1, 1))
    net.conv(net.conv("image", 1), 7)
    return net


def conv_saturating():
    net = Net((1, 8, 4, 4))
    net.conv("image", 8, kernel=(3, 3), pads=AROUND, extreme=True)
    return net


def conv_vanishing():
    """Factors of which nothing is left, and of which one code just is, with negative sums."""
    net = Net((1, 4, 3, 3))
    net.conv("image", 4)
    last = net.operators[-1]
    shifts = np.array([62, 45, 40, 41])
    made = Multiplier(np.full(4, (1 << 24) - 1, np.int64), shifts)
    bias = np.array([-(1 << 18), -(1 << 18), -(1 << 18), 1 << 18])
    net.operators[-1] = replace(last, multiplier=made, bias=bias)
    net.sum("t0", net.conv("t0", 4))
    added = net.operators[-1]
    zeros = [net.zero(name) for name in added.inputs]
    tiny = Multiplier(np.array([(1 << 24) - 1, -3], np.int64), np.asarray(46))
    offset = (net.zero(added.output) << 46) - sum(int(m) * z for m, z in zip(tiny.multiplier, zeros, strict=True))
    net.operators[-1] = replace(added, multiplier=tiny, offset=offset)
    return net


def conv_bounded():
    net = Net((1, 4, 3, 3))
    first = net.conv("image", 4, limits=(100, 131))
    net.conv(first, 4)
    return net


def conv_narrow():
    net = Net((1, 4, 5, 3), bits=4)
    net.silu(net.conv("image", 7, weight_bits=3), 5, bits=8, kernel=(1, 3), weight_bits=3)
    return net


def image_folded():
    """A first layer of stride 2, of an image whose rows and columns are odd."""
    net = Net((1, 3, 7, 9))
    net.conv("image", 5, kernel=(3, 3), strides=(2, 2), pads=((1, 1), (1, 1)))
    return net


def image_folded_by_three():
    net = Net((1, 2, 8, 7), signed=True)
    net.conv("image", 3, kernel=(7, 5), strides=(3, 3), pads=((3, 2), (2, 0)))
    return net


def split_and_join():
    """What YOLOv8 calls C2f: halves that do not begin at a word, a sum, and parts side by side."""
    net = Net((1, 3, 4, 5), one_grid=True)
    whole = net.silu("image", 12, kernel=(3, 3), pads=AROUND)
    halves = net.channels(whole, 0, 6), net.channels(whole, 6, 12)
    inner = net.silu(net.silu(halves[1], 6), 6, kernel=(3, 3), pads=AROUND)
    added = net.sum(halves[1], inner)
    net.silu(net.concat(halves[0], halves[1], added), 5)
    return net


def enlarged():
    net = Net((1, 5, 3, 4), one_grid=True)
    small = net.conv("image", 6)
    large = net.move(small, lambda a: a.repeat(2, axis=2).repeat(2, axis=3), "Resize")
    other = net.conv(large, 3, kernel=(3, 3), pads=AROUND)
    net.conv(net.concat(large, other), 4, kernel=(3, 3), pads=AROUND, strides=(2, 2))
    return net


def blended():
    """Twice as large by linear interpolation: borders, a table behind, and codes that are cut off."""
    net = Net((1, 6, 3, 5))
    small = net.conv("image", 7)
    net.sum(net.table(net.blend(small, (6, 10))), net.blend(small, (6, 10), half=0.0, gain=1.7))
    return net


def blended_otherwise():
    """By four, of a part that does not begin at a word; of what is repeated already; one axis smaller; of one pixel."""
    net = Net((1, 5, 1, 2), signed=True)
    part = net.channels(net.conv("image", 9), 3, 8)
    repeated = net.move(part, lambda a: a.repeat(2, axis=2).repeat(2, axis=3), "Resize")
    large = net.sum(net.blend(part, (4, 8)), net.blend(repeated, (4, 8), bits=6))
    net.sum(net.blend(large, (4, 2), bits=5), net.blend(net.mean(part), (4, 2)))
    return net


def blended_smaller():
    """Half as large, in two steps and in one; four times smaller between two pixels, and at one."""
    net = Net((1, 5, 6, 12))
    net.sum(net.blend(net.blend("image", (3, 6)), (3, 3)), net.blend("image", (3, 3), half=0.0))
    return net


def pools():
    net = Net((1, 6, 7, 5))
    first = net.conv("image", 6)
    second = net.pool(first, (5, 5), pads=((2, 2), (2, 2)))
    third = net.pool(second, (2, 2), strides=(2, 2))
    net.pool(third, (3, 3), strides=(2, 1), pads=((1, 1), (1, 1)), limits=(60, 200))
    return net


def pool_signed():
    net = Net((1, 3, 4, 4), signed=True)
    net.table(net.pool("image", (3, 3), pads=AROUND))
    return net


def sums():
    net = Net((1, 3, 3, 5))
    first, second = net.conv("image", 7), net.conv("image", 7)
    added = net.sum(first, second)
    net.sum(net.sum(added, first, signs=(1.0, -1.0)), added)
    return net


def sum_in_other_lanes():
    """Two slices that lie in other lanes: one is copied."""
    net = Net((1, 3, 3, 4))
    first, second = net.conv("image", 9), net.conv("image", 8)
    net.sum(net.channels(first, 2, 7), net.channels(second, 3, 8))
    return net


def sum_of_itself_enlarged():
    net = Net((1, 3, 2, 2))
    small = net.conv("image", 3)
    large = net.move(small, lambda a: a.repeat(4, axis=2).repeat(4, axis=3), "Resize")
    net.sum(large, large)
    return net


def products():
    net = Net((1, 5, 4, 3))
    first = net.conv("image", 6)
    gate = net.table(net.conv(net.mean(first), 6))
    net.product(net.product(gate, first), first)
    return net


def means():
    net = Net((1, 6, 5, 3), signed=True)
    window = Window((2, 3), (1, 1), (1, 1), ((0, 1), (1, 1)))
    net.mean(net.mean("image", window=window))
    return net


def classifier():
    net = Net((1, 4, 4, 4))
    row = net.mean(net.conv("image", 10), keep=False)
    net.matrix(net.table(net.matrix(row, 6)), 11)
    return net


def flattened():
    """A matrix on all numbers of a map, whose axes were swapped before."""
    net = Net((1, 5, 2, 3))
    turned = net.move(net.conv("image", 3), lambda a: a.transpose(0, 2, 3, 1), "Transpose")
    net.matrix(net.move(turned, lambda a: a.reshape(1, -1), "Reshape"), 7)
    return net


def depthwise():
    net = Net((1, 10, 5, 5), one_grid=True)
    first = net.silu("image", 10, kernel=(3, 3), pads=AROUND, groups=10)
    halves = net.channels(first, 0, 5), net.channels(first, 5, 10)
    joined = net.concat(halves[1], net.conv(halves[0], 5))
    net.conv(joined, 10, kernel=(3, 3), strides=(2, 2), pads=((1, 0), (1, 0)), groups=10)
    return net


def grouped():
    net = Net((1, 6, 3, 3))
    net.conv("image", 9, kernel=(2, 2), groups=3)
    return net


def shuffled():
    net = Net((1, 8, 3, 3))
    parts = net.move(net.conv("image", 8), lambda a: a.reshape(1, 2, 4, 3, 3), "Reshape")
    turned = net.move(parts, lambda a: a.transpose(0, 2, 1, 3, 4), "Transpose")
    whole = net.move(turned, lambda a: a.reshape(1, 8, 3, 3), "Reshape")
    net.conv(net.channels(whole, 0, 4), 5)
    return net


def rows_and_columns():
    """Every other row and column, with a border and channels that are all border (shortcuts of CIFAR ResNets)."""
    net = Net((1, 5, 6, 5))
    first = net.conv("image", 5)
    fill = net.zero(first)
    smaller = net.move(first, lambda a: a[:, :, 1::2, ::2], "Slice")
    around = ((0, 0), (2, 3), (0, 0), (0, 0))
    padded = net.move(smaller, lambda a: np.pad(a, around, constant_values=-1), "Pad", fill)
    net.sum(padded, net.conv("image", 10, kernel=(2, 1), strides=(2, 2)))
    return net


def table_alone():
    net = Net((1, 5, 2, 3))
    first = net.conv("image", 5)
    net.sum(net.table(first), first)
    return net


CASES = {
    case.__name__: case
    for case in (
        conv_table, conv_plain, many_tiles, conv_five_by_five, conv_one_place, conv_saturating, conv_vanishing,
        conv_bounded, conv_narrow, image_folded, image_folded_by_three,
        split_and_join, enlarged, blended, blended_otherwise, blended_smaller, pools, pool_signed,
        sums, sum_in_other_lanes, sum_of_itself_enlarged, products,
        means, classifier, flattened, depthwise, grouped, shuffled, rows_and_columns, table_alone,
    )
}  # fmt: skip
