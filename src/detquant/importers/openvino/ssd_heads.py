"""An SSD that ends in its raw heads, and what its file then has to say about them."""

from __future__ import annotations

from typing import Any

from detquant.families.ssd_layout import KEY, SSDLayout

BOXES, CLASSES = "box_codes", "class_scores"
"""Names of the outputs that give codes of boxes and scores of classes."""

_BOX = 4


def with_raw_heads(model: Any, codes: Any, scores: Any) -> Any:
    """The part of a model that gives the heads.

    Args:
        model: an `openvino.Model` of fixed shapes, with one input.
        codes: an output of one of its nodes, four values an anchor in any shape.
        scores: another, as many values an anchor as there are classes.

    Returns:
        An `openvino.Model` with the outputs BOXES [1, anchors, 4] and CLASSES [1, anchors, values].

    Raises:
        RuntimeError: the heads read what is not the model's input.
    """
    from openvino import Model

    anchors = codes.get_node().get_output_shape(codes.get_index())
    count = 1
    for size in anchors:
        count *= int(size)
    ends = [_shaped(port, count // _BOX, name) for port, name in ((codes, BOXES), (scores, CLASSES))]
    return Model(ends, model.get_parameters(), model.get_friendly_name())


def _shaped(port: Any, anchors: int, name: str) -> Any:
    """A head as [1, anchors, values], under its name."""
    import numpy as np
    from openvino import opset13 as ops

    shape = [int(size) for size in port.get_shape()]
    if len(shape) != 3 or shape[:2] != [1, anchors]:
        port = ops.reshape(port, ops.constant(np.array([1, anchors, -1], np.int64)), False).output(0)
    port.set_names({name})
    return port


def entries(layout: SSDLayout) -> dict[str, str]:
    """The entries of the metadata."""
    return {"detquant.family": "ssd-raw", KEY: layout.to_json()}
