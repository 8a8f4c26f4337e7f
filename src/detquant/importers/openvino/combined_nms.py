"""TensorFlow's CombinedNonMaxSuppression for OpenVINO's TensorFlow frontend, which does not know it.

`tf.image.combined_non_max_suppression` suppresses within each class, takes the best of all classes and fills up with
zeros. Of one image (a batch of 1), with boxes [1, n, q, 4] and scores [1, n, classes]:

1. q = 1: the classes share the boxes, and NonMaxSuppression does them all in one batch;
2. q = classes: each class has boxes of its own, and is a batch of one class.

Then `max_total_size` rows of score 0 are added behind what was kept, the best `max_total_size` are taken, and what
was added counts as no detection. Boxes are clipped to 0..1 unless `clip_boxes` is false.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def combined_non_max_suppression(context: Any) -> list[Any]:
    """The conversion, called by the frontend.

    Args:
        context: an `openvino.frontend.NodeContext`.

    Returns:
        Boxes [1, total, 4], scores [1, total], classes [1, total] and the count of detections [1].
    """
    from openvino import opset13 as ops

    boxes, scores, each, total, iou, threshold = (context.get_input(place) for place in range(6))
    count = ops.convert(total, "i32")

    def integers(*values: int) -> Any:
        return ops.constant(np.array(values, np.int32))

    shape = boxes.get_partial_shape()
    if shape.rank.is_dynamic or shape.rank.get_length() != 4 or shape[2].is_dynamic:
        raise RuntimeError("CombinedNonMaxSuppression reads boxes of an unknown shape")
    shared = shape[2].get_length() == 1
    if shared:  # case 1: [1, n, 4] and [1, classes, n]
        places = ops.squeeze(boxes, integers(2))
        chances = ops.transpose(scores, integers(0, 2, 1))
    else:  # case 2: [classes, n, 4] and [classes, 1, n]
        places = ops.transpose(ops.squeeze(boxes, integers(0)), integers(1, 0, 2))
        chances = ops.transpose(scores, integers(2, 0, 1))
    kept = ops.non_max_suppression(
        places, chances, ops.convert(each, "i64"), iou, threshold, sort_result_descending=False, output_type="i32"
    ).output(0)
    columns = ops.split(kept, ops.constant(np.int32(1)), 3)
    batch, label, box = columns.output(0), columns.output(1), columns.output(2)
    class_id = label if shared else batch
    found = ops.gather_nd(chances, kept)
    corners = ops.gather_nd(places, ops.concat([batch, box], 1))

    padding = ops.reshape(count, integers(1), False)
    zeros = ops.constant(np.float32(0))
    nothing = ops.broadcast(zeros, padding)
    found = ops.concat([found, nothing], 0)
    flags = ops.concat(
        [
            ops.broadcast(ops.constant(np.float32(1)), ops.shape_of(class_id, "i32")),
            ops.unsqueeze(nothing, integers(1)),
        ],
        0,
    )
    class_id = ops.concat([ops.convert(class_id, "f32"), ops.unsqueeze(nothing, integers(1))], 0)
    corners = ops.concat([corners, ops.broadcast(zeros, ops.concat([padding, integers(4)], 0))], 0)
    # Of equal scores the earlier comes first, so a kept box of score 0 is before what was added.
    best = ops.topk(found, ops.reshape(count, integers(), False), 0, "max", "value", index_element_type="i32")
    order, first = best.output(1), ops.constant(np.int32(0))
    picked = [ops.gather(table, order, first) for table in (corners, class_id, flags)]
    if context.get_attribute("clip_boxes", True):
        picked[0] = ops.clamp(picked[0], 0.0, 1.0)
    valid = ops.convert(ops.reduce_sum(picked[2], integers(0, 1), False), "i32")
    batched = [
        ops.unsqueeze(picked[0], integers(0)),
        ops.unsqueeze(best.output(0), integers(0)),
        ops.transpose(picked[1], integers(1, 0)),
        ops.unsqueeze(valid, integers(0)),
    ]
    return [value.output(0) if hasattr(value, "output") else value for value in batched]
