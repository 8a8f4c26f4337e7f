from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detquant.errors import RecipeError
from detquant.graph import prepare
from detquant.numerics import Capability
from detquant.recipes import Dynamic, Rule, load_recipe, plan
from detquant.targets import TARGETS, load_target

DYNAMIC = load_recipe("dynamic")
CPU = Capability(name="cpu", kernels={}, dynamic_ops=frozenset({"Conv"}))


def test_layers_are_rounded_and_nothing_is_to_be_calibrated(small_net):
    found = plan(small_net, DYNAMIC, CPU)
    assert found.integer == ("first", "second", "third", "head") == tuple(found.weights)
    assert {name: type(point) for name, point in found.points.items()} == dict.fromkeys(
        ("x", "silu", "joined", "sum"), Dynamic
    )
    assert not found.owned and not found.sources
    assert found.kept_float["add"] == "only layers with weights are rounded on the fly"
    assert found.kept_float["tail_sigmoid"] == "decode tail"


def test_a_recipe_may_keep_layers_and_heads_in_float(small_net):
    rules = (*DYNAMIC.rules, Rule(scope="second"))
    found = plan(small_net, replace(DYNAMIC, rules=rules, head="float"), CPU)
    assert found.integer == ("first", "third")
    assert found.kept_float["second"] == "the recipe says float"
    assert found.kept_float["head"] == "head output, feeds the decode tail"


def test_what_has_no_kernel_and_what_has_no_weight_stays_float(build):
    rows = [
        ("Conv", ["x", "w"], ["c"], {"name": "conv"}),
        ("MatMul", ["c", "c"], ["m"], {"name": "product"}),
        ("Conv", ["m", "w"], ["y"], {"name": "head"}),
    ]
    model = prepare(build(rows, {"x": [1, 3, 8, 8]}, {"y": None}, {"w": np.ones((3, 3, 1, 1), np.float32)}))
    why = "MatMul has no kernel on cpu that rounds on the fly"
    assert plan(model, DYNAMIC, CPU).kept_float == {"product": why}
    found = plan(model, DYNAMIC, replace(CPU, dynamic_ops=CPU.dynamic_ops | {"MatMul"}))
    assert found.kept_float == {"product": "its weight is not constant"}


def test_grids_are_found_all_on_the_fly_or_all_beforehand(small_net):
    both = replace(DYNAMIC, rules=(*DYNAMIC.rules, replace(load_recipe("w8a8").rules[0], ops=("Add",))))
    with pytest.raises(RecipeError, match="has activations with observer 'dynamic' and others"):
        plan(small_net, both, CPU)


def test_where_nothing_would_be_rounded_it_says_so(small_net):
    with pytest.raises(RecipeError, match="would quantise no convolution or matrix product"):
        plan(small_net, replace(DYNAMIC, rules=(replace(DYNAMIC.rules[0], scope="relu"),)), CPU)


WITHOUT_KERNELS = [one.name for one in map(load_target, TARGETS) if not (one.capability.dynamic_ops or one.float_only)]


@pytest.mark.parametrize("name", WITHOUT_KERNELS)
def test_other_targets_refuse_it_with_a_reason(small_net, name):
    with pytest.raises(RecipeError, match=rf"target {name} has no kernels that do: choose recipe w8a8, or target ort"):
        plan(small_net, DYNAMIC, load_target(name).capability)
