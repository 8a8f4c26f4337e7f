from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from detquant.algorithms import build_algorithm
from detquant.algorithms.equalization import Equalization
from detquant.calibration import Collector
from detquant.graph import prepare
from detquant.graph.running import OrtRunner
from detquant.graph.traits import weight_of
from detquant.graph.values import constant
from detquant.numerics import sqnr_db

SHAPE = (1, 3, 10, 10)
FIRST = ("Conv", ["x", "w1", "b1"], ["c1"], {"name": "one"})
DEPTHWISE = ("Conv", ["r1", "w2", "b2"], ["c2"], {"name": "two", "group": 6, "pads": [1, 1, 1, 1]})
THIRD = ("Conv", ["r2", "w3"], ["y"], {"name": "three"})
LEAKY = ("LeakyRelu", ["c1"], ["r1"], {"name": "leaky", "alpha": 0.1})
RELU = ("Relu", ["c2"], ["r2"], {"name": "relu"})
CHAIN = [FIRST, LEAKY, DEPTHWISE, RELU, THIRD]


def said(qm):
    return tuple(note.sentence for note in qm.notes)


@pytest.fixture
def net(build):
    """net(rows, outputs): prepared; six channels, whose ranges lie up to 10000 times apart."""

    def make(rows=CHAIN, outputs=("y",), **changes):
        rng = np.random.default_rng(3)
        wild = 10.0 ** rng.permutation(np.linspace(-2, 2, 6))
        weights = {
            "w1": rng.normal(0, 0.5, (6, 3, 3, 3)) * wild.reshape(-1, 1, 1, 1),
            "b1": rng.normal(0, 0.1, 6) * wild,
            "w2": rng.normal(0, 0.5, (6, 1, 3, 3)),
            "b2": rng.normal(0, 0.1, 6) * wild,
            "w3": rng.normal(0, 0.5, (4, 6, 1, 1)) / wild.reshape(1, -1, 1, 1),
        }
        weights = {name: array.astype(np.float32) for name, array in (weights | changes).items()}
        return prepare(build(rows, {"x": [*SHAPE]}, dict.fromkeys(outputs), weights))

    return make


@pytest.fixture
def equalized(net, calibrated, images):
    """equalized(rows, outputs): before, after and the context."""

    def make(*arguments, rounds=20, observer=None, **changes):
        qm, context = calibrated(net(*arguments, **changes), images(4, SHAPE), observer=observer)
        return qm, Equalization(rounds=rounds)(qm, context), context

    return make


def weight(model, name):
    return np.abs(constant(weight_of(model.graph.node(name))))


def bytes_of(model):
    return ir.to_proto(model).SerializeToString(deterministic=True)


def outputs(model, context):
    runner = OrtRunner(model, optimisation="none")
    return np.stack([runner.run(feed)["y"] for feed in context.images.informative])


def error_db(qm, context):
    return sqnr_db(outputs(qm.reference, context), outputs(qm.qdq(), context))


def test_the_function_stays(equalized):
    before, after, context = equalized()
    expected, found = outputs(before.reference, context), outputs(after.reference, context)
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
    assert bytes_of(after.reference) != bytes_of(before.reference)
    assert said(after) == ("equalization: 2 pairs of convolutions",)


def test_the_model_given_stays(net, calibrated, images):
    qm, context = calibrated(net(), images(2, SHAPE))
    before = [bytes_of(model) for model in (qm.model, qm.reference)]
    Equalization()(qm, context)
    assert [bytes_of(model) for model in (qm.model, qm.reference)] == before and qm.notes == ()


def test_both_sides_of_each_pair_have_the_same_ranges(equalized):
    _, after, _ = equalized()
    one, two, three = (weight(after.reference, name) for name in ("one", "two", "three"))
    np.testing.assert_allclose(one.max(axis=(1, 2, 3)), two.max(axis=(1, 2, 3)), rtol=1e-3)
    np.testing.assert_allclose(two.max(axis=(1, 2, 3)), three.max(axis=(0, 2, 3)), rtol=1e-3)


def test_one_round_is_not_enough_for_a_chain(equalized):
    _, after, _ = equalized(rounds=1)
    one, two = (weight(after.reference, name).max(axis=(1, 2, 3)) for name in ("one", "two"))
    assert np.abs(np.log(one / two)).max() > 0.1


def test_the_error_in_int8_falls(equalized):
    before, after, context = equalized()
    assert error_db(before, context) < 15 and error_db(after, context) > error_db(before, context) + 15


