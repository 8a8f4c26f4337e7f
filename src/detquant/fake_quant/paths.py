"""Paths of a torch model's own modules, as the ONNX file of its export tells them of its layers.

1. The weight is called as in the state dict, ``stem.conv.weight``: torch's exporter by `torch.export` always does so,
   the one by TorchScript unless it has folded a BatchNorm.
2. The node is called by the modules around it, ``/model.0/conv/Conv``, as TorchScript's exporter has it; of a module
   in a Sequential it writes both, ``/blocks/blocks.0/conv/Conv``.
"""

from __future__ import annotations

import re

import onnx_ir as ir

from detquant.graph.values import is_op

_WEIGHT = re.compile(r"((?:[A-Za-z_]\w*)(?:\.\w+)*)\.weight(?:_[a-z]\w*)?")
_SCOPE = re.compile(r"(?:/\w+(?:\.\w+)*)+")


def module_path(node: ir.Node) -> str | None:
    """The path of the module that a layer was in the torch model; None where the file tells none.

    Args:
        node: a layer; its weight is its second input.
    """
    value = node.inputs[1] if len(node.inputs) > 1 else None
    producer = value.producer() if value is not None else None
    if is_op(producer, "DequantizeLinear"):
        assert producer is not None
        value = producer.inputs[0]
    if value is None or not value.is_initializer():
        return None
    if told := _WEIGHT.fullmatch(value.name or ""):
        return told[1]
    name = node.name or ""
    scope, _, last = name.rpartition("/")
    if not _SCOPE.fullmatch(scope) or not re.fullmatch(rf"{re.escape(node.op_type)}(_[0-9]+)?", last):
        return None
    parts: list[str] = []
    for part in scope[1:].split("/"):
        if parts and part.startswith(f"{parts[-1]}."):
            parts.pop()
        parts.append(part)
    return ".".join(parts)
