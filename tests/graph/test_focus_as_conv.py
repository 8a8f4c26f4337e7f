from __future__ import annotations

import numpy as np
import pytest

from detquant.graph.focus_as_conv import focus_as_conv
from detquant.graph.infer_shapes import infer_shapes
from detquant.graph.running import OrtRunner

RNG = np.random.default_rng(2)
FAR = np.iinfo(np.int64).max


def ints(*numbers):
    return np.array(numbers, np.int64)


def focus(build, starts, conv, *, kernel=3, chained=False, far=FAR, size=12):
    """Slices by 2 at these offsets, joined, and a convolution."""
    rows, weights = (
        [],
        {"two": ints(2), "twos": ints(2, 2), "axes": ints(2, 3), "far": ints(far), "fars": ints(far, far)},
    )
    weights |= {"rows": ints(2), "columns": ints(3)}
    for k, (down, right) in enumerate(starts):
        weights |= {f"d{k}": ints(down), f"r{k}": ints(right), f"b{k}": ints(down, right)}
        if chained:
            rows.append(("Slice", ["x", f"d{k}", "far", "rows", "two"], [f"h{k}"], {}))
            rows.append(("Slice", [f"h{k}", f"r{k}", "far", "columns", "two"], [f"s{k}"], {}))
        else:
            rows.append(("Slice", ["x", f"b{k}", "fars", "axes", "twos"], [f"s{k}"], {}))
    rows.append(("Concat", [f"s{k}" for k in range(len(starts))], ["joined"], {"axis": 1}))
    rows.append(("Conv", ["joined", "w"], ["y"], conv))
    weights["w"] = RNG.standard_normal((5, 3 * len(starts) // conv.get("group", 1), kernel, kernel)).astype(np.float32)
    read = {name for _, takes, _, _ in rows for name in takes}
    kept = {name: array for name, array in weights.items() if name in read}
    return infer_shapes(build(rows, {"x": [1, 3, size, size]}, {"y": None}, kept))


ALL = [(0, 0), (1, 0), (0, 1), (1, 1)]


@pytest.mark.parametrize(
    ("starts", "conv", "words"),
    [
        (ALL, {"pads": [1, 1, 1, 1]}, {}),
        (ALL, {"pads": [1, 1, 1, 1]}, {"chained": True}),
        (ALL, {"pads": [0, 1, 1, 0], "strides": [2, 1]}, {}),
        (ALL, {}, {"kernel": 1, "chained": True}),
        ([(1, 1), (0, 0)], {"pads": [1, 1, 1, 1]}, {}),
    ],
)
def test_the_layer_becomes_one_convolution(build, starts, conv, words):
    model = focus(build, starts, conv, **words)
    found = focus_as_conv(model)
    assert [node.op_type for node in found.graph] == ["Conv"] and len(model.graph) > 1
    feed = {"x": RNG.standard_normal((1, 3, 12, 12)).astype(np.float32)}
    assert np.allclose(OrtRunner(model).run(feed)["y"], OrtRunner(found).run(feed)["y"], atol=1e-4)


@pytest.mark.parametrize(
    ("starts", "conv", "words"),
    [
        (ALL, {"dilations": [2, 2]}, {}),
        ([(2, 2)], {}, {}),  # begins behind the first two pixels
        (ALL, {}, {"far": 10}),  # does not reach the end
    ],
)
def test_what_is_no_such_layer_stays(build, starts, conv, words):
    model = focus(build, starts, conv, **words)
    assert len(focus_as_conv(model).graph) == len(model.graph)