def test_statistics_are_those_of_the_new_graph(equalized):
    before, after, context = equalized(observer="mse")
    names = ("x", "r1", "r2")
    collector = Collector(model=after.reference, plan=after.plan, by_channel=names)
    expected = collector.collect(
        lambda which: (context.images.informative[k] for k in which), len(context.images.informative)
    )
    found = after.statistics
    assert found.extremes.keys() == expected.extremes.keys() and found.images == expected.images
    for name in names:
        np.testing.assert_allclose(found.extremes[name], expected.extremes[name], rtol=1e-5)
        np.testing.assert_allclose(found.channel_sums[name], expected.channel_sums[name], rtol=1e-4)
        np.testing.assert_allclose(found.channel_peaks[name], expected.channel_peaks[name], rtol=1e-4)
    for name in ("r1", "r2"):
        np.testing.assert_array_equal(found.histograms[name], expected.histograms[name])
        assert after.params[name].scale != before.params[name].scale
    assert after.params["x"].scale == before.params["x"].scale


def test_bias_correction_behind_it_finds_what_it_needs(equalized):
    _, after, context = equalized()
    corrected = build_algorithm("bias_correction", {"mode": "fast"})(after, context)
    assert said(corrected)[1:] == ("bias correction (fast): 3 operators",)
    assert error_db(corrected, context) > error_db(after, context) - 1


def test_what_algorithms_kept_stays_kept(net, calibrated, images):
    qm, context = calibrated(net(), images(2, SHAPE))
    after = Equalization()(qm, context)
    assert (after.choices, after.plan) == (qm.choices, qm.plan)


SILU = [
    FIRST,
    ("Sigmoid", ["c1"], ["s1"], {}),
    ("Mul", ["c1", "s1"], ["r1"], {}),
    DEPTHWISE,
    ("Clip", ["c2", "zero", "six"], ["r2"], {}),
    THIRD,
]
TWO_READERS = [FIRST, LEAKY, DEPTHWISE, ("Mul", ["c2", "r1"], ["r2"], {}), THIRD]
GROUPS = [
    FIRST,
    LEAKY,
    ("Conv", ["r1", "w2", "b2"], ["c2"], {"name": "two", "group": 2, "pads": [1, 1, 1, 1]}),
    RELU,
    THIRD,
]
LIMITS = {"zero": np.array(0), "six": np.array(6)}


@pytest.mark.parametrize(
    ("rows", "given_out", "changes"),
    [
        (SILU, ("y",), LIMITS),
        (TWO_READERS, ("y",), {}),
        (CHAIN, ("y", "c1", "r2"), {}),
        (GROUPS, ("y",), {"w2": np.ones((6, 3, 3, 3))}),
    ],
    ids=["SiLU and Clip", "two readers", "given out", "two groups"],
)
def test_what_cannot_be_paired_is_untouched(equalized, rows, given_out, changes):
    before, after, _ = equalized(rows, given_out, **changes)
    assert after.reference is before.reference and after.params is before.params
    assert said(after) == ("equalization: no two convolutions with only Relu, LeakyRelu or MaxPool in between",)


def test_through_relu_and_maxpool_and_through_nothing(equalized):
    pool = ("MaxPool", ["r2"], ["p2"], {"kernel_shape": [2, 2], "strides": [2, 2]})
    direct = ("Conv", ["x", "w1", "b1"], ["r1"], {"name": "one"})
    rows = [direct, DEPTHWISE, RELU, pool, ("Conv", ["p2", "w3"], ["y"], {"name": "three"})]
    before, after, context = equalized(rows)
    expected, found = outputs(before.reference, context), outputs(after.reference, context)
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
    assert said(after) == ("equalization: 2 pairs of convolutions",)


def test_a_dead_channel_and_a_channel_nobody_reads(equalized, net):
    given = net()
    w1, w3 = (constant(weight_of(given.graph.node(name))).copy() for name in ("one", "three"))
    w1[0], w3[:, 1] = 0, 0
    before, after, context = equalized(w1=w1, w3=w3)
    expected, found = outputs(before.reference, context), outputs(after.reference, context)
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
    assert not weight(after.reference, "one")[0].any()


def test_a_weight_that_two_share_is_scaled_for_one_only(equalized):
    other = ("Conv", ["x", "w1", "b1"], ["z"], {"name": "other"})
    before, after, context = equalized([*CHAIN, other], ("y", "z"))
    name = "z"
    runners = [OrtRunner(qm.reference, optimisation="none") for qm in (before, after)]
    first, second = (runner.run(context.images.informative[0]) for runner in runners)
    np.testing.assert_array_equal(first[name], second[name])
    assert np.abs(first["y"] - second["y"]).max() <= 1e-5 * np.abs(first["y"]).max()
