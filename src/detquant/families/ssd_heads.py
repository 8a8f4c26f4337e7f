"""What the raw heads of all SSDs have in common: two outputs over the same anchors, and the coding of boxes.

For an anchor with centre a_x, a_y and size a_w, a_h, and with variances v_xy and v_wh,

    x = a_x + v_xy t_x a_w      w = a_w exp(v_wh t_w)
    y = a_y + v_xy t_y a_h      h = a_h exp(v_wh t_h)

(Liu et al., SSD, 2016, section 2.2, after Ren et al., Faster R-CNN, 2015, equation 2).

Logits become scores by a sigmoid or a softmax. Where the graph ends in one, nothing is left to do; else the metadata
`detquant.score_converter` may say "none", "sigmoid" or "softmax", and without it the family decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from detquant.families.logits import sigmoid, softmax
from detquant.families.signature import Outputs, Shape, Signature, is_dynamic
from detquant.numerics.arrays import Floats

BOX = 4
CONVERTER_KEY = "detquant.score_converter"
CONVERTERS: dict[str, Callable[[Floats], Floats]] = {
    "none": lambda scores: scores,
    "sigmoid": sigmoid,
    "softmax": softmax,
}
# exp(12) anchors is wider than any image; a broken model may give more, which float32 would overflow.
LARGEST_LOG_SIZE = 12.0


def head_names(shapes: Mapping[str, Shape], anchors: int) -> tuple[str, str] | None:
    """The names of the boxes' and the classes' output, or None if the shapes are others.

    Each holds a number of values for each anchor, [1, anchors, values] or [1, values, anchors], perhaps with further
    dimensions of 1. Four values are the box; where the classes have four too, the boxes are taken to come first.

    Args:
        shapes: shapes of all outputs.
        anchors: how many there are.
    """
    values = {name: values_of_an_anchor(shape, anchors) for name, shape in shapes.items()}
    boxes = [name for name, count in values.items() if count == BOX]
    if len(values) != 2 or not boxes:
        return None
    [classes] = values.keys() - {boxes[0]}
    return (boxes[0], classes) if values[classes] > 1 else None


def find_converter(signature: Signature, anchors: int, default: str) -> str:
    """How the classes' output becomes scores: a key of CONVERTERS."""
    names = head_names(signature.outputs, anchors)
    if names and signature.ends.get(names[1]) in ("Sigmoid", "Softmax"):
        return "none"
    said = signature.metadata.get(CONVERTER_KEY, "").lower()
    return said if said in CONVERTERS else default


def head_rows(outputs: Outputs, anchors: int) -> tuple[Floats, Floats]:
    """The heads as rows: boxes [anchors, 4] and classes [anchors, values].

    Raises:
        ValueError: the outputs are not two such heads.
    """
    shapes: dict[str, Shape] = {name: tuple(array.shape) for name, array in outputs.items()}
    names = head_names(shapes, anchors)
    if names is None:
        raise ValueError(f"Outputs {shapes} are not boxes and classes of {anchors} anchors.")
    boxes, classes = (_rows(np.asarray(outputs[name], np.float32), anchors) for name in names)
    return boxes, classes


def centre_size_boxes(deltas: Floats, anchors: Floats, variances: tuple[float, ...]) -> Floats:
    """Boxes as corners from codes and anchors, by the formula at the top of this file.

    Args:
        deltas: t_x, t_y, t_w, t_h [anchors, 4].
        anchors: centre x, centre y, width, height [anchors, 4].
        variances: variances of the centre and of the size; or of x, y, w, h.

    Returns:
        xyxy [anchors, 4], in the units of the anchors.
    """
    each = variances if len(variances) == BOX else np.repeat(variances, 2)
    of_centre, of_size = np.array(each, np.float32).reshape(2, 2)
    centre = anchors[:, :2] + of_centre * deltas[:, :2] * anchors[:, 2:]
    half = anchors[:, 2:] * np.exp(np.minimum(of_size * deltas[:, 2:], LARGEST_LOG_SIZE)) / 2
    return np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)


def values_of_an_anchor(shape: Shape, anchors: int) -> int:
    """How many values an output of that shape has for each anchor; 0 if it is not of so many anchors."""
    if is_dynamic(shape):
        return 0
    sizes = [int(size or 0) for size in shape if size != 1]
    if len(sizes) != 2 or anchors not in sizes:
        return 0
    sizes.remove(anchors)
    return sizes[0]


def _rows(array: Floats, anchors: int) -> Floats:
    matrix = array.reshape([size for size in array.shape if size != 1])
    return matrix if len(matrix) == anchors else matrix.T
