from __future__ import annotations

import numpy as np
import pytest

from detquant.graph.fold_batchnorm import fold_batchnorm

RNG = np.random.default_rng(3)


def normal(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def statistics(channels, prefix=""):
    return {
        f"{prefix}gamma": normal(channels),
        f"{prefix}beta": normal(channels),
        f"{prefix}mean": normal(channels),
        f"{prefix}var": RNG.uniform(0.5, 2, channels).astype(np.float32),
    }


def batchnorm(source, output, prefix="", **attributes):
    names = [prefix + name for name in ("gamma", "beta", "mean", "var")]
    return ("BatchNormalization", [source, *names], [output], attributes)


def operators(model):
    return [node.op_type for node in model.graph]


@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("group", [1, 2, 4])
@pytest.mark.parametrize("op", ["Conv", "ConvTranspose"])
def test_convolutions(build, greatest_difference, op, group, with_bias):
    channels = 8
    weight = normal(channels, 4 // group, 3, 3) if op == "Conv" else normal(4, channels // group, 3, 3)
    constants = {"w": weight, **statistics(channels)}
    takes = ["x", "w"]
    if with_bias:
        constants["b"] = normal(channels)
        takes.append("b")
    before = build(
        [(op, takes, ["c"], {"group": group}), batchnorm("c", "n", epsilon=1e-3), ("Relu", ["n"], ["y"], {})],
        {"x": [1, 4, 6, 6]},
        {"y": None},
        constants,
    )
    after = fold_batchnorm(before.clone())
    assert operators(after) == [op, "Relu"]
    assert greatest_difference(before, after, (1, 4, 6, 6)) < 2e-5


@pytest.mark.parametrize("bias_shape", [None, (), (1,), (5,), (1, 5), (2, 5)])
@pytest.mark.parametrize("transposed", [0, 1])
def test_gemm(build, greatest_difference, transposed, bias_shape):
    constants = {"w": normal(5, 3) if transposed else normal(3, 5), **statistics(5)}
    takes = ["x", "w"]
    if bias_shape is not None:
        constants["b"] = normal(*bias_shape).reshape(bias_shape)
        takes.append("b")
    attributes = {"transB": transposed, "alpha": 0.7, "beta": 1.3}
    before = build([("Gemm", takes, ["g"], attributes), batchnorm("g", "y")], {"x": [2, 3]}, {"y": None}, constants)
    after = fold_batchnorm(before.clone())
    assert operators(after) == ["Gemm"]
    assert [value.name for value in after.graph.outputs] == ["y"]
    assert greatest_difference(before, after, (2, 3)) < 1e-5


def test_weights_that_two_layers_share_are_copied(build, greatest_difference):
    before = build(
        [
            ("Conv", ["x", "w"], ["a"], {}),
            ("Conv", ["x", "w"], ["b"], {}),
            batchnorm("a", "p", "first_"),
            batchnorm("b", "q", "second_"),
            ("Conv", ["x", "w"], ["c"], {}),
            ("Sum", ["p", "q", "c"], ["y"], {}),
        ],
        {"x": [1, 3, 4, 4]},
        {"y": None},
        {"w": normal(4, 3, 1, 1), **statistics(4, "first_"), **statistics(4, "second_")},
    )
    after = fold_batchnorm(before.clone())
    assert operators(after) == ["Conv", "Conv", "Conv", "Sum"]
    assert greatest_difference(before, after, (1, 3, 4, 4)) < 2e-5


def test_a_convolution_that_someone_else_reads_is_left_alone(build):
    model = build(
        [("Conv", ["x", "w"], ["c"], {}), batchnorm("c", "n"), ("Add", ["n", "c"], ["y"], {})],
        {"x": [1, 3, 4, 4]},
        {"y": None},
        {"w": normal(4, 3, 1, 1), **statistics(4)},
    )
    assert operators(fold_batchnorm(model)) == ["Conv", "BatchNormalization", "Add"]


def test_a_convolution_that_is_an_output_is_left_alone(build):
    model = build(
        [("Conv", ["x", "w"], ["c"], {}), batchnorm("c", "y")],
        {"x": [1, 3, 4, 4]},
        {"c": None, "y": None},
        {"w": normal(4, 3, 1, 1), **statistics(4)},
    )
    assert operators(fold_batchnorm(model)) == ["Conv", "BatchNormalization"]


def test_a_batchnorm_without_a_layer_before_it_is_left_alone(build):
    model = build([batchnorm("x", "y")], {"x": [1, 4, 2, 2]}, {"y": None}, statistics(4))
    assert operators(fold_batchnorm(model)) == ["BatchNormalization"]


def test_statistics_that_are_not_finite_are_not_folded(build):
    constants = {"w": normal(4, 3, 1, 1), **statistics(4)}
    constants["var"][0] = -1
    model = build([("Conv", ["x", "w"], ["c"], {}), batchnorm("c", "y")], {"x": [1, 3, 4, 4]}, {"y": None}, constants)
    assert operators(fold_batchnorm(model)) == ["Conv", "BatchNormalization"]


def test_half_precision_weights_stay_half_precision(build):
    constants = {"w": normal(4, 3, 1, 1), **statistics(4)}
    constants = {name: array.astype(np.float16) for name, array in constants.items()}
    model = build([("Conv", ["x", "w"], ["c"], {}), batchnorm("c", "y")], {"x": [1, 3, 4, 4]}, {"y": None}, constants)
    conv = fold_batchnorm(model).graph.node(0)
    assert [value.const_value.numpy().dtype for value in conv.inputs[1:]] == [np.float16, np.float16]


def test_what_does_not_fit_the_weights_type_is_not_folded(build):
    """Each number fits float32, their product does not: folded, the weight would be infinite."""
    weights = {"w": np.full((2, 3, 1, 1), 1e30, np.float32), "g": np.full(2, 1e30, np.float32)}
    weights |= {"b": np.zeros(2, np.float32), "m": np.zeros(2, np.float32), "v": np.ones(2, np.float32)}
    rows = [("Conv", ["x", "w"], ["c"], {}), ("BatchNormalization", ["c", "g", "b", "m", "v"], ["y"], {})]
    folded = fold_batchnorm(build(rows, {"x": [1, 3, 4, 4]}, {"y": None}, weights))
    assert next(node.op_type for node in folded.graph) == "Conv"
    assert all(np.isfinite(value.const_value.numpy()).all() for value in folded.graph.initializers.values())
