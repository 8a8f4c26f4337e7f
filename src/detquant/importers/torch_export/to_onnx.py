"""A program as an ONNX graph, by torch's own exporter, which computes nothing on the way: shapes alone are followed.

1. A pair that rounds to a grid becomes QuantizeLinear and DequantizeLinear, with Clip between where the grid has fewer
   than 256 codes.
2. Weights that such a pair rounds are kept in their codes, as detquant's own quantised graphs have them.
3. Lists of tensors, which the exporter makes of a split, go: it becomes Split.
4. Notes on nodes and values go: they hold the paths of the machine that exported.
5. What the program holds is called as it calls it, such as "stem.conv.weight".
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from onnx_ir.passes.common import ClearMetadataAndDocStringPass, NameFixPass, RemoveUnusedNodesPass

from detquant.architectures.export import OPSET, quiet
from detquant.errors import in_short
from detquant.graph.fold_constants import fold_constants
from detquant.graph.values import constant, is_op, new_initializer, used_names
from detquant.importers.checkpoint._base import Flaw
from detquant.importers.torch_export.module import MOST_VALUES, ProgramModule
from detquant.importers.torch_export.padding import pad_within_windows
from detquant.importers.torch_export.rounding import translations
from detquant.numerics import QType, QuantParams, quantize

_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,199}")
_ROUNDING = frozenset(["QuantizeLinear", "DequantizeLinear"])


def to_onnx(module: ProgramModule, examples: tuple[torch.Tensor, ...], inputs: list[str], outputs: list[str]) -> bytes:
    """An ONNX file of a program.

    Args:
        module: the program.
        examples: examples of its inputs; only shapes and types count.
        inputs: names.
        outputs: names.

    Raises:
        Flaw: an operator is given what it does not take, or has no counterpart in ONNX.
    """
    with quiet():
        program = _traced(module, examples)
        try:
            made = torch.onnx.export(
                program,
                dynamo=True,
                optimize=False,  # it would fold the rounding of weights
                opset_version=OPSET,
                input_names=inputs,
                output_names=outputs,
                custom_translation_table=translations(),
                verbose=False,
            )
        except Exception as error:  # the exporter has its own errors for each of its parts
            raise Flaw(f"has no counterpart in ONNX ({_cause(error)}): export the model to ONNX yourself") from error
    assert made is not None
    model: ir.Model = made.model
    ClearMetadataAndDocStringPass()(model)
    NameFixPass()(model)  # a file's own names of its outputs may be those of other values
    _without_sequences(model)
    _name_held(model.graph, module.names)
    fold_constants(model)
    pad_within_windows(model)
    keep_weights_in_codes(model)
    content: bytes = ir.to_proto(model).SerializeToString(deterministic=True)
    return content


def _without_sequences(model: ir.Model) -> None:
    """Removes lists of tensors by the exporter's own optimiser, which may fold anything but rounding (case 3)."""
    fold = importlib.import_module("onnxscript.optimizer").fold_constants
    fold(model, should_fold=lambda node: False if node.op_type in _ROUNDING else None)


def _name_held(graph: ir.Graph, names: Mapping[str, str]) -> None:
    """Gives initialisers the names of the program, as far as they are such as modules of torch have (case 5)."""
    used = used_names(graph)
    for name, value in tuple(graph.initializers.items()):
        told = names.get(name, "")
        if _PATH.fullmatch(told) and told not in used:
            used.add(told)
            value.name = told


def _traced(module: ProgramModule, examples: tuple[torch.Tensor, ...]) -> Any:
    """The program again, from shapes alone; nothing larger than `MOST_VALUES` comes up in it."""
    try:
        program = torch.export.export(module, examples, strict=False)
    except Flaw:
        raise
    except Exception as error:  # whatever an operator says of arguments that it does not take
        raise Flaw(f"cannot be followed ({_cause(error)}): export it again, or give an ONNX export") from error
    for node in program.graph.nodes:
        for value in torch.utils._pytree.tree_leaves(node.meta.get("val")):
            if isinstance(value, torch.Tensor) and value.numel() > MOST_VALUES:
                raise Flaw(f"computes a tensor of {list(value.shape)}, more than any detector needs: refused")
    return program


def _cause(error: BaseException) -> str:
    """The error that lies behind an error of torch, the first that was raised, in one line."""
    while (inner := error.__cause__ or error.__context__) is not None and not isinstance(inner, Flaw):
        error = inner
    return in_short(error)


def keep_weights_in_codes(model: ir.Model) -> None:
    """Keeps weights that a pair rounds in their codes, in place (case 2); constants are folded."""
    graph = model.graph
    names = used_names(graph)
    for node in tuple(graph):
        array = constant(node.inputs[0]) if is_op(node, "QuantizeLinear") else None
        if array is None or node.attributes.get_int("block_size"):
            continue
        scale, zero_point = constant(node.inputs[1]), constant(node.inputs[2]) if len(node.inputs) > 2 else None
        if scale is None or zero_point is None or zero_point.dtype not in (np.int8, np.uint8):
            continue
        axis = node.attributes.get_int("axis", 1) % max(array.ndim, 1) if scale.size > 1 else None
        shape = () if axis is None else (-1,)
        grid = QuantParams(
            QType(8, signed=zero_point.dtype == np.int8),
            np.asarray(scale, np.float32).reshape(shape),
            zero_point.astype(np.int64).reshape(shape),
            axis,
        )
        codes = quantize(array, grid).astype(zero_point.dtype)
        made = node.outputs[0]
        for reader in [use.node for use in made.uses() if is_op(use.node, "Clip")]:
            low, high = (constant(value) for value in reader.inputs[1:3])
            if low is not None and high is not None and len(list(made.uses())) == 1:
                codes, made = codes.clip(low, high), reader.outputs[0]
        source = node.inputs[0]
        told = source.name if source is not None and source.is_initializer() else made.name
        weight = new_initializer(graph, f"{told}_quantized", codes.astype(zero_point.dtype), names)
        ir.convenience.replace_all_uses_with(made, weight)
    RemoveUnusedNodesPass()(model)
