from __future__ import annotations

import numpy as np

from detquant.graph.infer_shapes import infer_shapes
from detquant.graph.summary import summarize


def ones(*shape):
    return np.ones(shape, np.float32)


def test_multiply_accumulates_by_hand(build):
    model = build(
        [
            ("Conv", ["x", "w", "b"], ["c"], {"group": 2}),  # [1,6,6,6]: 216 outputs x 2 x 9
            ("ConvTranspose", ["c", "t"], ["u"], {"strides": [2, 2]}),  # 216 inputs x 5 x 4
            ("Flatten", ["u"], ["f"], {}),  # [1, 720]
            ("Gemm", ["f", "g"], ["h"], {}),  # 7 x 720
            ("MatMul", ["h", "m"], ["y"], {}),  # 2 x 7
        ],
        {"x": [1, 4, 8, 8]},
        {"y": None},
        {"w": ones(6, 2, 3, 3), "b": ones(6), "t": ones(6, 5, 2, 2), "g": ones(720, 7), "m": ones(7, 2)},
    )
    summary = summarize(infer_shapes(model).graph)
    assert summary.macs == 216 * 18 + 216 * 20 + 7 * 720 + 14
    assert summary.parameters == 108 + 6 + 120 + 5040 + 14
    assert summary.weight_bytes == 4 * summary.parameters
    assert summary.operators == {"Conv": 1, "ConvTranspose": 1, "Flatten": 1, "Gemm": 1, "MatMul": 1}


def test_shapes_are_bytes_but_no_parameters(build):
    model = build([("Reshape", ["x", "s"], ["y"], {})], {"x": [4]}, {"y": None}, {"s": np.array([2, 2], np.int64)})
    summary = summarize(model.graph)
    assert (summary.parameters, summary.weight_bytes, summary.macs) == (0, 16, 0)
