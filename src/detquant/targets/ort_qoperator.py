"""ONNX Runtime with operators on codes (QLinearConv, ...) instead of Q and DQ around float ones.

The runtime rewrites a QDQ graph into these whenever it opens one; here the result is kept as the file, so it opens
sooner, and older runtimes that do not know the pattern run it too. It computes the same codes. Among its operators
are those of ONNX Runtime's own domain, so no other runtime reads it. The runtime finds its integer operators itself;
that they are those that `detquant.integer` reads from the same graph is held by a test.
"""

from __future__ import annotations

from dataclasses import replace

import onnx_ir as ir

from detquant.families import Family
from detquant.graph.running import optimised
from detquant.graph.saturation import with_saturated_codes
from detquant.targets._base import Arrays, Artefact
from detquant.targets.onnx_file import FILE
from detquant.targets.ort import CAPABILITY, Ort
from detquant.targets.ort_float_layers import said_of_float_layers


class OrtQOperator(Ort):
    """ONNX Runtime, CPU execution provider, QOperator form."""

    name = "ort-qoperator"
    title = "ONNX Runtime on CPUs: QOperator ONNX, for it alone"
    precisions = ("fp32",)
    variant_of = "ort"
    capability = replace(CAPABILITY, name="ort-qoperator", dynamic_ops=frozenset(), stored_bits=8, code_tables=False)

    def lower(self, qdq: ir.Model) -> Artefact:
        """``model.onnx`` as the runtime rewrites it.

        Raises:
            ModelError: the runtime refuses the graph.
        """
        return Artefact({FILE: optimised(with_saturated_codes(qdq))})

    def finish(self, artefact: Artefact, family: Family, image: Arrays) -> tuple[Artefact, tuple[str, ...]]:
        """Adds nothing; says which layers on codes the runtime has left in float."""
        return artefact, said_of_float_layers(artefact.files[FILE])
