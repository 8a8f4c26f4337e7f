"""SSDs as TensorFlow's Object Detection API freezes them: where the network begins in such a graph, and where it ends.

In front of the network each image of the batch is resized in a loop; behind it boxes are decoded and suppressed class
by class in another. What is between is found by its form:

1. the image is found by `network_input`;
2. the heads are the two joins all of whose parts come from convolutions, reshaped and no more;
3. the codes are the one from which an exponential is reached; they are decoded where all that follows from
   exponentials meets for the first time;
4. a Sigmoid or Softmax behind the other head is what is left to be done to the scores; a Slice from the second class
   on says that the first is the background.

Other graphs, and those without loops and without suppression by NonMaxSuppression, are left as they are.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from detquant.errors import ModelError
from detquant.families.ssd_layout import SSDLayout, Triple
from detquant.importers.openvino.box_coding import box_coding
from detquant.importers.openvino.reading import Part
from detquant.importers.openvino.ssd_heads import BOXES, CLASSES, entries, with_raw_heads
from detquant.importers.tensorflow.graph_def import GraphNodes, Node
from detquant.importers.tensorflow.network_input import (
    ARITHMETIC,
    LAYERS,
    find_image,
    image_resize,
    image_size,
    source_of,
)

_LOOPS = ("Enter", "While", "StatelessWhile")
_RESHAPES = ("Reshape", "Squeeze", "ExpandDims", "Identity", "Transpose")
_BIASED = ("BiasAdd", "Add", "AddV2", "FakeQuantWithMinMaxVars", *_RESHAPES)
_JOINS = ("ConcatV2", "Concat", "Pack")
_CONVERTERS = {"Sigmoid": "sigmoid", "Softmax": "softmax"}
_SUPPRESSION = "NonMaxSuppression"
_IOU = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The places at which a graph is cut; tensors are named as TensorFlow does, "name:0".

    Attributes:
        image: the network's input, [1, height, width, 3].
        size: height and width of the image in pixels; None where the graph keeps the aspect of images.
        resize: how images are brought to it.
        codes: codes of the boxes, [1, anchors, 4].
        scores: [1, anchors, values].
        decoded: the boxes that the graph makes of its codes.
        converter: what is left to be done to the scores: "none", "sigmoid" or "softmax".
        background: the class that is none; None if all are.
        nms_iou: IoU above which the graph drops the lesser box.
        mean: means of the channels, grey levels of 0 to 255.
        std: standard deviations, as `mean`; the input is (x - mean) / std.
    """

    image: str
    size: tuple[int, int] | None
    resize: str
    codes: str
    scores: str
    decoded: str
    converter: str
    background: int | None
    nms_iou: float
    mean: Triple
    std: Triple


def find_cut(graph: GraphNodes) -> Cut | None:
    """Where to cut an SSD of the Object Detection API; None for all other graphs."""
    if not any(node.op in _LOOPS or node.op.startswith(_SUPPRESSION) for node in graph.nodes.values()):
        return None
    image, heads = find_image(graph), _heads(graph)
    if image is None or heads is None:
        return None
    codes, decoded, classes = heads
    network, mean, std = image
    scores, converter, background = _scores(graph, classes)
    return Cut(
        image=f"{network.name}:0",
        size=image_size(graph),
        resize=image_resize(graph),
        codes=f"{codes.name}:0",
        scores=f"{scores.name}:0",
        decoded=f"{decoded.name}:0",
        converter=converter,
        background=background,
        nms_iou=_iou(graph),
        mean=mean,
        std=std,
    )


def _heads(graph: GraphNodes) -> tuple[Node, Node, Node] | None:
    """The nodes that give codes, decoded boxes and scores (cases 2 and 3); None where they are not found."""
    joins = [node for node in graph.nodes.values() if node.op in ("ConcatV2", "Concat") and _joins_heads(graph, node)]
    if len(joins) != 2:
        return None
    decoded = [_decoded(graph, node) for node in joins]
    if (decoded[0] is None) == (decoded[1] is None):
        return None
    place = 0 if decoded[0] is not None else 1
    boxes = decoded[place]
    assert boxes is not None, "one of them is"
    return joins[place], boxes, joins[1 - place]


def _parts(graph: GraphNodes, join: Node) -> list[Node]:
    return [node for node in graph.sources(join) if node.op != "Const"]


def _joins_heads(graph: GraphNodes, join: Node) -> bool:
    parts = _parts(graph, join)
    return bool(parts) and all(_is_head(graph, part) for part in parts)


def _is_head(graph: GraphNodes, node: Node) -> bool:
    for _ in range(len(graph.nodes)):  # a damaged graph may go in circles
        if node.op in LAYERS:
            return True
        source = source_of(graph, node) if node.op in _BIASED else None
        if source is None:
            return False
        node = source
    return False


