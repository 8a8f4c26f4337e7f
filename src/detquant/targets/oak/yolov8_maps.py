"""Give a YOLOv8 graph the outputs that OAK cameras decode themselves; see `detquant.families.yolov8_maps`.

The decoding that the file brings along, from the last convolutions on, is left behind. Of each stride's two
convolutions, [1, 64, h, w] of box sides and [1, classes, h, w] of classes, is made

    distances = sum over the 16 bins i of i * softmax(side)[i]     (Li et al., Generalized Focal Loss, 2020, eq. 5)
    scores    = sigmoid(classes)
    map       = distances, max(scores), scores                     [1, 5 + classes, h, w]
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from detquant.families.reading import KEY, reading_entry, written_reading
from detquant.families.yolov8_maps import STRIDES
from detquant.graph import find_decode_tail
from detquant.graph.values import new_initializer, static_shape, used_names

SIDES, BINS = 4, 16
OF_OUTPUTS = ("boxes", "unit", "scores")
"""Kinds of words that say how outputs are read."""


def with_maps(model: ir.Model, classes: int) -> ir.Model | None:
    """The graph with a map for each stride.

    Args:
        model: a prepared YOLOv8 of strides 8, 16 and 32, decoded or not, opset 18 or newer. Not changed.
        classes: how many it tells apart.

    Returns:
        A graph of the family "yolov8-maps", its metadata saying so; None where the last convolutions are others.
    """
    copy = model.clone()
    pairs = _pairs(copy.graph, classes)
    if pairs is None:
        return None
    tape = ir.tape.Tape()
    names = used_names(copy.graph)
    bins = new_initializer(copy.graph, "bins", np.arange(BINS, dtype=np.float32).reshape(1, BINS, 1, 1), names)
    maps = [_map(tape, copy.graph, pair, bins, names, number) for number, pair in enumerate(pairs, start=1)]
    copy.graph.extend(tape.nodes)
    copy.graph.outputs.clear()
    copy.graph.outputs.extend(maps)
    RemoveUnusedNodesPass()(copy)
    copy.metadata_props["detquant.family"] = "yolov8-maps"
    told = written_reading(copy.metadata_props)
    copy.metadata_props.pop(KEY, None)  # what it said of scores and boxes was of the outputs that are left behind
    copy.metadata_props.update(reading_entry({kind: word for kind, word in told.items() if kind not in OF_OUTPUTS}))
    return copy


def _pairs(graph: ir.Graph, classes: int) -> list[tuple[ir.Value, ir.Value]] | None:
    """Box sides and classes of each stride, finest first."""
    found = {static_shape(node.outputs[0]): node.outputs[0] for node in find_decode_tail(graph).head_convs}
    image = static_shape(graph.inputs[0])
    if image is None or len(found) != 2 * len(STRIDES):
        return None
    pairs = []
    for stride in STRIDES:
        place = (-(-image[2] // stride), -(-image[3] // stride))
        sides, scores = found.get((1, SIDES * BINS, *place)), found.get((1, classes, *place))
        if sides is None or scores is None:
            return None
        pairs.append((sides, scores))
    return pairs


def _map(
    tape: ir.tape.Tape, graph: ir.Graph, pair: tuple[ir.Value, ir.Value], bins: ir.Value, names: set[str], number: int
) -> ir.Value:
    sides, logits = pair
    shape = static_shape(sides)
    assert shape is not None, "_pairs has compared it"
    rows, columns = shape[2:]

    def op(kind: str, inputs: list[ir.Value], shape: tuple[int, ...], **attributes: int | list[int]) -> ir.Value:
        value = tape.op(kind, inputs, attributes, name=f"map{number}/{kind}{len(tape.nodes)}")
        value.name = f"map{number}_{kind}{len(tape.nodes)}"
        value.shape, value.type = ir.Shape(shape), ir.TensorType(ir.DataType.FLOAT)
        return value

    def numbers(name: str, values: list[int]) -> ir.Value:
        return new_initializer(graph, f"map{number}_{name}", np.array(values, np.int64), names)

    cells = rows * columns
    apart = op("Reshape", [sides, numbers("apart", [1, SIDES, BINS, cells])], (1, SIDES, BINS, cells))
    by_bin = op("Transpose", [apart], (1, BINS, SIDES, cells), perm=[0, 2, 1, 3])
    chance = op("Softmax", [by_bin], (1, BINS, SIDES, cells), axis=1)
    part = op("Mul", [chance, bins], (1, BINS, SIDES, cells))
    distance = op("ReduceSum", [part, numbers("axis", [1])], (1, 1, SIDES, cells), keepdims=1)
    boxes = op("Reshape", [distance, numbers("map", [1, SIDES, rows, columns])], (1, SIDES, rows, columns))
    count = (static_shape(logits) or (0, 0))[1]
    scores = op("Sigmoid", [logits], (1, count, rows, columns))
    best = op("ReduceMax", [scores, numbers("channels", [1])], (1, 1, rows, columns), keepdims=1)
    whole = op("Concat", [boxes, best, scores], (1, SIDES + 1 + count, rows, columns), axis=1)
    whole.name = f"output{number}_yolov6r2"
    return whole
