from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from detquant.graph.image_arithmetic import find_image_arithmetic, fold_image_arithmetic
from detquant.graph.prepare import prepare
from detquant.graph.running import OrtRunner

SHAPE = [1, 3, 16, 24]
MEAN, STD = np.array([123.675, 116.28, 103.53]), np.array([58.395, 57.12, 57.375])
RNG = np.random.default_rng(0)
W = RNG.standard_normal((4, 3, 3, 3)).astype(np.float32)
IMAGE = RNG.integers(0, 256, SHAPE).astype(np.float32)


def f32(*values):
    return np.array(values, np.float32)


def channel(values):
    return np.asarray(values, np.float32).reshape(1, 3, 1, 1)


DIVIDED = ([("Div", ["x", "k"], ["e"], {})], {"k": f32(255)}, (0, 1, 2), 1 / 255, 0)
MULTIPLIED = ([("Mul", ["k", "x"], ["e"], {})], {"k": f32(1 / 255)}, (0, 1, 2), 1 / 255, 0)
NORMALISED = (
    [("Sub", ["x", "m"], ["a"], {}), ("Div", ["a", "s"], ["e"], {})],
    {"m": channel(MEAN), "s": channel(STD)},
    (0, 1, 2),
    1 / STD,
    -MEAN / STD,
)
BATCHNORM = (
    [("BatchNormalization", ["x", "g", "b", "m", "v"], ["e"], {"epsilon": 0.0})],
    {"g": f32(1, 2, 3), "b": f32(0, 1, 0), "m": f32(100, 110, 120), "v": f32(4, 9, 16)},
    (0, 1, 2),
    [1 / 2, 2 / 3, 3 / 4],
    [-50, 1 - 220 / 3, -90],
)
GATHERED = (
    [("Gather", ["x", "i"], ["e"], {"axis": 1})],
    {"i": np.array([2, 1, 0])},
    (2, 1, 0),
    1,
    0,
)
SPLIT = (
    [
        ("Split", ["x"], ["r", "g", "b"], {"axis": 1, "num_outputs": 3}),
        ("Concat", ["b", "g", "r"], ["t"], {"axis": 1}),
        ("Div", ["t", "k"], ["e"], {}),
    ],
    {"k": f32(255)},
    (2, 1, 0),
    1 / 255,
    0,
)
SLICED = (
    [
        ("Slice", ["x", "from", "to", "axis", "back"], ["e"], {}),
    ],
    {"from": np.array([-1]), "to": np.array([-(2**31)]), "axis": np.array([1]), "back": np.array([-1])},
    (2, 1, 0),
    1,
    0,
)
BY_CHANNEL = (  # as torchvision's Inception transforms its input
    [
        row
        for place in range(3)
        for row in (
            ("Gather", ["x", f"i{place}"], [f"g{place}"], {"axis": 1}),
            ("Unsqueeze", [f"g{place}", "axis"], [f"u{place}"], {}),
            ("Mul", [f"u{place}", f"s{place}"], [f"m{place}"], {}),
            ("Add", [f"m{place}", f"o{place}"], [f"a{place}"], {}),
        )
    ]
    + [("Concat", ["a0", "a1", "a2"], ["e"], {"axis": 1})],
    {
        "axis": np.array([1]),
        **{f"i{place}": np.array(place) for place in range(3)},
        **{f"s{place}": np.float32(1 / STD[place]) for place in range(3)},
        **{f"o{place}": np.float32(-0.1 * place) for place in range(3)},
    },
    (0, 1, 2),
    1 / STD,
    [0, -0.1, -0.2],
)
CHANNELS_LAST = (  # as OpenVINO writes what is done to bytes with their channels last
    [
        ("Transpose", ["x"], ["l"], {"perm": [0, 2, 3, 1]}),
        ("Gather", ["l", "i"], ["t"], {"axis": 3}),
        ("Sub", ["t", "m"], ["a"], {}),
        ("Div", ["a", "s"], ["d"], {}),
        ("Transpose", ["d"], ["e"], {"perm": [0, 3, 1, 2]}),
    ],
    {"i": np.array([2, 1, 0]), "m": MEAN.astype(np.float32), "s": STD.astype(np.float32)},
    (2, 1, 0),
    1 / STD,
    -MEAN / STD,
)
FORMS = {
    "divided": DIVIDED,
    "multiplied": MULTIPLIED,
    "normalised": NORMALISED,
    "batchnorm": BATCHNORM,
    "gathered": GATHERED,
    "split": SPLIT,
    "sliced": SLICED,
    "by channel": BY_CHANNEL,
    "channels last": CHANNELS_LAST,
}


