"""TensorRT: QDQ ONNX as its explicit quantisation wants it.

What the facts rest on (NVIDIA TensorRT developer guide, "Working with quantized types": explicit quantisation):

* Q and DQ are symmetric: a zero point other than 0 is refused; weights are int8 per output channel, axis 0.
* A bias stays float: it is not quantised, and an int32 DQ is not understood.
* A convolution with its activation (ReLU, SiLU) and the Q behind it is one kernel, so no grid stands between them; a
  convolution between DQ and float readers writes float or half. Concat runs on codes where all grids are one.

detquant does not run TensorRT. The graph is checked against these rules, and it is scored in ONNX Runtime, which
computes the same grids; its latency there says nothing about a GPU, so nothing is placed by it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx_ir as ir

from detquant.errors import TargetError
from detquant.graph.qdq import drop_unused_initializers
from detquant.graph.running import AS_WRITTEN, OrtRunner, as_bytes
from detquant.graph.values import constant, is_op, new_initializer, used_names
from detquant.numerics import USUAL_OPS, Capability, eight_bits
from detquant.targets._base import Artefact, Runner, Target
from detquant.targets.onnx_file import with_entries

CAPABILITY = Capability(
    name="tensorrt",
    kernels=eight_bits(USUAL_OPS | {"ConvTranspose"}),
    fused=frozenset({"Relu", "Clip", "LeakyRelu"}),
    fused_after_add=frozenset({"Relu", "Clip", "LeakyRelu"}),
    fused_activations=frozenset({"silu", "hardswish", "mish"}),
    symmetric=True,
    float_results=True,
)
FILE = "model.onnx"


class TensorRt(Target):
    """NVIDIA TensorRT with explicit quantisation."""

    name = "tensorrt"
    title = "TensorRT: QDQ ONNX, symmetric; checked here, not run"
    extra = None
    package = "tensorrt"
    writes = (FILE,)
    capability = CAPABILITY
    runs_here = False

    def lower(self, qdq: ir.Model) -> Artefact:
        """``model.onnx``: float biases, every rule above checked.

        Raises:
            TargetError: a grid is not symmetric, or a weight's channels do not lie along axis 0.
        """
        model = with_float_biases(qdq)
        for node in model.graph:
            if is_op(node, "QuantizeLinear", "DequantizeLinear"):
                _check(node)
        return Artefact({FILE: as_bytes(model)})

    def with_metadata(self, artefact: Artefact, entries: Mapping[str, str]) -> Artefact:
        """The file with these entries among its `metadata_props`."""
        return Artefact({FILE: with_entries(artefact.files[FILE], entries)})

    def open(self, artefact: Artefact, threads: int = 1) -> OrtRunner:
        """The same graph, opened in ONNX Runtime, as it is written: a GPU adds products in 32 bits."""
        return OrtRunner(artefact.files[FILE], threads, optimisation=AS_WRITTEN)

    def remarks(self, runner: Runner) -> tuple[str, ...]:
        """Sentences on another runtime having stood in, and on how to go on."""
        return (
            "TensorRT was not run: accuracy is that of the same graph in ONNX Runtime on this machine, and so is the "
            f"latency, which says nothing about a GPU. There:  trtexec --onnx={FILE} --int8 --fp16",
        )


def with_float_biases(qdq: ir.Model) -> ir.Model:
    """A copy of the model in which what an int32 DQ gives is a float constant of the same value."""
    model = qdq.clone()
    names = used_names(model.graph)
    for node in list(model.graph):
        codes = constant(node.inputs[0]) if is_op(node, "DequantizeLinear") else None
        scale = constant(node.inputs[1]) if codes is not None and codes.dtype == np.int32 else None
        if codes is None or scale is None:
            continue
        out = node.outputs[0]
        bias = codes.astype(np.float32) * scale.astype(np.float32)
        value = new_initializer(model.graph, out.name or "", bias, names)
        for use in list(out.uses()):
            use.node.replace_input_with(use.idx, value)
        model.graph.remove(node, safe=True)
    drop_unused_initializers(model.graph)
    return model


def _check(node: ir.Node) -> None:
    tensor = (node.inputs[0].name or "") if node.inputs[0] is not None else ""
    zero_point = constant(node.inputs[2]) if len(node.inputs) > 2 else None
    if zero_point is None or zero_point.dtype != np.int8 or np.any(zero_point):
        raise TargetError(
            f"TensorRT takes symmetric int8 grids only, and that of '{tensor}' is another: use a recipe with signed, "
            f"symmetric activations and weights."
        )
    scale = constant(node.inputs[1])
    if scale is not None and scale.ndim == 1 and node.attributes.get_int("axis", 1) != 0:
        raise TargetError(
            f"TensorRT takes weights with a scale for each output channel along axis 0; '{tensor}' has them along "
            f"axis {node.attributes.get_int('axis', 1)}: quantise that operator per tensor, or keep it float."
        )
