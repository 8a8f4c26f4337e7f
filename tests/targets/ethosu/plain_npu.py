"""A TFLite file of int8 as TensorFlow's reference kernels compute it, written down anew: each product in whole numbers.

What multiplies by a real number rounds twice: the high half of a doubled product to the nearest, then a shift to the
nearest, halves away from zero both times (gemmlowp's ``SaturatingRoundingDoublingHighMul`` and
``RoundingDivideByPOT``; https://arxiv.org/abs/1712.05877, appendix). The Ethos-U calls that ``ROUND_MODE_DBL``.
"""

from __future__ import annotations

import math

import numpy as np

from detquant.targets.tflite.schema import schema

TWO_31 = 1 << 31
LEFT = 20
"""Bits by which sums of two maps go up first."""


def multiplier(real):
    """A real number as 31 bits and a shift to the left."""
    fraction, exponent = math.frexp(float(real))
    bits = math.floor(fraction * TWO_31 + 0.5)
    return (bits // 2, exponent + 1) if bits == TWO_31 else (bits, exponent)


def times(numbers, real):
    """Whole numbers times a real one, rounded twice."""
    bits, shift = multiplier(real)
    product = (np.asarray(numbers, np.int64) << max(shift, 0)) * bits
    high = np.where(product >= 0, product + (1 << 30), product + 1 - (1 << 30))
    high = np.where(high >= 0, high // TWO_31, -(-high // TWO_31))  # C divides towards zero
    right = max(-shift, 0)
    mask = (1 << right) - 1
    return (high >> right) + ((high & mask) > (mask >> 1) + (high < 0))


class Plain:
    """A file, ready to be run.

    Args:
        content: bytes of a file without floats.
    """

    def __init__(self, content):
        self.schema = schema()
        self.model = self.schema.ModelT.InitFromObj(self.schema.Model.GetRootAs(content))
        self.graph = self.model.subgraphs[0]
        names = vars(self.schema.BuiltinOperator).items()
        self.kinds = {number: name for name, number in names if isinstance(number, int)}

    def kind(self, op):
        return self.kinds[self.model.operatorCodes[op.opcodeIndex].builtinCode]

    def scales(self, index):
        return np.asarray(self.graph.tensors[index].quantization.scale, np.float32)

    def point(self, index):
        return int(self.graph.tensors[index].quantization.zeroPoint[0])

    def constant(self, index):
        tensor = self.graph.tensors[index]
        data = self.model.buffers[tensor.buffer].data
        types = {self.schema.TensorType.INT8: np.int8, self.schema.TensorType.INT32: np.int32}
        return np.asarray(data, np.uint8).view(types[tensor.type]).reshape(tensor.shape).astype(np.int64)

    def run(self, image):
        """The codes of all tensors by name.

        Args:
            image: int8 codes, NHWC.
        """
        known = {int(self.graph.inputs[0]): image.astype(np.int64)}
        for op in self.graph.operators:
            made = getattr(self, self.kind(op).lower())(op, known)
            for index, array in zip(op.outputs, made if isinstance(made, list) else [made], strict=True):
                known[int(index)] = array.reshape(self.graph.tensors[index].shape)
        return {self.graph.tensors[index].name.decode(): array for index, array in known.items()}

    def codes(self, op, numbers):
        """Numbers as codes of an operator's result: moved by its zero point, within its activation."""
        out, lowest = op.outputs[0], -128
        if op.builtinOptions.fusedActivationFunction == self.schema.ActivationFunctionType.RELU:
            lowest = self.point(out)
        else:
            assert op.builtinOptions.fusedActivationFunction == self.schema.ActivationFunctionType.NONE
        return np.clip(numbers + self.point(out), lowest, 127)

    def factors(self, op):
        """What the sums of each channel are multiplied by."""
        read, weight = (self.scales(k).astype(np.float64) for k in op.inputs[:2])
        return read[0] * weight / np.float64(self.scales(op.outputs[0])[0])

    def layer(self, op, windows):
        """Products of windows, the last axis, with a weight of as many numbers for each channel."""
        weight = self.constant(op.inputs[1])
        sums = (windows - self.point(op.inputs[0])).astype(np.float64) @ weight.reshape(len(weight), -1).T
        sums = sums.astype(np.int64) + self.constant(op.inputs[2])
        factors = np.broadcast_to(self.factors(op), len(weight))
        scaled = [times(sums[..., channel], factor) for channel, factor in enumerate(factors)]
        return self.codes(op, np.stack(scaled, -1))

    def conv_2d(self, op, known):
        weight, given = self.constant(op.inputs[1]), known[op.inputs[0]]
        sides, steps = weight.shape[1:3], (op.builtinOptions.strideH, op.builtinOptions.strideW)
        shape = self.graph.tensors[op.outputs[0]].shape
        missing = [max(0, (shape[1 + k] - 1) * steps[k] + sides[k] - given.shape[1 + k]) for k in range(2)]
        pads = [(0, 0), *((one // 2, one - one // 2) for one in missing), (0, 0)]
        padded = np.pad(given, pads, constant_values=self.point(op.inputs[0]))
        seen = np.lib.stride_tricks.sliding_window_view(padded, sides, (1, 2))[:, :: steps[0], :: steps[1]]
        return self.layer(op, seen.transpose(0, 1, 2, 4, 5, 3).reshape(*seen.shape[:3], -1))

    def fully_connected(self, op, known):
        return self.layer(op, known[op.inputs[0]])

    def logistic(self, op, known):
        real = (known[op.inputs[0]] - self.point(op.inputs[0])) * np.float64(self.scales(op.inputs[0])[0])
        return np.clip(np.floor(256 / (1 + np.exp(-real)) + 0.5) - 128, -128, 127).astype(np.int64)

    def mul(self, op, known):
        a, b = (known[k] - self.point(k) for k in op.inputs)
        (first,), (second,), (out,) = (self.scales(k) for k in (*op.inputs, *op.outputs))
        return self.codes(op, times(a * b, first * second / out))  # in float32, as the kernel has it

    def add(self, op, known):
        scales = [np.float64(self.scales(k)[0]) for k in op.inputs]
        largest = 2 * max(scales)
        up = [times((known[k] - self.point(k)) << LEFT, s / largest) for k, s in zip(op.inputs, scales, strict=True)]
        out = np.float64(self.scales(op.outputs[0])[0])
        return self.codes(op, times(up[0] + up[1], largest / ((1 << LEFT) * out)))

    def mean(self, op, known):
        given, (out,) = known[op.inputs[0]], op.outputs
        count = given.shape[1] * given.shape[2]
        bits, shift = multiplier(np.float64(self.scales(op.inputs[0])[0]) / np.float64(self.scales(out)[0]))
        # the count goes into the multiplier, which keeps as many of its bits as there is room for
        room = min(63 - (count - 1).bit_length(), 32, 31 + shift)
        factor = (bits << room) // count / 2.0 ** (31 + room - shift)
        sums = (given - self.point(op.inputs[0])).sum((1, 2))
        return np.clip(times(sums, factor) + self.point(out), -128, 127)

    def reshape(self, op, known):
        return known[op.inputs[0]]

    def pad(self, op, known):
        return np.pad(known[op.inputs[0]], self.constant(op.inputs[1]), constant_values=self.point(op.inputs[0]))

    def concatenation(self, op, known):
        return np.concatenate([known[k] for k in op.inputs], op.builtinOptions.axis)

    def split(self, op, known):
        return np.split(
            known[op.inputs[1]], op.builtinOptions.numSplits, int(self.constant(op.inputs[0]).reshape(-1)[0])
        )

    def max_pool_2d(self, op, known):
        side = op.builtinOptions.filterHeight
        assert op.builtinOptions.strideH == 1 and op.builtinOptions.padding == self.schema.Padding.SAME
        edges = [(0, 0), *[(side // 2, side // 2)] * 2, (0, 0)]
        padded = np.pad(known[op.inputs[0]], edges, constant_values=-128)
        return np.lib.stride_tricks.sliding_window_view(padded, (side, side), (1, 2)).max((-2, -1))

    def resize_nearest_neighbor(self, op, known):
        assert not op.builtinOptions.halfPixelCenters and not op.builtinOptions.alignCorners
        given = known[op.inputs[0]]
        rows, columns = (
            np.arange(size) * given.shape[1 + k] // size for k, size in enumerate(self.constant(op.inputs[1]))
        )
        return given[:, rows][:, :, columns]
