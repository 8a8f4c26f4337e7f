"""Whose time it is: the block of the float graph that an operator of a runtime's own graph belongs to.

Runtimes rewrite what they run and name what they make after what it was made of:

1. OpenVINO tells which operators of the file a layer was made of.
2. Others put words around the name of an operator or of its result, as detquant does with what it puts in itself.
3. What a pass has folded away (a BatchNorm) belongs where what it was computed from does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import onnx_ir as ir

from detquant.graph.blocks import GraphBlock
from detquant.graph.traits import is_constant

ADDED = re.compile(
    r"^Inserted(PrecisionFree)?Cast_|"
    r"(_nchwc|_token_\d+|/duplicated|/QuickGeluFusion/?|/WithoutBiases"
    r"|_(Q|Deq)uantizeLinear(_\d+)?|_(de)?quantized(_\d+)?|_saturated|_float"
    r"|/(ConvInteger|MatMulInteger|Cast|Mul|Add|rounded)(_\d+)?)$"
)
"""What is put around names: by ONNX Runtime, by OpenVINO, by QDQ, by layers that round their inputs as they run."""


class BlockNames:
    """The blocks of a graph, by the names of all that belongs to them.

    Args:
        blocks: of the prepared graph.
        originals: graphs that it was made of, whose names runtimes may tell as well.
    """

    def __init__(self, blocks: Sequence[GraphBlock], originals: Iterable[ir.Graph] = ()) -> None:
        self._of: dict[str, str] = {}
        for block in blocks:
            for node in block.nodes:
                self._add(node, block.name)
        for graph in originals:
            for node in graph:
                self._add(node, self._folded(node))

    def block(self, name: str, parts: Sequence[str] = ()) -> str | None:
        """The name of the block that an operator of a runtime's graph belongs to; None where nothing tells.

        Args:
            name: name of the operator there.
            parts: names of what it was made of, where the runtime tells.
        """
        return next(filter(None, map(self._found, (*parts, name))), None)

    def _found(self, name: str) -> str | None:
        while name not in self._of:
            shorter = ADDED.sub("", name)
            if shorter == name:
                return None
            name = shorter
        return self._of[name]

    def _add(self, node: ir.Node, block: str | None) -> None:
        for name in (node.name, *(value.name for value in node.outputs)):
            if name and block:
                self._of.setdefault(name, block)

    def _folded(self, node: ir.Node) -> str | None:
        """The block of an operator of an original graph, whose inputs have been gone through (case 3)."""
        own = (self._of.get(name) for name in (node.name, *(value.name for value in node.outputs)) if name)
        read = (self._of.get(value.name or "") for value in node.inputs if value is not None and not is_constant(value))
        return next(filter(None, (*own, *read)), None)
