"""TensorRT's plug-ins EfficientNMS and BatchedNMS as ONNX's own operators, so that graphs with them run everywhere.

YOLOv7, YOLOv6 and others export with them (``--end2end``); no other runtime knows them. With boxes b [1, n, 4] and
scores s [1, n, classes], and m boxes to keep, they become

    NonMaxSuppression(b, s^T) -> (class, box) of each survivor -> its score, m zeros behind -> TopK(m)

and give the same four outputs: how many were found [1, 1], boxes as corners [1, m, 4], scores [1, m], classes [1, m].
The cases:

1. box_coding 1: boxes are centre and size, which become corners;
2. score_activation: scores are logits;
3. class_agnostic: a box counts for the best of its classes alone;
4. BatchedNMS (NVIDIA/TensorRT, ``plugin/batchedNMSPlugin``): boxes are [1, n, 1, 4] for all classes, classes come out
   as floats, and boxes in parts of the image are cut off at its sides. Its topK, how many boxes of a class are looked
   at, is not heeded: all are.

TensorRT reads the result as well: it has an operator of ONNX's suppression. All operators are as ONNX has had them
since opset 11, the oldest that has the suppression so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from detquant.errors import UnsupportedOperator
from detquant.graph.values import fresh_name, new_initializer, used_names

EFFICIENT = "EfficientNMS_TRT"
BATCHED = ("BatchedNMS_TRT", "BatchedNMSDynamic_TRT")
_OUTPUTS = 4
_TO_CORNERS = ((1, 0, 1, 0), (0, 1, 0, 1), (-0.5, 0, 0.5, 0), (0, -0.5, 0, 0.5))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a plug-in is told.

    Attributes:
        plugin: its name, as people call it.
        most: boxes that are kept.
        iou: overlap above which the lesser box of a class goes.
        score: what a box must score more than.
        background: number of the class that is none; below 0 where there is none.
        centred: whether boxes are centre and size.
        logits: whether scores are logits.
        agnostic: whether a box counts for its best class alone.
        parts: whether boxes are in parts of the image; None where it is not told.
        clipped: whether boxes are cut off at the image's sides.
        labels: type of the classes.
    """

    plugin: str
    most: int
    iou: float
    score: float
    background: int
    centred: bool = False
    logits: bool = False
    agnostic: bool = False
    parts: bool | None = None
    clipped: bool = False
    labels: ir.DataType = ir.DataType.INT32


def plain_suppression(model: ir.Model) -> list[Settings]:
    """Replaces each of these plug-ins in the main graph, in place.

    Returns:
        What each of them was told.

    Raises:
        UnsupportedOperator: one has a class for the background, or other inputs and outputs than the plug-in has.
    """
    found = [node for node in model.graph if node.op_type in (EFFICIENT, *BATCHED)]
    settings = [_settings(node) for node in found]
    for node, one in zip(found, settings, strict=True):
        _replace(model.graph, node, one)
    return settings


def _settings(node: ir.Node) -> Settings:
    of = node.attributes
    if node.op_type == EFFICIENT:
        return Settings(
            plugin="EfficientNMS",
            most=of.get_int("max_output_boxes", 100),
            iou=of.get_float("iou_threshold", 0.5),
            score=of.get_float("score_threshold", 0.25),
            background=of.get_int("background_class", -1),
            centred=of.get_int("box_coding", 0) == 1,
            logits=of.get_int("score_activation", 0) == 1,
            agnostic=of.get_int("class_agnostic", 0) == 1,
        )
    parts = of.get_int("isNormalized", 1) == 1
    return Settings(
        plugin="BatchedNMS",
        most=of.get_int("keepTopK", 100),
        iou=of.get_float("iouThreshold", 0.5),
        score=of.get_float("scoreThreshold", 0.25),
        background=of.get_int("backgroundLabelId", -1),
        parts=parts,
        clipped=parts and of.get_int("clipBoxes", 1) == 1,
        labels=ir.DataType.FLOAT,
    )


def _replace(graph: ir.Graph, node: ir.Node, settings: Settings) -> None:
    if len(node.inputs) != 2 or None in node.inputs or len(node.outputs) != _OUTPUTS:
        raise UnsupportedOperator(
            f"'{node.name}' ({node.op_type}) has {len(node.inputs)} inputs and {len(node.outputs)} outputs; only boxes "
            "and scores and their four outputs are taken: export the model without suppression."
        )
    if settings.background >= 0:
        raise UnsupportedOperator(
            f"'{node.name}' ({node.op_type}) has a class for the background: export the model without suppression."
        )
    if node.op_type in BATCHED and node.attributes.get_int("shareLocation", 1) != 1:
        raise UnsupportedOperator(
            f"'{node.name}' ({node.op_type}) has boxes for each class (shareLocation is 0), and one box for all "
            "classes was expected: export the model without suppression."
        )
    made = _Written(graph, node, settings).outputs()
    for old, new in zip(node.outputs, made, strict=True):
        if old.is_graph_output():
            for place, value in enumerate(graph.outputs):
                if value is old:
                    graph.outputs[place] = new
        name = old.name
        old.replace_all_uses_with(new)
        old.name, new.name = None, name
    graph.remove(node, safe=True)


