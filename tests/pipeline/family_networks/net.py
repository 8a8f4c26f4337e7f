"""A graph as it is written down: each call adds an operator with seeded weights, and gives what comes out of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import helper, numpy_helper


class Map(NamedTuple):
    """A value of the graph, and its channels."""

    name: str
    channels: int


class Net:
    """A graph under construction.

    Args:
        height: height of the image.
        width: width of the image.
        image: name of its input.
        channels: its channels.
        seed: of the weights.
    """

    def __init__(self, height: int, width: int, image: str = "images", channels: int = 3, seed: int = 0) -> None:
        self.height, self.width = height, width
        self.rng = np.random.default_rng(seed)
        self.image = Map(image, channels)
        self.inputs: dict[str, tuple[Sequence[Any], int]] = {
            image: ((1, channels, height, width), onnx.TensorProto.FLOAT)
        }
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.outputs: dict[str, tuple[Sequence[Any], int]] = {}

    def const(self, array: Any) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def op(self, kind: str, *takes: str, **attributes: Any) -> str:
        return self.ops(kind, *takes, count=1, **attributes)[0]

    def ops(self, kind: str, *takes: str, count: int, **attributes: Any) -> list[str]:
        name = f"{kind.lower()}{len(self.nodes)}"
        gives = [name] if count == 1 else [f"{name}_{part}" for part in range(count)]
        self.nodes.append(helper.make_node(kind, list(takes), gives, name, **attributes))
        return gives

    def conv(
        self, x: Map, out: int, k: int = 1, s: int = 1, *, groups: int = 1, act: str = "", bias: float = 0.0
    ) -> Map:
        """A convolution whose output has about the spread of its input, and an activation."""
        fan = x.channels // groups * k * k
        weight = self.rng.normal(0, np.sqrt(1.6 / fan), (out, x.channels // groups, k, k)).astype(np.float32)
        shift = (self.rng.normal(0, 0.1, out) + bias).astype(np.float32)
        takes = x.name, self.const(weight), self.const(shift)
        y = self.op("Conv", *takes, kernel_shape=[k, k], strides=[s, s], pads=[k // 2] * 4, group=groups)
        return Map(self.act(y, act), out)

    def act(self, x: str, kind: str) -> str:
        if kind == "silu":
            return self.op("Mul", x, self.op("Sigmoid", x))
        return self.op({"relu": "Relu", "hswish": "HardSwish", "gelu": "Gelu"}[kind], x) if kind else x

    def separable(self, x: Map, out: int, k: int = 3, s: int = 1, act: str = "relu") -> Map:
        """A convolution of each channel by itself, and one of 1x1."""
        return self.conv(self.conv(x, x.channels, k, s, groups=x.channels, act=act), out, act=act)

    def concat(self, *maps: Map, axis: int = 1) -> Map:
        return Map(self.op("Concat", *(one.name for one in maps), axis=axis), sum(one.channels for one in maps))

    def add(self, x: Map, y: Map) -> Map:
        return Map(self.op("Add", x.name, y.name), x.channels)

    def up(self, x: Map) -> Map:
        scales = self.const(np.array([1, 1, 2, 2], np.float32))
        return Map(self.op("Resize", x.name, "", scales, mode="nearest"), x.channels)

    def pool(self, x: Map, k: int = 3, s: int = 2) -> Map:
        return Map(self.op("MaxPool", x.name, kernel_shape=[k, k], strides=[s, s], pads=[k // 2] * 4), x.channels)

    def shape(self, x: str, *dims: int) -> str:
        return self.op("Reshape", x, self.const(np.array(dims, np.int64)))

    def turn(self, x: str, *perm: int) -> str:
        return self.op("Transpose", x, perm=list(perm))

    def rows(self, x: Map, values: int | None = None) -> str:
        """A map [1, c, h, w] as rows [1, cells, values]."""
        return self.shape(self.turn(x.name, 0, 2, 3, 1), 1, -1, values or x.channels)

    def shuffle_unit(self, x: Map, out: int, s: int = 1, act: str = "relu") -> Map:
        """ShuffleNetV2's block: half of the channels pass, or both halves are halved in size, and are shuffled."""
        half = out // 2
        if s == 1:
            left, right = (Map(name, half) for name in self.ops("Split", x.name, count=2, axis=1, num_outputs=2))
        else:
            left, right = self.conv(self.conv(x, x.channels, 3, 2, groups=x.channels), half, act=act), x
        right = self.conv(right, half, act=act)
        right = self.conv(self.conv(right, half, 3, s, groups=half), half, act=act)
        joined = self.concat(left, right)
        parts = self.shape(joined.name, 0, 2, half, -1)
        return Map(self.op("Reshape", self.turn(parts, 0, 2, 1, 3), self.op("Shape", joined.name)), out)

    def shuffle_net(self, stages: Sequence[int], act: str = "relu") -> list[Map]:
        """ShuffleNetV2: maps of strides 8, 16 and 32."""
        x, found = self.pool(self.conv(self.image, 8, 3, 2, act=act)), []
        for width in stages:
            x = self.shuffle_unit(self.shuffle_unit(x, width, 2, act), width, 1, act)
            found.append(x)
        return found

    # transformers: rows [1, n, d]

    def linear(self, x: str, before: int, after: int, bias: float = 0.0, scale: float = 1.0) -> str:
        weight = self.rng.normal(0, scale / np.sqrt(before), (before, after)).astype(np.float32)
        return self.op("Add", self.op("MatMul", x, self.const(weight)), self.const(np.full(after, bias, np.float32)))

    def norm(self, x: str, d: int) -> str:
        one, zero = np.ones(d, np.float32), np.zeros(d, np.float32)
        return self.op("LayerNormalization", x, self.const(one), self.const(zero), axis=-1)

    def heads(self, x: str, d: int, count: int, perm: tuple[int, ...] = (0, 2, 1, 3)) -> str:
        return self.turn(self.shape(x, 0, -1, count, d // count), *perm)

    def attention(self, q: str, k: str, v: str, d: int, heads: int = 2) -> str:
        """Attention of several heads, [batch, n, d]."""
        asked = self.heads(self.linear(q, d, d), d, heads)
        keys = self.heads(self.linear(k, d, d), d, heads, (0, 2, 3, 1))
        values = self.heads(self.linear(v, d, d), d, heads)
        scale = self.const(np.float32(1 / np.sqrt(d / heads)))
        chance = self.op("Softmax", self.op("Mul", self.op("MatMul", asked, keys), scale), axis=-1)
        found = self.shape(self.turn(self.op("MatMul", chance, values), 0, 2, 1, 3), 0, -1, d)
        return self.linear(found, d, d)

    def feed_forward(self, x: str, d: int, act: str = "relu") -> str:
        return self.linear(self.act(self.linear(x, d, 2 * d), act), 2 * d, d)

    def output(self, value: str, name: str, shape: Sequence[Any], kind: int = onnx.TensorProto.FLOAT) -> None:
        self.nodes.append(helper.make_node("Identity", [value], [name], f"to_{name}"))
        self.outputs[name] = shape, kind

    def save(self, path: Path, metadata: Mapping[str, str] | None = None, classes: Sequence[str] = ()) -> Path:
        """Writes the file.

        Args:
            path: where to.
            metadata: of the file.
            classes: names of its classes.
        """
        ends = [
            [helper.make_tensor_value_info(name, kind, shape) for name, (shape, kind) in one.items()]
            for one in (self.inputs, self.outputs)
        ]
        graph = helper.make_graph(self.nodes, "net", *ends, self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
        names = {"detquant.classes": json.dumps(list(classes))} if classes else {}
        helper.set_model_props(model, {**names, **(metadata or {})})
        onnx.save(model, path)
        return path
