"""Layers with weights in codes whose float inputs LiteRT rounds as it runs."""

from __future__ import annotations

import numpy as np
import pytest
from given_codes import as_planned

from detquant.calibration import Statistics, calibrate
from detquant.errors import UnsupportedOperator
from detquant.graph import prepare
from detquant.numerics import sqnr_db
from detquant.recipes import load_recipe, parse_recipe, plan
from detquant.targets import load_target
from detquant.targets.tflite.reading import operators_of

pytest.importorskip("ai_edge_litert", reason="the extra tflite is not installed")
TARGET = load_target("tflite")
RNG = np.random.default_rng(8)
PER_TENSOR = parse_recipe(
    {
        "head": "int",
        "rules": [
            {
                "weight": {"qtype": "int8", "observer": "minmax"},
                "activation": {"qtype": "uint8", "symmetric": False, "observer": "dynamic"},
            }
        ],
    },
    "per tensor",
)


def draw(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


AROUND = {"pads": [1, 1, 1, 1]}
CASES = {
    "Conv": ([("Conv", ["x", "w", "b"], ["y"], AROUND)], {"w": draw(6, 4, 3, 3), "b": draw(6)}, "CONV_2D"),
    "Conv, Relu": ([("Conv", ["x", "w"], ["c"], {}), ("Relu", ["c"], ["y"], {})], {"w": draw(6, 4, 1, 1)}, "CONV_2D"),
    "depthwise": ([("Conv", ["x", "w"], ["y"], {"group": 4})], {"w": draw(4, 1, 3, 3)}, "DEPTHWISE_CONV_2D"),
    "two each": ([("Conv", ["x", "w"], ["y"], {"group": 4})], {"w": draw(8, 1, 3, 3)}, "DEPTHWISE_CONV_2D"),
    "MatMul": ([("MatMul", ["x", "w"], ["y"], {})], {"w": draw(8, 5)}, "FULLY_CONNECTED"),
    "Gemm": (
        [("Flatten", ["x"], ["f"], {}), ("Gemm", ["f", "w", "b"], ["y"], {"transB": 1})],
        {"w": draw(5, 256), "b": draw(5)},
        "FULLY_CONNECTED",
    ),
}


def rounded(model, recipe):
    return calibrate(model, plan(model, recipe, TARGET.capability), Statistics.empty(), TARGET.capability).qdq()


@pytest.mark.parametrize("recipe", [load_recipe("dynamic"), PER_TENSOR], ids=["per channel", "per tensor"])
@pytest.mark.parametrize("case", CASES)
def test_a_layer_computes_nearly_the_same(build, case, recipe):
    rows, weights, kind = CASES[case]
    model = prepare(build(rows, {"x": [1, 4, 8, 8]}, {"y": None}, weights))
    qdq = rounded(model, recipe)
    artefact = TARGET.lower(qdq)
    [layer] = [op for op in operators_of(artefact.files["model.tflite"]) if op.kind == kind]
    assert [one.dtype for one in (*layer.inputs[:2], *layer.outputs)] == ["float32", "int8", "float32"]
    runner = TARGET.open(artefact)
    assert runner.precisions()[kind] == {"int8 on the fly": 1}
    for scale in (1.0, 100.0):  # the grid follows the image
        feed = {"x": scale * draw(1, 4, 8, 8)}
        expected, found = as_planned(qdq).run(feed)["y"], runner.run(feed)["y"]
        assert expected.shape == found.shape and 28.0 < sqnr_db(expected, found) < 80.0


def test_a_convolution_of_groups_is_refused(build):
    rows = [("Conv", ["x", "w"], ["y"], {"group": 2, "name": "grouped"})]
    model = prepare(build(rows, {"x": [1, 4, 8, 8]}, {"y": None}, {"w": draw(6, 2, 3, 3)}))
    with pytest.raises(UnsupportedOperator, match="Conv 'grouped' has groups and is to round its input as it runs"):
        TARGET.lower(rounded(model, load_recipe("dynamic")))