def network(build, rows, weights, **words) -> ir.Model:
    rows = [*rows, ("Conv", ["e", "w"], ["c"], {"name": "first", **words}), ("Relu", ["c"], ["y"], {})]
    return build(rows, {"x": SHAPE}, {"y": None}, {**weights, "w": W})


@pytest.mark.parametrize("form", FORMS)
def test_arithmetic_is_read_however_it_is_written(build, form):
    rows, weights, order, slope, offset = FORMS[form]
    found = find_image_arithmetic(prepare(network(build, rows, weights)))
    assert found is not None and found.order == order
    np.testing.assert_allclose(found.slope, np.broadcast_to(slope, 3), rtol=1e-4)
    np.testing.assert_allclose(found.offset, np.broadcast_to(offset, 3), atol=2e-3)


@pytest.mark.parametrize(
    ("rows", "weights"),
    [
        ([("Identity", ["x"], ["e"], {})], {}),
        ([("Clip", ["x", "low", "high"], ["e"], {})], {"low": np.float32(0), "high": np.float32(6)}),
        ([("Sub", ["x", "picture"], ["e"], {})], {"picture": RNG.random(SHAPE, np.float32) * 255}),
        ([("Mul", ["x", "x"], ["e"], {})], {}),
        (
            [
                ("Split", ["x"], ["r", "g", "b"], {"axis": 1, "num_outputs": 3}),
                ("Concat", ["r"] * 3, ["e"], {"axis": 1}),
            ],
            {},
        ),
        ([("Relu", ["x"], ["r"], {}), ("Div", ["r", "k"], ["e"], {})], {"k": f32(255)}),
        (
            [("Slice", ["x", "from", "to", "axis", "back"], ["e"], {})],
            {"from": np.array([-1]), "to": np.array([-(2**31)]), "axis": np.array([3]), "back": np.array([-1])},
        ),
    ],
    ids=["nothing", "clipped", "mean image", "squared", "grey", "not first", "mirrored"],
)
def test_what_is_no_such_arithmetic_is_none(build, rows, weights):
    assert find_image_arithmetic(prepare(network(build, rows, weights))) is None


def test_what_two_read_in_two_places_is_none(build):
    rows = [
        ("Div", ["x", "k"], ["e"], {}),
        ("Conv", ["e", "w"], ["a"], {}),
        ("Conv", ["x", "w"], ["b"], {}),
        ("Add", ["a", "b"], ["y"], {}),
    ]
    model = prepare(build(rows, {"x": SHAPE}, {"y": None}, {"k": f32(255), "w": W}))
    assert find_image_arithmetic(model) is None and fold_image_arithmetic(model) is model


PADDED = {"pads": [1, 1, 1, 1]}


@pytest.mark.parametrize("words", [{}, PADDED])
@pytest.mark.parametrize("form", FORMS)
def test_it_goes_into_the_first_convolution_where_that_is_exact(build, form, words):
    rows, weights, _, _, offset = FORMS[form]
    model = prepare(network(build, rows, weights, **words))
    expected = OrtRunner(model, optimisation="none").run({"x": IMAGE})["y"]
    folded = fold_image_arithmetic(model)
    stays = bool(words) and np.any(offset)
    assert ([node.op_type for node in folded.graph] == ["Conv", "Relu"]) is not stays
    found = OrtRunner(folded, optimisation="none").run({"x": IMAGE})["y"]
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


def test_every_reader_gets_it(build):
    rows = [
        ("Div", ["x", "k"], ["e"], {}),
        ("Conv", ["e", "w"], ["a"], {}),
        ("Conv", ["e", "w", "bias"], ["b"], {}),
        ("Add", ["a", "b"], ["y"], {}),
    ]
    weights = {"k": f32(255), "w": W, "bias": f32(1, 2, 3, 4)}
    model = prepare(build(rows, {"x": SHAPE}, {"y": None}, weights))
    expected = OrtRunner(model).run({"x": IMAGE})["y"]
    folded = fold_image_arithmetic(model)
    assert [node.op_type for node in folded.graph] == ["Conv", "Conv", "Add"]
    np.testing.assert_allclose(OrtRunner(folded).run({"x": IMAGE})["y"], expected, atol=1e-5)


def test_a_grouped_convolution_keeps_it(build):
    rows = [("Div", ["x", "k"], ["e"], {}), ("Conv", ["e", "w"], ["y"], {"group": 3})]
    model = prepare(build(rows, {"x": SHAPE}, {"y": None}, {"k": f32(255), "w": W[:3, :1]}))
    assert [node.op_type for node in fold_image_arithmetic(model).graph] == ["Div", "Conv"]
