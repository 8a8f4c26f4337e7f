"""Small networks of integer operators with random numbers, made in memory."""

from __future__ import annotations

import numpy as np

from detquant.graph.window import Window
from detquant.integer.graph import Image, IntegerGraph
from detquant.integer.operators import Blend, Concat, Convolution, Matrix, MaxPool, Mean, Move, Product, Sum, Table
from detquant.numerics import QType, QuantParams
from detquant.numerics.multipliers import common_multipliers, multipliers


class Net:
    """A network while it is built; every method adds an operator and gives the name of its codes.

    Args:
        shape: of the image.
        bits: of codes.
        seed: of all numbers.
        one_grid: whether all codes have the grid of the image, as those have that lie side by side.
    """

    def __init__(self, shape, bits=8, seed=0, signed=False, one_grid=False):
        self.rng = np.random.default_rng(seed)
        self.bits, self.signed, self.usual = bits, signed, None
        self.usual = self.grid() if one_grid else None
        self.operators, self.shapes, self.grids = [], {"image": shape}, {"image": self.grid()}

    def grid(self, bits=None, signed=None):
        if self.usual and bits is None and signed is None:
            return self.usual
        qtype = QType(bits or self.bits, self.signed if signed is None else signed)
        zero = int(self.rng.integers(qtype.qmin, qtype.qmax + 1))
        return QuantParams(qtype, np.float32(0.1), np.asarray(zero, np.int64))

    def give(self, operator, inputs, size, grid=None, **facts):
        name = f"t{len(self.operators)}"
        grid = grid or self.grid()
        low, high = facts.pop("limits", (grid.qtype.qmin, grid.qtype.qmax))
        made = operator(name=f"n_{name}", inputs=tuple(inputs), output=name, low=low, high=high, **facts)
        self.operators.append(made)
        self.shapes[name], self.grids[name] = tuple(size), grid
        return name

    def zero(self, name):
        return int(self.grids[name].zero_point)

    def conv(
        self, source, out, kernel=(1, 1), strides=(1, 1), pads=((0, 0), (0, 0)), dilations=(1, 1), groups=1,
        weight_bits=8, grid=None, extreme=False, limits=None, gain=1.0,
    ):  # fmt: skip
        _, channels, height, width = self.shapes[source]
        half = 1 << (weight_bits - 1)
        size = (out, channels // groups, *kernel)
        weights = self.rng.integers(-half, half, size).astype(np.int32)
        if extreme:
            weights[:] = np.where(np.arange(out) % 2, -half, half - 1)[:, None, None, None]
        window = Window(kernel, strides, dilations, pads)
        rows, columns = (
            (size + sum(pad) - span) // stride + 1
            for size, pad, span, stride in zip((height, width), pads, window.spans, strides, strict=True)
        )
        facts = self.layer(source, weights, weight_bits, grid, gain)
        return self.give(
            Convolution, [source], (1, out, rows, columns), **facts, window=window, groups=groups,
            **({"limits": limits} if limits else {}),
        )  # fmt: skip

    def layer(self, source, weights, weight_bits, grid, gain=1.0):
        qtype = self.grids[source].qtype
        taps = int(np.prod(weights.shape[1:]))
        largest = np.abs(weights.astype(np.int64)).reshape(len(weights), -1).sum(axis=1) * (qtype.qmax - qtype.qmin)
        grid = grid or self.grid()
        usual = np.sqrt(taps) * (1 << (weight_bits + qtype.bits - 3))  # size of a sum, so that few codes saturate
        spread, most = gain * (1 << grid.qtype.bits) / usual, int(usual) + 2
        return {
            "weights": weights,
            "weight_bits": weight_bits,
            "bias": self.rng.integers(-most, most, len(weights)).astype(np.int64),
            "zero_in": self.zero(source),
            "zero_out": int(grid.zero_point),
            "multiplier": multipliers(spread * self.rng.uniform(0.5, 2, len(weights))),
            "largest": largest,
            "grid": grid,
        }

    def matrix(self, source, out):
        weights = self.rng.integers(-128, 128, (out, self.shapes[source][1])).astype(np.int32)
        return self.give(Matrix, [source], (1, out), **self.layer(source, weights, 8, None))

    def table(self, source, bits=None):
        old, grid = self.grids[source].qtype, self.grid(bits)
        entries = self.rng.integers(grid.qtype.qmin, grid.qtype.qmax + 1, 1 << old.bits).astype(np.int32)
        return self.give(Table, [source], self.shapes[source], grid, entries=entries, first=old.qmin, bits=old.bits)

    def silu(self, source, out, bits=10, **facts):
        return self.table(self.conv(source, out, grid=self.grid(bits, True), **facts))

    def pool(self, source, kernel, strides=(1, 1), pads=((0, 0), (0, 0)), limits=None):
        _, channels, height, width = self.shapes[source]
        window = Window(kernel, strides, (1, 1), pads)
        rows, columns = (
            (size + sum(pad) - k) // stride + 1
            for size, pad, k, stride in zip((height, width), pads, kernel, strides, strict=True)
        )
        grid = self.grids[source]
        return self.give(
            MaxPool, [source], (1, channels, rows, columns), grid, window=window, smallest=grid.qtype.qmin,
            **({"limits": limits} if limits else {}),
        )  # fmt: skip

    def mean(self, source, keep=True, window=None):
        _, channels, height, width = self.shapes[source]
        shape = (1, channels, 1, 1) if keep else (1, channels)
        count = height * width
        facts = {"axes": (2, 3), "keep": keep}
        if window is not None:
            size = [
                (s + sum(p) - k) // t + 1
                for s, p, k, t in zip((height, width), window.pads, window.kernel, window.strides, strict=True)
            ]
            shape, count, facts = (1, channels, *size), int(np.prod(window.kernel)), {"window": window}
        grid = self.grid()
        return self.give(
            Mean, [source], shape, grid, multiplier=multipliers(1.3 / count), zero_in=self.zero(source),
            zero_out=int(grid.zero_point), **facts,
        )  # fmt: skip

    def blend(self, source, size, half=0.5, bits=10, gain=0.9):
        """Linear interpolation as ONNX defines it: place ``k`` of an axis lies at ``(k + half) * in / out - half``."""
        _, channels, *before = self.shapes[source]
        matrices = []
        for old, new in zip(before, size, strict=True):
            places = np.clip((np.arange(new) + half) * old / new - half, 0, old - 1)
            near = 1 - np.abs(places[:, None] - np.arange(old))
            matrices.append((np.maximum(near, 0) * (1 << bits)).astype(np.int32))
        grid = self.grid()
        return self.give(
            Blend, [source], (1, channels, *size), grid, rows=matrices[0], columns=matrices[1],
            multiplier=multipliers(gain / 4**bits), zero_in=self.zero(source), zero_out=int(grid.zero_point),
        )  # fmt: skip

    def sum(self, first, second, signs=(1.0, 1.0)):
        grid = self.grid()
        multiplier = common_multipliers(np.array(signs) * self.rng.uniform(0.2, 1.5, 2))
        zeros = np.array([self.zero(first), self.zero(second)])
        offset = (int(grid.zero_point) << int(multiplier.shift)) - int((zeros * multiplier.multiplier).sum())
        shape = np.broadcast_shapes(self.shapes[first], self.shapes[second])
        return self.give(Sum, [first, second], shape, grid, multiplier=multiplier, offset=offset)

    def product(self, first, second):
        grid = self.grid()
        shape = np.broadcast_shapes(self.shapes[first], self.shapes[second])
        return self.give(
            Product, [first, second], shape, grid, multiplier=multipliers(0.011),
            zeros=(self.zero(first), self.zero(second)), zero_out=int(grid.zero_point),
        )  # fmt: skip

    def concat(self, *sources):
        return self.concat_along(1, *sources)

    def concat_along(self, axis, *sources):
        parts = [self.shapes[name] for name in sources]
        grid = self.grids[sources[0]]
        assert all(self.grids[name] is grid for name in sources)
        shape = list(parts[0])
        shape[axis] = sum(part[axis] for part in parts)
        return self.give(Concat, sources, shape, grid, axis=axis)

    def move(self, source, change, kind="Move", fill=0):
        shape = self.shapes[source]
        addresses = change(np.arange(np.prod(shape), dtype=np.int32).reshape(shape))
        flat = np.ascontiguousarray(addresses, np.int32)
        return self.give(
            Move, [source], flat.shape, self.grids[source], kind=kind, shape=flat.shape, addresses=flat.reshape(-1),
            fill=fill,
        )  # fmt: skip

    def channels(self, source, start, stop, step=1):
        return self.move(source, lambda a: a[:, start:stop:step], "Slice")

    def graph(self, *outputs):
        names = outputs or (self.operators[-1].output,)
        image = {"x": Image("image", self.grids["image"])}
        return IntegerGraph(tuple(self.operators), image, names, self.grids, self.shapes)

    def images(self, extreme=None):
        qtype = self.grids["image"].qtype
        codes = self.rng.integers(qtype.qmin, qtype.qmax + 1, self.shapes["image"])
        return {"image": codes if extreme is None else np.full_like(codes, extreme)}
