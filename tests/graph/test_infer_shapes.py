from __future__ import annotations

import numpy as np
import onnx_ir as ir

from detquant.graph.infer_shapes import infer_shapes
from detquant.graph.values import static_shape


def test_every_value_gets_shape_and_type(build):
    model = build(
        [
            ("Conv", ["x", "w"], ["c"], {"strides": [2, 2]}),
            ("Shape", ["c"], ["s"], {}),
            ("Reshape", ["c", "target"], ["y"], {}),
        ],
        {"x": [1, 3, 9, 9]},
        {"y": None, "s": None},
        {"w": np.ones((5, 3, 3, 3), np.float32), "target": np.array([0, 5, -1], np.int64)},
    )
    model.graph.outputs[1].dtype = ir.DataType.INT64
    values = {out.name: out for node in infer_shapes(model).graph for out in node.outputs}
    assert {name: static_shape(value) for name, value in values.items()} == {
        "c": (1, 5, 4, 4),
        "s": (4,),
        "y": (1, 5, 16),
    }
    assert values["c"].dtype == ir.DataType.FLOAT


def test_what_depends_on_the_data_stays_unknown(build):
    model = build([("NonZero", ["x"], ["n"], {}), ("Relu", ["x"], ["y"], {})], {"x": [3, 4]}, {"y": None})
    values = {out.name: out for node in infer_shapes(model).graph for out in node.outputs}
    assert static_shape(values["n"]) is None
    assert static_shape(values["y"]) == (3, 4)
