"""ONNX Runtime on a CPU: QDQ ONNX that its optimiser turns into QLinear kernels.

What the facts rest on (onnxruntime 1.31, x86-64; ``benchmarks/int8.py`` prints the comparison):

* A convolution becomes QLinearConv only between a DQ and a Q, so a grid stands between it and SiLU. SiLU as
  QLinearSigmoid and QLinearMul is then cheaper than DQ, float SiLU and Q over a large map.
* Codes of fewer bits run on the same kernels, a Clip of uint8 behind each, which takes little time. Codes of 16 bits
  have no kernel: all between a DQ and a Q runs in float.
* Processors without VNNI add u8 x s8 products in pairs in 16 bits, saturating.
"""

from __future__ import annotations

import onnx_ir as ir

from detquant.families import Family
from detquant.graph.codebook_storage import with_codebook_storage
from detquant.graph.compact import compact
from detquant.graph.dynamic_quantization import LAYERS, quantize_dynamically
from detquant.graph.feeding import FittingRunner
from detquant.graph.four_bit_storage import has_four_bits, with_four_bit_storage
from detquant.graph.running import OrtRunner, optimised
from detquant.graph.saturation import with_saturated_codes
from detquant.numerics import USUAL_OPS, Capability, up_to_eight_bits
from detquant.targets import ort_inside
from detquant.targets._base import Arrays, Artefact, Runner
from detquant.targets.inside import RUNS, SECONDS, Timed
from detquant.targets.onnx_file import FILE, OnnxFile
from detquant.targets.ort_float_layers import said_of_float_layers

SIXTEEN = frozenset({16})
CAPABILITY = Capability(
    name="ort",
    kernels=up_to_eight_bits(USUAL_OPS | {"Mul", "Sigmoid"}, more=SIXTEEN),
    float_bits=SIXTEEN,
    stored_bits=4,
    code_tables=True,
    dynamic_ops=LAYERS,
    fused=frozenset({"Relu", "Clip"}),
    fused_after_add=frozenset({"Relu", "Clip"}),
    activation_steps=frozenset({"silu"}),
    pair_saturation=True,
)


class Ort(OnnxFile):
    """ONNX Runtime, CPU execution provider."""

    name = "ort"
    title = "ONNX Runtime on CPUs: QDQ ONNX"
    extra = None
    package = "onnxruntime"
    keeps_ends = True
    capability = CAPABILITY

    def lower(self, qdq: ir.Model) -> Artefact:
        """``model.onnx``; layers of which only the weight is codes round their inputs as they run.

        Weights of at most 4 bits, and those of at most 16 different codes, are stored in 4 or less, of 4 codes in 2.
        ONNX Runtime makes codes of them as it loads the file, and who wants them wants a small one, so what else there
        is takes as little (`compact`). Activations narrower than 8 bits are cut off in codes.

        Raises:
            UnsupportedOperator: one of these cannot.
        """
        model = with_four_bit_storage(with_codebook_storage(quantize_dynamically(with_saturated_codes(qdq))))
        return super().lower(compact(model) if has_four_bits(model) else model)

    def finish(self, artefact: Artefact, family: Family, image: Arrays) -> tuple[Artefact, tuple[str, ...]]:
        """Adds nothing; says which layers on codes the runtime runs in float all the same."""
        content = next(iter(artefact.files.values()))
        return artefact, said_of_float_layers(optimised(content)) if b"DequantizeLinear" in content else ()

    def profile(self, runner: Runner, feed: Arrays, runs: int = RUNS, seconds: float = SECONDS) -> tuple[Timed, ...]:
        """Precision and time of each operator, by the runtime's profiler."""
        return ort_inside.profile(runner, feed, runs, seconds) if isinstance(runner, OrtRunner) else ()

    def open(self, artefact: Artefact, threads: int = 1) -> FittingRunner:
        """A session at full graph optimisation."""
        return FittingRunner(artefact.files[FILE], threads)
