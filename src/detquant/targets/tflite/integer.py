"""TFLite with integers only: int8 in, int8 out, nothing in float between.

What computes in integers only (an Edge TPU, a microcontroller, an NPU) wants such files. The graph is cut before its
decoding (see `detquant.graph.cut_decode`): the raw maps of the heads leave ``model.tflite`` as codes, each map on a
grid of its own, and ``decode.onnx`` makes of their real values what the model gave, on the host.

An image whose network wants pixels from 0 to 1, or as they are, goes in as ``code = pixel - 128``.
"""

from __future__ import annotations

from dataclasses import replace

import onnx_ir as ir

from detquant.graph import prepare
from detquant.graph.cut_decode import cut_decode, cut_float_decode
from detquant.graph.running import OrtRunner, as_bytes
from detquant.graph.saturation import with_saturation
from detquant.graph.values import is_op
from detquant.numerics import up_to_eight_bits
from detquant.targets._base import Artefact, Runner
from detquant.targets.tflite.capability import CAPABILITY
from detquant.targets.tflite.runner import Opened
from detquant.targets.tflite.target import FILE, TfLite
from detquant.targets.tflite.walk import lower

DECODE = "decode.onnx"


class TfLiteInteger(TfLite):
    """LiteRT on files without floats."""

    name = "tflite-integer"
    title = "LiteRT on CPUs, NPUs, microcontrollers: TFLite of integers only; decoding apart, in ONNX"
    precisions: tuple[str, ...] = ()
    writes: tuple[str, ...] = (FILE, DECODE)
    integer_only = "what it is for computes in integers only"
    variant_of: str | None = "tflite"
    capability = replace(
        CAPABILITY,
        name="tflite-integer",
        kernels={**CAPABILITY.kernels, **up_to_eight_bits(["PRelu"])},
        integer_only=True,
        dynamic_ops=frozenset(),
    )

    def lower(self, qdq: ir.Model) -> Artefact:
        """``model.tflite`` and ``decode.onnx``; a float model too, which a quantised one is compared with.

        Raises:
            MissingExtra: LiteRT is not installed.
            UnsupportedOperator: there is no such builtin operator for codes.
        """
        if any(is_op(node, "QuantizeLinear") for node in qdq.graph):
            network, decode = cut_decode(with_saturation(qdq))
            content = self.write(prepare(network))
        else:
            network, decode = cut_float_decode(prepare(qdq))
            content = super().lower(network).files[FILE]
        return Artefact({FILE: content, **({DECODE: as_bytes(decode)} if decode is not None else {})})

    def write(self, network: ir.Model) -> bytes:
        """The file of the part that is all integers."""
        return lower(network, integer=True)

    def open(self, artefact: Artefact, threads: int = 1) -> Opened:
        """The file in LiteRT, decoding in ONNX Runtime behind it.

        Raises:
            MissingExtra: LiteRT is not installed.
            TargetError: LiteRT cannot open the model.
        """
        content, decode = artefact.files[FILE], artefact.files.get(DECODE)
        behind = OrtRunner(decode, threads) if decode is not None else None
        return Opened(self.interpreter(content, threads), content, real=True, decode=behind)

    def remarks(self, runner: Runner) -> tuple[str, ...]:
        """Sentences of LiteRT, and on how the image goes in."""
        if not isinstance(runner, Opened):
            return ()
        return (*super().remarks(runner), *(_image(name, runner) for name in runner.images if name in runner.grids))


def _image(name: str, runner: Opened) -> str:
    grid = runner.grids[name]
    scale, zero_point = float(grid.scale), int(grid.zero_point)
    return f"'{name}' takes {grid.qtype} codes, round(x / {scale:.8g}) {zero_point:+d}, NHWC."
