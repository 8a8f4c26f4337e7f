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

from detquant.graph.blocks import FUNCTIONS, GraphBlock
from detquant.graph.traits import WEIGHTED, is_constant
from detquant.graph.values import is_op

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
        self._layers: dict[str, str] = {}
        for block in blocks:
            for node in block.nodes:
                self._add(node, block.name)
        for node in (node for block in blocks for node in block.nodes):
            if (layer := _layer_behind(node)) is not None and (owner := self._of.get(layer.name or "")) is not None:
                self._layers |= dict.fromkeys(_names(node), owner)
        for graph in originals:
            for node in graph:
                self._add(node, self._folded(node))

    def blocks(self, name: str, parts: Sequence[str] = (), *, layer: bool = False) -> list[str]:
        """The names of the blocks that an operator of a runtime's graph has a part of; none where nothing tells.

        Args:
            name: name of the operator there.
            parts: names of what it was made of, where the runtime tells.
            layer: whether it multiplies by weights: then what it is named after may be an activation function of
                another block that it has taken in, and the block of the layer before that comes first.
        """
        found = [known for one in (*parts, name) if (known := self._known(one)) is not None]
        taken_in = [self._layers[one] for one in found if layer and one in self._layers]
        return list(dict.fromkeys((*taken_in[:1], *(self._of[one] for one in found))))

    def _known(self, name: str) -> str | None:
        while name not in self._of:
            shorter = ADDED.sub("", name)
            if shorter == name:
                return None
            name = shorter
        return name

    def _add(self, node: ir.Node, block: str | None) -> None:
        for name in _names(node):
            if block:
                self._of.setdefault(name, block)

    def _folded(self, node: ir.Node) -> str | None:
        """The block of an operator of an original graph, whose inputs have been gone through (case 3)."""
        own = (self._of.get(name) for name in _names(node))
        read = (self._of.get(value.name or "") for value in node.inputs if value is not None and not is_constant(value))
        return next(filter(None, (*own, *read)), None)


def _names(node: ir.Node) -> list[str]:
    return [name for name in (node.name, *(value.name for value in node.outputs)) if name]


def _layer_behind(node: ir.Node) -> ir.Node | None:
    """The layer whose result an activation function is of; None for all else."""
    source = node.inputs[0].producer() if is_op(node, *FUNCTIONS) and node.inputs[0] is not None else None
    return source if source is not None and is_op(source, *WEIGHTED) else None
