"""An ONNX graph as it is built layer by layer; sizes of maps are followed, and weights come from a seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
GAINS = {"silu": 1.7, "relu": 1.4, "leaky": 1.4, "mish": 1.6, "hswish": 1.6, "sigmoid": 1.0, None: 1.0}
"""By what weights are larger than for a linear layer, so that signals neither fade nor grow."""
SPREAD = {"class": (-2.0, 2.0), "object": (0.0, 2.0), "box": (0.0, 1.0), "side": (2.0, 0.5), "plain": (0.0, 1.0)}
"""Mean and deviation that outputs of the last convolutions have on noise, by kind: a few objects are found then."""

Map = str
Size = tuple[int, int, int]


@dataclass
class Net:
    """A graph of one image [1, 3, side, side], whose numbers lie between two levels."""

    side: int = 128
    seed: int = 0
    levels: tuple[float, float] = (0.0, 1.0)
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    sizes: dict[Map, Size] = field(default_factory=dict)
    heads: list[tuple[str, str, str]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.sizes["images"] = (3, self.side, self.side)

    def name(self, kind: str) -> str:
        self.counts[kind] += 1
        return f"{kind}_{self.counts[kind]}"

    def op(self, kind: str, *inputs: str, size: Size | None = None, outputs: int = 1, **attributes: Any) -> Any:
        """A node; of one input the result has the same size unless another is said."""
        name = self.name(kind)
        made = [name] if outputs == 1 else [f"{name}_{part}" for part in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, made, name, **attributes))
        found = size or self.sizes.get(inputs[0])
        if found:
            self.sizes.update(dict.fromkeys(made, found))
        return made[0] if outputs == 1 else made

    def const(self, values: Any, dtype: type = np.float32) -> str:
        name = self.name("const")
        self.weights[name] = np.asarray(values, dtype)
        return name

    def ints(self, *values: int) -> str:
        return self.const(values, np.int64)

    def conv(
        self, x: Map, out: int, k: int = 1, s: int = 1, act: str | None = "silu", groups: int = 1, head: str = ""
    ) -> Map:
        """A convolution, BatchNorm folded, and its activation; `head` is a kind of SPREAD."""
        channels, height, width = self.sizes[x]
        fan_in = channels // groups * k * k
        w, b = self.name("weight"), self.name("bias")
        self.weights[w] = self.rng.normal(0, GAINS[act] / fan_in**0.5, (out, channels // groups, k, k)).astype("f4")
        self.weights[b] = self.rng.normal(0, 0.2, out).astype("f4")
        size = (out, -(-height // s), -(-width // s))
        pads = [k // 2] * 4 if k % 2 else [0] * 4
        y = self.op("Conv", x, w, b, size=size, kernel_shape=[k, k], strides=[s, s], pads=pads, group=groups)
        if head:
            self.heads.append((y, w, head))
        return self.activate(y, act)

    def activate(self, x: Map, act: str | None) -> Map:
        match act:
            case "silu":
                return self.op("Mul", x, self.op("Sigmoid", x))
            case "mish":
                return self.op("Mul", x, self.op("Tanh", self.op("Softplus", x)))
            case "relu":
                return self.op("Relu", x)
            case "leaky":
                return self.op("LeakyRelu", x, alpha=0.1)
            case "sigmoid":
                return self.op("Sigmoid", x)
            case "hswish":
                return self.op("HardSwish", x)
            case _:
                return x

    def concat(self, *maps: Map, axis: int = 1) -> Map:
        channels = sum(self.sizes[one][0] for one in maps) if axis == 1 and all(m in self.sizes for m in maps) else 0
        size = (channels, *self.sizes[maps[0]][1:]) if channels else None
        return self.op("Concat", *maps, axis=axis, size=size)

    def add(self, x: Map, y: Map) -> Map:
        return self.op("Add", x, y)

    def halves(self, x: Map) -> list[Map]:
        channels, height, width = self.sizes[x]
        half = channels // 2
        return self.op("Split", x, self.ints(half, half), outputs=2, axis=1, size=(half, height, width))

    def pool(self, x: Map, k: int, s: int = 1) -> Map:
        channels, height, width = self.sizes[x]
        pads = [k // 2] * 4 if k % 2 else [0] * 4
        size = (channels, -(-height // s), -(-width // s))
        return self.op("MaxPool", x, kernel_shape=[k, k], strides=[s, s], pads=pads, size=size)

    def up(self, x: Map) -> Map:
        channels, height, width = self.sizes[x]
        scales = self.const([1, 1, 2, 2])
        return self.op("Resize", x, "", scales, mode="nearest", coordinate_transformation_mode="asymmetric",
                       nearest_mode="floor", size=(channels, 2 * height, 2 * width))  # fmt: skip

    def deconv(self, x: Map, out: int) -> Map:
        """A transposed convolution of 2x2, stride 2."""
        channels, height, width = self.sizes[x]
        w, b = self.name("weight"), self.name("bias")
        self.weights[w] = self.rng.normal(0, 1 / channels**0.5, (channels, out, 2, 2)).astype("f4")
        self.weights[b] = np.zeros(out, "f4")
        size = (out, 2 * height, 2 * width)
        return self.op("ConvTranspose", x, w, b, kernel_shape=[2, 2], strides=[2, 2], size=size)

    def reshape(self, x: str, *shape: int) -> str:
        return self.op("Reshape", x, self.ints(*shape))

    def transpose(self, x: str, *perm: int) -> str:
        return self.op("Transpose", x, perm=perm)

    def split(self, x: str, *parts: int, axis: int) -> list[str]:
        return self.op("Split", x, self.ints(*parts), outputs=len(parts), axis=axis)

    def scaled(self, x: str, factor: Any, offset: Any = 0.0) -> str:
        """factor * x + offset."""
        return self.op("Add", self.op("Mul", x, self.const(factor)), self.const(offset))

    def model(
        self, outputs: Mapping[str, str], shapes: Sequence[Sequence[Any]], metadata: Mapping[str, str] | None = None,
        types: Sequence[int] = (),
    ) -> onnx.ModelProto:  # fmt: skip
        """The file, its last convolutions brought to SPREAD.

        Args:
            outputs: name of each output, and the value that it is.
            shapes: of the outputs.
            metadata: of the file.
            types: of the outputs, where they are not floats.
        """
        self._spread()
        for name, value in outputs.items():
            self.nodes.append(helper.make_node("Identity", [value], [name], self.name("Identity")))
        kinds = types or [TensorProto.FLOAT] * len(outputs)
        ends = [helper.make_tensor_value_info(*one) for one in zip(outputs, kinds, shapes, strict=True)]
        made = self._proto(ends)
        helper.set_model_props(made, dict(metadata or {}))
        onnx.checker.check_model(made)
        return made

    def _proto(self, ends: Sequence[onnx.ValueInfoProto]) -> onnx.ModelProto:
        image = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, self.side, self.side])
        arrays = [numpy_helper.from_array(array, name) for name, array in self.weights.items()]
        graph = helper.make_graph(self.nodes, "network", [image], ends, arrays)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)

    def _spread(self) -> None:
        """Scales and shifts what the last convolutions give on noise."""
        ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name, _, _ in self.heads]
        session = ort.InferenceSession(self._proto(ends).SerializeToString(), providers=["CPUExecutionProvider"])
        coarse = np.random.default_rng(1).uniform(*self.levels, (1, 3, 12, 12)).astype("f4")
        image = coarse.repeat(-(-self.side // 12), 2).repeat(-(-self.side // 12), 3)[:, :, : self.side, : self.side]
        for (_, weight, kind), found in zip(self.heads, session.run(None, {"images": image}), strict=True):
            mean, deviation = SPREAD[kind]
            gain = deviation / max(float(found.std()), 1e-6)
            bias = weight.replace("weight", "bias")
            self.weights[weight] *= gain
            self.weights[bias] = ((self.weights[bias] - found.mean()) * gain + mean).astype("f4")
