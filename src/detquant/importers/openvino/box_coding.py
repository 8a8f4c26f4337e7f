"""The anchors of an SSD and the coding of its boxes, told from the arithmetic that decodes them.

Anchors and their coding are spread over a hundred operations of a graph. Decoding, though, is a function of the codes
alone, corners = f(codes), and few values of it tell all:

    f(0)       are the anchors
    f(e_k)     moves a centre by its variance times the anchor's size, or stretches a size by exp(variance)

Whether that is all there is to it is tested on other codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from detquant.families.ssd_heads import centre_size_boxes
from detquant.numerics.arrays import Floats

_BOX = 4
_TOLERANCE = 1e-4
_WIDEST = 16.0
_CORNERS = ((1, 0, 3, 2), (0, 1, 2, 3))  # y, x, y, x as TensorFlow has them; x, y, x, y


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BoxCoding:
    """A coding of boxes; the attributes are those of `detquant.families.ssd_layout.SSDLayout`."""

    anchors: Floats
    variances: tuple[float, float, float, float]
    order: str


def box_coding(model: Any, codes: int, decoded: int) -> BoxCoding | None:
    """Finds the anchors and the coding of boxes by running the arithmetic that decodes them.

    Args:
        model: an `openvino.Model` of fixed shapes.
        codes: which of its outputs has the codes, [1, anchors, 4] with perhaps further dimensions of 1.
        decoded: which has the boxes made of them: corners in parts of the image, [anchors, 4] or turned.

    Returns:
        The coding; None if the boxes are no function of the codes alone, or another one than that of SSDs.
    """
    from openvino import Core, Model
    from openvino import opset13 as ops

    copy = model.clone()
    port, boxes = (copy.outputs[place].get_node().input_value(0) for place in (codes, decoded))
    shape = [int(size) for size in port.get_shape()]
    if shape[-1] != _BOX or np.prod(shape) != np.prod(list(boxes.get_shape())):
        return None
    given = ops.parameter(shape, np.float32)
    for reader in port.get_target_inputs():
        reader.replace_source_output(given.output(0))
    try:
        alone = Model([boxes], [given], "decoding")
        compiled = Core().compile_model(alone, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    except RuntimeError:  # it reads the image too
        return None

    def decode(values: Floats) -> Floats:
        return _rows(np.array(compiled([np.ascontiguousarray(values.reshape(shape), np.float32)])[0]), len(values))

    return _told(decode, int(np.prod(shape)) // _BOX)


def _rows(boxes: Floats, anchors: int) -> Floats:
    """The boxes of an output as an array [anchors, 4]."""
    matrix = boxes.reshape([size for size in boxes.shape if size != 1] if anchors > 1 else (1, _BOX))
    return matrix.T if matrix.shape[0] == _BOX and matrix.shape[1:] == (anchors,) else matrix.reshape(anchors, _BOX)


def _told(decode: Any, anchors: int) -> BoxCoding | None:
    """The coding of a decoding function, verified on codes that it was not found from; None if it is another."""
    none = np.zeros((anchors, _BOX), np.float32)
    start, steps = decode(none), [decode(none + unit) for unit in np.eye(_BOX, dtype=np.float32)]
    test = np.random.default_rng(0).normal(0, 1, (anchors, _BOX)).astype(np.float32)
    expected = decode(test)
    for corners in _CORNERS:
        boxes = [array[:, corners].astype(np.float64) for array in (start, *steps)]
        coding = _read(boxes[0], boxes[1:])
        if coding is None:
            continue
        turned = test[:, [coding.order.index(axis) for axis in "xywh"]]
        found = centre_size_boxes(turned, coding.anchors, coding.variances)
        if np.allclose(found, expected[:, corners], rtol=_TOLERANCE, atol=_TOLERANCE):
            return coding
    return None


def _read(start: npt.NDArray[np.float64], steps: list[npt.NDArray[np.float64]]) -> BoxCoding | None:
    """The coding that decoded boxes show.

    Args:
        start: left, top, right, bottom [anchors, 4] of codes that are all 0, which are the anchors.
        steps: the boxes [anchors, 4] where one code at a time is 1 and all others are 0.
    """
    sizes = start[:, 2:] - start[:, :2]
    if not np.isfinite(start).all() or np.any(sizes <= 0) or np.abs(start).max() > _WIDEST:
        return None
    order, variances = "", {}
    for step in steps:
        centre = ((step - start)[:, :2] + (step - start)[:, 2:]) / 2 / sizes
        with np.errstate(invalid="ignore", divide="ignore"):
            size = np.log((step[:, 2:] - step[:, :2]) / sizes)
        change = np.median(np.concatenate([centre, size], axis=1), axis=0)
        axis = int(np.argmax(np.abs(change)))
        order += "xywh"[axis]
        variances["xywh"[axis]] = float(f"{change[axis]:.4g}")
    if sorted(order) != sorted("xywh"):
        return None
    x, y, w, h = (variances[axis] for axis in "xywh")
    anchors = np.concatenate([(start[:, :2] + start[:, 2:]) / 2, sizes], axis=1)
    return BoxCoding(anchors=anchors.astype(np.float32), variances=(x, y, w, h), order=order)
