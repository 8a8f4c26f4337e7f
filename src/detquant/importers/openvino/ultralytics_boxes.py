"""Boxes of Ultralytics' TensorFlow exports, brought back to pixels.

For TFLite, SavedModel and frozen graphs Ultralytics divides the boxes by the size of the image, so that they share
a grid with the scores when they are quantised to 8 bits (`Detect._get_decode_boxes` in ultralytics). Elsewhere its
boxes are pixels, and so the families expect them: a product at the end of the graph takes the division back.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from detquant.graph.values import fresh_name, new_initializer, static_shape, used_names

_BOX = 4


def boxes_in_pixels(model: ir.Model, metadata: Mapping[str, str]) -> dict[str, npt.NDArray[np.float32]]:
    """Multiply the boxes of a detector that Ultralytics exported, in place; all other models stay as they are.

    Args:
        model: with one image input [1, 3, height, width].
        metadata: metadata of the file, which tells whose export it is.

    Returns:
        What outputs are multiplied by, by name; nothing where they stay.
    """
    graph = model.graph
    if metadata.get("author") != "Ultralytics" or metadata.get("task") != "detect":
        return {}
    if len(graph.outputs) != 1 or len(graph.inputs) != 1:
        return {}
    output, image, shape = graph.outputs[0], static_shape(graph.inputs[0]), static_shape(graph.outputs[0])
    producer = output.producer()
    if producer is None or shape is None or len(shape) != 3 or shape[1] <= _BOX or image is None or len(image) != 4:
        return {}
    taken = used_names(graph)
    sizes = np.ones((1, shape[1], 1), np.float32)
    sizes[0, :_BOX, 0] = [image[3], image[2]] * 2
    name = output.name or "output0"
    output.name = fresh_name(f"{name}_relative", taken)
    factor = new_initializer(graph, f"{name}_sizes", sizes, taken)
    product = ir.node("Mul", [output, factor], name=fresh_name(f"{name}_in_pixels", taken))
    graph.insert_after(producer, product)
    pixels = product.outputs[0]
    pixels.name, pixels.shape, pixels.type = name, output.shape, ir.TensorType(ir.DataType.FLOAT)
    graph.outputs[0] = pixels
    return {name: sizes}
