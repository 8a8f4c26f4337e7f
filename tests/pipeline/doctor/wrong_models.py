"""The embedded detector as others would have exported it: trained on other inputs, or with other outputs.

Each function changes the model in memory so that it computes the same boxes as before when it is fed and read in the
way that its name tells. The first layer takes other inputs by arithmetic on its weights, as folded preprocessing
does, so no operator in the graph tells of it.
"""

from __future__ import annotations

import ast

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from detquant.embedded import embedded_model

CELLS, CLASSES = 1344, 10
STEM = "model.0.conv.weight"
DISTANCES, BOXES, LOGITS, SCORES = "view_4", "mul", "split_with_sizes_split_1", "sigmoid"
SIDE = 256.0


def detector() -> onnx.ModelProto:
    """The embedded detector without any metadata but the names of its classes."""
    model = onnx.load(str(embedded_model("yolov8-pico")))
    names = next(entry.value for entry in model.metadata_props if entry.key == "names")
    del model.metadata_props[:]
    model.metadata_props.add(key="names", value=names)
    return model


def fed_with(mean: tuple[float, ...], std: tuple[float, ...]) -> onnx.ModelProto:
    """The detector for inputs (x - mean) / std, of pixels x of 0 to 255."""
    model = detector()
    graph = model.graph
    [old] = [one for one in graph.initializer if one.name == STEM]
    weight = numpy_helper.to_array(old)
    bias = (weight.sum(axis=(2, 3)) * np.array(mean) / 255).sum(axis=1)
    weight = weight * np.array(std).reshape(1, 3, 1, 1) / 255
    graph.initializer.remove(old)
    constant(graph, STEM, weight.astype(np.float32))
    stem = next(node for node in graph.node if STEM in node.input)
    stem.input.append(constant(graph, "stem_bias", bias.astype(np.float32)))
    return model


def giving(
    *, boxes: str = "cxcywh", unit: str = "pixels", scores: str = "chances", turned: bool = False
) -> onnx.ModelProto:
    """The detector with its one output made in another way; the words are those of a reading."""
    model = detector()
    graph = model.graph
    box = {"cxcywh": cxcywh, "xyxy": xyxy, "ltrb": lambda _: DISTANCES}[boxes](graph)
    if unit == "parts":
        graph.node.append(helper.make_node("Div", [box, constant(graph, "side", np.float32(SIDE))], ["parts"]))
        box = "parts"
    return joined(model, [box, LOGITS if scores == "logits" else SCORES], turned=turned)


def with_background() -> onnx.ModelProto:
    """The detector with a class before the others that is none."""
    model = detector()
    del model.metadata_props[:]
    nothing = constant(model.graph, "nothing", np.full((1, 1, CELLS), 1e-4, np.float32))
    model.graph.node.append(helper.make_node("Concat", [nothing, SCORES], ["all_scores"], axis=1))
    return joined(model, [BOXES, "all_scores"], turned=False, classes=CLASSES + 1)


def with_other_names() -> onnx.ModelProto:
    """The detector whose metadata calls its classes by each other's names."""
    model = detector()
    known = ast.literal_eval(model.metadata_props[0].value).values()
    model.metadata_props[0].value = str(dict(enumerate(sorted(known))))
    return model


def joined(model: onnx.ModelProto, parts: list[str], *, turned: bool, classes: int = CLASSES) -> onnx.ModelProto:
    """The model with these parts as its output, [1, values, cells], or turned."""
    graph = model.graph
    [last] = [node for node in graph.node if "output0" in node.output]
    graph.node.remove(last)
    graph.node.append(helper.make_node("Concat", parts, ["upright" if turned else "output0"], axis=1))
    if turned:
        graph.node.append(helper.make_node("Transpose", ["upright"], ["output0"], perm=[0, 2, 1]))
    values = 4 + classes
    del graph.output[:]
    shape = [1, CELLS, values] if turned else [1, values, CELLS]
    graph.output.append(helper.make_tensor_value_info("output0", TensorProto.FLOAT, shape))
    return model


def cxcywh(graph: onnx.GraphProto) -> str:
    """As they are."""
    return BOXES


def xyxy(graph: onnx.GraphProto) -> str:
    """Corners: the sum and the difference of centre and half of the size."""
    turn = np.array([[1, 0, -0.5, 0], [0, 1, 0, -0.5], [1, 0, 0.5, 0], [0, 1, 0, 0.5]], np.float32)
    graph.node.append(helper.make_node("MatMul", [constant(graph, "turn", turn), BOXES], ["corners"]))
    return "corners"


def constant(graph: onnx.GraphProto, name: str, value: np.ndarray) -> str:
    """A new initializer's name."""
    graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    return name
