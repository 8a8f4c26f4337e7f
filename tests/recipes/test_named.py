from __future__ import annotations

import numpy as np
import pytest

from detquant.errors import RecipeError
from detquant.graph import prepare
from detquant.numerics import Capability, Kernel, eight_bits
from detquant.recipes import Fixed, Own, builtin_recipes, load_recipe, plan
from detquant.recipes.named import recipe_figures
from detquant.recipes.widths import ACTIVATION_BITS, WEIGHT_BITS, names_of_widths

ANYTHING = Capability(
    name="anything",
    kernels=dict.fromkeys(
        eight_bits({"Conv", "Add", "Mul", "Sigmoid", "Relu", "MaxPool", "Concat"}),
        Kernel(activation_bits=frozenset({*range(2, 9), 16})),
    ),
    weight_only=frozenset({"Conv"}),
    fused=frozenset({"Relu"}),
    activation_steps=frozenset({"silu"}),
)


@pytest.mark.parametrize("name", names_of_widths())
def test_each_name_of_widths_is_a_recipe(name):
    found = load_recipe(name)
    assert found.name == name and found.description
    assert found.weight_only is ("a" not in name) and bool(found.steps) is not found.weight_only


def test_files_win_over_forms_of_names():
    names = set(names_of_widths())
    assert len(names) == len(WEIGHT_BITS) * (1 + len(ACTIVATION_BITS))
    assert {"w8", "w8a8"} == names & set(builtin_recipes())
    assert len(load_recipe("w8a8").rules) == 1 < len(load_recipe("w8a7").rules)


def test_where_the_widths_hold(small_net):
    found = plan(small_net, load_recipe("w4a4"), ANYTHING)
    assert {name: spec.qtype.bits for name, spec in found.weights.items()} == {
        "first": 8,
        "second": 4,
        "third": 4,
        "head": 8,
    }
    widths = {name: point.spec.qtype.bits for name, point in found.points.items() if isinstance(point, Own | Fixed)}
    assert widths == {"x": 8, "c1": 8, "gate": 8, "silu": 4, "relu": 4, "c3": 4, "sum": 8}


@pytest.mark.parametrize(("name", "bits"), [("w4a8", 8), ("w8a16", 16), ("w8a7", 7)])
def test_edges_are_never_narrower_than_eight_bits(small_net, name, bits):
    points = plan(small_net, load_recipe(name), ANYTHING).points
    found = {name: point.spec.qtype.bits for name, point in points.items() if isinstance(point, Own)}
    assert found["silu"] == bits and found["x"] == found["sum"] == max(bits, 8)


def test_large_layers_are_narrow_and_small_ones_are_not(build):
    weights = {
        "a": np.ones((64, 3, 3, 3), np.float32),
        "b": np.ones((64, 64, 3, 3), np.float32),
        "c": np.ones((64, 64, 1, 1), np.float32),  # with a 6.3 % of all, where 6 are small
        "d": np.ones((16, 64, 1, 1), np.float32),
        "e": np.ones((4096, 16, 1, 1), np.float32),
    }
    rows = [("Conv", [x, w], [y], {"name": w}) for x, w, y in ("xas", "sbt", "tcu", "udv", "vey")]
    found = plan(prepare(build(rows, {"x": [1, 3, 8, 8]}, {"y": None}, weights)), load_recipe("w3"), ANYTHING)
    assert {name: spec.qtype.bits for name, spec in found.weights.items()} == {"a": 8, "b": 3, "c": 3, "d": 8, "e": 8}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("w1", "'w1' asks for weights of 1 bit, and there are none: did you mean 'w2'?"),
        ("w9", "'w9' asks for weights of 9 bits, and there are none: did you mean 'w8'?"),
        ("w16a16", "weights of 16 bits, and there are none: did you mean 'w8a16'?"),
        ("w4a3", "activations of 3 bits, and there are none: did you mean 'w4a4'?"),
        ("w4a12", "activations of 12 bits, and there are none: did you mean 'w4a8'?"),
        ("w0a99", "weights of 0 bits and activations of 99 bits, and there are none: did you mean 'w2a16'?"),
        ("w8a9", "Weights have 2 to 8 bits, activations 4 to 8 or 16."),
        ("W4A8", "Unknown recipe 'W4A8': did you mean 'w4a8'?"),
        ("w04a8", "Unknown recipe 'w04a8': did you mean 'w4a8'?"),
        ("wa8", "w8a8-symmetric. And wN: Weights of N bits, 2 to 8, and nothing else"),
    ],
)
def test_a_name_that_is_no_recipe_says_what_there_is(name, words):
    with pytest.raises(RecipeError) as error:
        load_recipe(name)
    assert words in str(error.value)


@pytest.mark.parametrize("name", ["w8a8-refit", "w4a8", "w4a4", "w8a16"])
def test_weights_are_solved_anew_below_eight_bits_or_where_the_name_says_so(name):
    steps = [step.name for step in load_recipe(name).steps]
    assert steps[-1] == "refit"
    assert "bias_correction" not in steps


def test_the_recipes_are_listed():
    listed = {one["name"]: one["description"] for one in recipe_figures()["recipes"]}
    assert listed.keys() == {*builtin_recipes(), "wN", "wNaM"} and all(listed.values())