def _decoded(graph: GraphNodes, codes: Node) -> Node | None:
    """The node that gives the boxes decoded from codes (case 3); None if no exponential is reached."""
    behind = _reached(graph, [codes])
    exponentials = [node for node in behind.values() if node.op == "Exp"]
    after = _reached(graph, exponentials)
    meets = [node for node in after.values() if node.op in _JOINS]
    meets = [node for node in meets if all(part.name in after for part in _parts(graph, node))]
    later = {name for node in meets for name in _reached(graph, [node])}
    first = [node for node in meets if node.name not in later]
    return first[0] if len(first) == 1 else None


def _reached(graph: GraphNodes, starts: Iterable[Node], by: Sequence[str] | None = None) -> dict[str, Node]:
    """The nodes behind some nodes, without these, short of loops and of nodes that only ask for shapes.

    Args:
        graph: around them.
        starts: the nodes.
        by: kinds of operations to go by; None for all.
    """
    found: dict[str, Node] = {}
    waiting = deque(starts)
    while waiting:
        for reader in graph.readers[waiting.popleft().name]:
            stops = reader.op in ("Shape", *_LOOPS) or reader.op.startswith((_SUPPRESSION, "TensorArray", "TensorList"))
            stops = stops or (by is not None and reader.op not in by)
            if not stops and reader.name not in found:
                found[reader.name] = reader
                waiting.append(reader)
    return found


def _scores(graph: GraphNodes, head: Node) -> tuple[Node, str, int | None]:
    """The node that gives scores, what is left to be done to them, and the background's place (case 4)."""
    behind = _reached(graph, [head], (*_RESHAPES, *ARITHMETIC, *_CONVERTERS, "Slice", "StridedSlice"))
    slices = [node for node in behind.values() if node.op in ("Slice", "StridedSlice")]
    background = 0 if any(_leaves_out_first(graph, node) for node in slices) else None
    converters = [node for node in behind.values() if node.op in _CONVERTERS]
    if not converters:
        return head, "none", background
    last = node = source_of(graph, converters[0]) or head
    scaled = False
    while node is not head and node.name in behind:  # it leads back to the head: that is how it was found
        scaled = scaled or (node.op in ARITHMETIC and not _changes_nothing(graph, node))
        behind.pop(node.name)
        node = source_of(graph, node) or head
    return (last if scaled else head), _CONVERTERS[converters[0].op], background


def _leaves_out_first(graph: GraphNodes, node: Node) -> bool:
    begin = graph.constant(node, 1)
    return begin is not None and begin.size > 0 and int(begin.ravel()[-1]) == 1


def _changes_nothing(graph: GraphNodes, node: Node) -> bool:
    """Whether the scores are multiplied or divided by 1, as where a config leaves logit_scale alone."""
    number = graph.constant(node, 1)
    return node.op in ("Mul", "RealDiv", "Div") and number is not None and bool(np.all(number == 1))


def _iou(graph: GraphNodes) -> float:
    """The threshold of the graph's own suppression, or that of most of the API's configurations."""
    for scope in (graph, *graph.functions):
        for node in scope.nodes.values():
            if not node.op.startswith(_SUPPRESSION):
                continue
            array = scope.constant(node, 3)
            given = node.attributes["iou_threshold"].f if "iou_threshold" in node.attributes else _IOU
            iou = float(array.item()) if array is not None and array.size == 1 else given
            if math.isfinite(iou) and 0 < iou <= 1:
                return round(iou, 6)
    return _IOU


def part_of(cut: Cut) -> Part:
    """The part of the graph to read: codes, scores and decoded boxes, of one image."""
    return Part(
        image=cut.image, shape=(1, *(cut.size or (None, None)), 3), outputs=(cut.codes, cut.scores, cut.decoded)
    )


def raw_heads(model: Any, cut: Cut, path: Path) -> tuple[Any, dict[str, str]]:
    """The network alone, and what its file has to say.

    Args:
        model: an `openvino.Model` of `part_of` the graph.
        cut: where it was cut.
        path: path of the file, for messages.

    Returns:
        The model with its heads for outputs, and entries for the metadata.

    Raises:
        ModelError: the graph decodes its boxes in another way than SSDs do.
    """
    coding = box_coding(model, 0, 2)
    if coding is None:
        raise ModelError(
            f"'{path}' decodes the boxes of '{cut.codes}' in another way than by anchors and variances: export the "
            "model without its postprocessing, and give that file."
        )
    codes, scores = (model.outputs[place].get_node().input_value(0) for place in (0, 1))
    model.inputs[0].set_names({"image"})
    layout = SSDLayout(
        boxes=BOXES,
        classes=CLASSES,
        anchors=coding.anchors,
        variances=coding.variances,
        order=coding.order,
        scores=cut.converter,
        background=cut.background,
        nms_iou=cut.nms_iou,
        resize=cut.resize,
        rgb=True,
        mean=cut.mean,
        std=cut.std,
    )
    return with_raw_heads(model, codes, scores), entries(layout)