class _Written:
    """The nodes that stand for a plug-in, written before it."""

    def __init__(self, graph: ir.Graph, node: ir.Node, settings: Settings) -> None:
        self.graph, self.node, self.settings = graph, node, settings
        self.names = used_names(graph)
        self.most = settings.most

    def outputs(self) -> list[ir.Value]:
        """What the plug-in gives: number, boxes, scores, classes."""
        of = self.settings
        boxes, scores = (value for value in self.node.inputs if value is not None)
        if self.node.op_type in BATCHED:  # case 4
            boxes = self.add("Reshape", boxes, self.ints(1, -1, 4))
            scores = self.add("Reshape", scores, self.ints(0, 0, -1))
        if of.centred:  # case 1
            boxes = self.add("MatMul", boxes, self.const(_TO_CORNERS, np.float32))
        if of.logits:  # case 2
            scores = self.add("Sigmoid", scores)
        best = None
        if of.agnostic:  # case 3
            scores, best = self.add("TopK", scores, self.ints(1), outputs=2, axis=2)
        by_class = self.add("Transpose", scores, perm=[0, 2, 1])
        limits = [self.const([of.iou], np.float32), self.const([of.score], np.float32)]
        chosen = self.add("NonMaxSuppression", boxes, by_class, self.ints(self.most), *limits)  # image, class, box
        place = self.add("Gather", chosen, self.ints(0, 2), axis=1)
        label = self.add("Gather", chosen, self.ints(1), axis=1) if best is None else self.add("GatherND", best, place)
        score, corners = self.add("GatherND", by_class, chosen), self.add("GatherND", boxes, place)
        return self._filled(corners, score, self.add("Reshape", label, self.ints(-1)))

    def _filled(self, corners: ir.Value, score: ir.Value, label: ir.Value) -> list[ir.Value]:
        """The survivors, best first, with zeros behind them."""
        most, empty = self.most, self.const(np.zeros(self.most), np.float32)
        top, place = self.add("TopK", self.add("Concat", score, empty, axis=0), self.ints(most), outputs=2, axis=0)
        nowhere, nothing = self.const(np.zeros((most, 4)), np.float32), self.const(np.zeros(most), np.int64)
        boxes = self.add("Gather", self.add("Concat", corners, nowhere, axis=0), place, axis=0)
        labels = self.add("Gather", self.add("Concat", label, nothing, axis=0), place, axis=0)
        found = self.add("NonZero", self.add("Greater", top, self.const(0.0, np.float32)))
        number = self.add("Gather", self.add("Shape", found), self.ints(1), axis=0)
        number = self.add("Reshape", number, self.ints(1, 1))
        if self.settings.clipped:
            boxes = self.add("Clip", boxes, self.const(0.0, np.float32), self.const(1.0, np.float32))
        whole, real, kind = ir.DataType.INT32, ir.DataType.FLOAT, self.settings.labels
        return [
            self._typed(self.add("Cast", number, to=whole), whole, (1, 1)),
            self._typed(self.add("Reshape", boxes, self.ints(1, most, 4)), real, (1, most, 4)),
            self._typed(self.add("Reshape", top, self.ints(1, most)), real, (1, most)),
            self._typed(self.add("Cast", self.add("Reshape", labels, self.ints(1, most)), to=kind), kind, (1, most)),
        ]

    def add(self, kind: str, *inputs: ir.Value, outputs: int = 1, **attributes: Any) -> Any:
        """A node before the plug-in; its value, or its values where there are several."""
        name = fresh_name(f"{self.node.name or self.node.op_type}/{kind}", self.names)
        node = ir.node(kind, inputs, attributes, num_outputs=outputs, name=name)
        for value in node.outputs:
            value.name = fresh_name(f"{name}_output", self.names)
        self.graph.insert_before(self.node, node)
        return node.outputs[0] if outputs == 1 else node.outputs

    def const(self, values: Any, dtype: type) -> ir.Value:
        """An initializer."""
        return new_initializer(
            self.graph, f"{self.node.name or self.node.op_type}/constant", np.asarray(values, dtype), self.names
        )

    def ints(self, *values: int) -> ir.Value:
        """An initializer of whole numbers."""
        return self.const(values, np.int64)

    @staticmethod
    def _typed(value: ir.Value, dtype: ir.DataType, shape: Sequence[int]) -> ir.Value:
        value.dtype, value.shape = dtype, ir.Shape(shape)
        return value
