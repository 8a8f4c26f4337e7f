"""Raise the model to the one opset that the passes after it, and every target, are written for.

1. below opset 7: refused. Add and its like had another way of broadcasting, and Dropout and BatchNormalization a
   switch for training.
2. opset 7 to 10: first raised to opset 11, see `detquant.graph.old_opsets`.
3. opset 11 to 20: converted by ONNX's own version converter.
4. opset 21 and above: kept.

Why 21: it is the first opset whose QuantizeLinear and DequantizeLinear know int4, int16 and blocks; and the
last before the definitions of Conv, MaxPool and most activations were numbered anew (22), which vendors'
tools and the fusions of older runtimes do not recognise yet.
"""

from __future__ import annotations

import re

import onnx
import onnx_ir as ir
from onnx_ir.passes.common import RemoveInitializersFromInputsPass

from detquant.errors import ModelError, UnsupportedOperator
from detquant.graph import old_opsets
from detquant.graph.values import ONNX_DOMAINS
from detquant.untrusted import one_line

OPSET = 21
OLDEST_OPSET = 7
IR_VERSION = 10  # the IR version that came with opset 21


def raise_opset(model: ir.Model) -> ir.Model:
    """Give the model in opset 21, or unchanged where it is newer.

    Args:
        model: may be changed: initializers are taken out of its inputs.

    Returns:
        The converted model; names of inputs, outputs and initializers are kept.

    Raises:
        ModelError: the opset is below 7, or ONNX's converter does not know a way up.
        UnsupportedOperator: an operator that this opset of the ONNX standard does not have.
    """
    opset = model.graph.opset_imports.get("", model.graph.opset_imports.get("ai.onnx"))
    if opset is None:
        raise ModelError("The model imports no ONNX opset: export it again with opset 17 or newer.")
    if opset < OLDEST_OPSET:
        raise ModelError(
            f"The model is in opset {opset}, and the oldest that can be read is {OLDEST_OPSET}: "
            "export it again with opset 17 or newer."
        )
    _refuse_unknown(model, opset)
    old_opsets.refuse_what_changed(model, opset)
    # Before IR version 4 every initializer had to be an input as well; as inputs they would not be constant.
    RemoveInitializersFromInputsPass()(model)
    model.ir_version = max(model.ir_version, IR_VERSION)
    return model if opset >= OPSET else _convert(model, opset)


def _refuse_unknown(model: ir.Model, opset: int) -> None:
    unknown = set()
    for node in model.graph.all_nodes():
        if node.domain in ONNX_DOMAINS:
            try:
                onnx.defs.get_schema(node.op_type, min(opset, onnx.defs.onnx_opset_version()))
            except onnx.defs.SchemaError:
                unknown.add(node.op_type)
    if unknown:
        names = one_line(", ".join(sorted(unknown)), 300)
        raise UnsupportedOperator(f"The model uses operators that ONNX opset {opset} does not have: {names}.")


def _convert(model: ir.Model, opset: int) -> ir.Model:
    metadata = model.metadata_props  # which the converter forgets
    try:
        if opset < old_opsets.OPSET:
            model = old_opsets.raise_old(model, opset)
        converted = ir.from_proto(onnx.version_converter.convert_version(ir.to_proto(model), OPSET))
    except (RuntimeError, ValueError) as error:  # ConvertError is a RuntimeError
        text = str(error).strip() or type(error).__name__
        reason = re.sub(r"^\S+\.(cc|h):\d+: \w+: ", "", text.splitlines()[0]).rstrip(".")
        raise ModelError(
            f"The model cannot be raised from opset {opset} to {OPSET}: {reason}. Export it again with a newer opset."
        ) from error
    converted.ir_version = IR_VERSION
    converted.metadata_props.update(metadata)
    return converted
