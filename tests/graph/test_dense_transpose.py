from __future__ import annotations

import numpy as np
import pytest

from detquant.graph import prepare
from detquant.graph.dense_transpose import dense_transpose

SHAPE = (1, 4, 5, 6)
FORMS = {
    "groups": ((4, 3, 2, 2), {"group": 2, "strides": [2, 2]}),
    "depthwise": ((4, 1, 3, 3), {"group": 4, "strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]}),
    "dilations": ((4, 6, 2, 2), {"dilations": [2, 3]}),
    "an even kernel, automatic": ((4, 6, 4, 4), {"strides": [2, 2], "auto_pad": "SAME_UPPER"}),
    "an odd sum of pads, automatic": ((4, 6, 3, 3), {"strides": [2, 2], "auto_pad": "SAME_LOWER"}),
    "a size": ((4, 6, 3, 3), {"strides": [2, 2], "output_shape": [10, 12]}),
    "nothing to do": ((4, 6, 3, 3), {"strides": [2, 2], "pads": [1, 0, 1, 0]}),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_same_function_in_the_one_form(form, build, greatest_difference) -> None:
    shape, words = FORMS[form]
    weight = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    model = prepare(
        build([("ConvTranspose", ["x", "w"], ["y"], words)], {"x": list(SHAPE)}, {"y": None}, {"w": weight})
    )
    found = dense_transpose(model)
    [node] = found.graph
    assert not {"group", "dilations", "auto_pad", "output_shape"} & set(node.attributes)
    assert greatest_difference(model, found, SHAPE) < 1e-5


def test_a_graph_without_them_is_not_copied(build) -> None:
    model = prepare(build([("Relu", ["x"], ["y"], {})], {"x": list(SHAPE)}, {"y": None}))
    assert dense_transpose(model) is model
