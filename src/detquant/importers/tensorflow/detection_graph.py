"""`tflite_graph.pb`: what the Object Detection API freezes on the way to `detect.tflite`.

Its last operation is TFLite's, TFLite_Detection_PostProcess, with the options as attributes; TensorFlow itself does
not know it. For what it does see `detquant.importers.tflite.detection`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from detquant.errors import ModelError
from detquant.importers.openvino.reading import Part
from detquant.importers.tensorflow.graph_def import GraphNodes, Node
from detquant.importers.tflite.detection import OPERATOR, Detection, detection_from

_FLOATS = ("x_scale", "y_scale", "w_scale", "h_scale", "nms_iou_threshold")
_INTEGERS = ("num_classes", "max_detections")


@dataclass(frozen=True, slots=True)
class DetectionGraph:
    """Such a graph's last operation, and the graph around it."""

    graph: GraphNodes
    node: Node

    @property
    def part(self) -> Part:
        """The part of the graph to read: its codes and its scores."""
        names = zip(self.node.inputs[:2], self.node.ports[:2], strict=True)
        return Part(outputs=tuple(f"{name}:{port}" for name, port in names))


def find_detection_graph(graph: GraphNodes) -> DetectionGraph | None:
    """The operation; None for graphs without it."""
    found = [node for node in graph.nodes.values() if node.op == OPERATOR and len(node.inputs) > 2]
    return DetectionGraph(graph, found[0]) if len(found) == 1 else None


def detection_of(found: DetectionGraph, scores: Any, path: Path) -> Detection:
    """The options of the operation, checked.

    Args:
        found: the operation and its graph.
        scores: the output of an `openvino.Model` that it reads, for its shape.
        path: path of the file, for messages.

    Raises:
        ModelError: the options make no sense.
    """
    given, anchors = found.node.attributes, found.graph.constant(found.node, 2)
    try:
        if anchors is None:
            raise ValueError("anchors that are no constant")
        options = {name: given[name].f for name in _FLOATS} | {name: given[name].i for name in _INTEGERS}
        return detection_from(options, np.asarray(anchors, np.float32), int(scores.get_shape()[-1]))
    except (KeyError, ValueError) as error:
        raise ModelError(
            f"'{path}' has {OPERATOR} with options or anchors that make no sense ({error}): export the model again."
        ) from error
