"""ONNX Runtime on a CPU: QDQ ONNX that its optimiser turns into QLinear kernels.

What the facts rest on (onnxruntime 1.31, x86-64; ``benchmarks/int8.py`` prints the comparison):

* A convolution becomes QLinearConv only between a DQ and a Q, so a grid stands between it and SiLU. SiLU as
  QLinearSigmoid and QLinearMul is then cheaper than DQ, float SiLU and Q over a large map.
* Processors without VNNI add u8 x s8 products in pairs in 16 bits, saturating.
"""

from __future__ import annotations

import onnx_ir as ir

from detquant.graph.expectation import expectation_as_ratio
from detquant.graph.nearest import nearest_as_concat
from detquant.graph.running import Runner, as_bytes
from detquant.numerics import Capability
from detquant.targets._base import Artefact, Target

CAPABILITY = Capability(
    name="ort",
    int8_ops=frozenset(
        [
            "Conv",
            "Gemm",
            "MatMul",
            "Add",
            "Mul",
            "Concat",
            "Sigmoid",
            "LeakyRelu",
            "Relu",
            "Clip",
            "AveragePool",
            "GlobalAveragePool",
            "MaxPool",
            "Resize",
            "Reshape",
            "Transpose",
            "Squeeze",
            "Unsqueeze",
            "Flatten",
            "Slice",
            "Split",
        ]
    ),
    fused=frozenset({"Relu", "Clip"}),
    activation_steps=frozenset({"silu"}),
    pair_saturation=True,
)


class Ort(Target):
    """ONNX Runtime, CPU execution provider."""

    name = "ort"
    title = "ONNX Runtime on CPUs: QDQ ONNX"
    extra = ""
    package = "onnxruntime"
    capability = CAPABILITY

    def rewrite(self, model: ir.Model) -> ir.Model:
        """Two operators that its kernels handle value by value, written as others; see the passes."""
        return nearest_as_concat(expectation_as_ratio(model))

    def lower(self, qdq: ir.Model) -> Artefact:
        """``model.onnx``: the QDQ graph as it is."""
        return Artefact({"model.onnx": as_bytes(qdq)})

    def open(self, artefact: Artefact, threads: int = 1) -> Runner:
        """A session at full graph optimisation."""
        return Runner(artefact.files["model.onnx"], threads)
