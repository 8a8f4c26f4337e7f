from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

import detquant
from detquant.errors import RecipeError
from detquant.numerics import INT8, UINT8, PerAxis, PerTensor, QType, QuantSpec
from detquant.recipes import Places, Recipe, Rule, Step, builtin_recipes, load_recipe

RULE = '[[rules]]\nactivation = { qtype = "uint8" }\nweight = { qtype = "int8" }\n'


@pytest.fixture
def recipe(tmp_path):
    """recipe(text): what a file of this text says."""

    def load(text: str) -> Recipe:
        path = tmp_path / "mine.toml"
        path.write_text(text)
        return load_recipe(str(path))

    return load


def test_w8a8_comes_with_detquant():
    w8a8 = load_recipe("w8a8")
    assert "w8a8" in builtin_recipes() and (w8a8.name, w8a8.head) == ("w8a8", "float")
    weight, activation = w8a8.rules[0].weight, w8a8.rules[0].activation
    assert weight is not None and weight.qtype == INT8 and weight.granularity == PerAxis(0)
    assert activation is not None and activation.qtype == UINT8 and not activation.symmetric


def test_w8a8_pow2_has_one_exponent_for_each_tensor():
    [rule] = load_recipe("w8a8-pow2").rules
    assert str(rule.weight) == "int8 symmetric per tensor, mse, powers of two"
    assert str(rule.activation) == "int8 symmetric per tensor, tails, powers of two"


@pytest.mark.parametrize("name", builtin_recipes())
def test_each_built_in_recipe_says_what_it_is(name):
    found = load_recipe(name)
    assert found.name == name and found.description


def test_everything_a_file_can_say(recipe):
    found = recipe(
        """
        name = "thrifty"
        description = "Four bits."
        head = "int"
        range_tolerance = 0
        [[rules]]
        ops = ["Conv", "Gemm"]
        scope = "/backbone/*"
        weight = { qtype = "int4", granularity = "per_axis", observer = "mse" }
        activation = { qtype = "int8", symmetric = false, observer = "percentile" }
        [[rules]]
        [[steps]]
        name = "bias_correction"
        options = { mode = "full" }
        """
    )
    assert (found.name, found.description, found.head) == ("thrifty", "Four bits.", "int")
    assert str(found.rules[0].weight) == "int4 symmetric per axis 0, mse"
    assert str(found.rules[0].activation) == "int8 asymmetric per tensor, percentile"
    assert found.rules[1] == Rule()
    assert found.steps == (Step("bias_correction", {"mode": "full"}),)


def test_a_file_may_leave_most_out(recipe):
    found = recipe(RULE)
    assert found.name == "mine" and found.head == "float" and found.steps == ()
    assert found.rules[0].activation == QuantSpec(qtype=UINT8, symmetric=False, granularity=PerTensor())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"no \[\[rules\]\]"),
        ("rulez = 1\n" + RULE, "Unknown key 'rulez': did you mean 'rules'"),
        ('head = "flaot"\n' + RULE, "head = 'flaot', expected 'float' or 'int'"),
        ("settled = 0.1\n" + RULE, "Unknown key 'settled': did you mean 'range_tolerance'"),
        ("range_tolerance = 'soon'\n" + RULE, "range_tolerance = 'soon', expected a number"),
        ("range_tolerance = 1\n" + RULE, "range_tolerance = 1.0, expected a share from 0 to below 1"),
        (RULE + 'opz = ["Conv"]', "rule 1: Unknown key 'opz': did you mean 'ops'"),
        (RULE + 'ops = "Conv"', "rule 1: ops = 'Conv', expected a list"),
        (RULE + "ops = [1]", r"rule 1: ops = \[1\], expected a list, each item text"),
        (RULE + "scope = 3", "rule 1: scope = 3, expected text"),
        (RULE + "place = 'first'", "rule 1: place = 'first', expected a list"),
        (RULE + "place = ['heads']", "rule 1: Unknown place 'heads': did you mean 'head'"),
        (RULE + "max_weights = 'few'", "rule 1: max_weights = 'few', expected a whole number"),
        (RULE + "min_weights = -1", "rule 1: min_weights = -1, expected a number of weights"),
        (RULE + "smallest_share = 1.5", "rule 1: smallest_share = 1.5, expected a share from 0 to below 1"),
        (RULE + "min_weights = 9\nmax_weights = 8", "rule 1: no layer has at least 9 and at most 8 weights"),
        ('[[rules]]\nweight = "int8"', "weight = 'int8': expected 'float' or 'as before' or a table"),
        ("[[rules]]\nweight = 8", "weight = 8: expected 'float' or 'as before' or a table"),
        ("[[rules]]\nweight = { observer = 'mse' }", "weight has no qtype"),
        ("[[rules]]\nweight = { qtype = 8 }", "qtype = 8, expected text"),
        ("[[rules]]\nweight = { qtype = 'int8', observr = 'mse' }", "did you mean 'observer'"),
        ("[[rules]]\nweight = { qtype = 'int8', granularity = 'per_axes' }", "did you mean 'per_axis'"),
        (
            "[[rules]]\nweight = { qtype = 'int8', symmetric = 'no' }",
            "symmetric = 'no', expected true or false",
        ),
        ("[[rules]]\nweight = { qtype = 'float8' }", "'float8' is no integer type"),
        (
            "[[rules]]\nweight = { qtype = 'int4', granularity = 'per_axis', group = 32 }",
            "rule 1, weight: group is read with granularity 'per_group' only, not with 'per_axis'",
        ),
        (
            "[[rules]]\nweight = { qtype = 'int4', granularity = 'per_group', group = true }",
            "group = True, expected a whole number",
        ),
        (
            "[[rules]]\nactivation = { qtype = 'int8', granularity = 'per_axis' }",
            "rule 1, activation has a grid per axis 0: only weights can",
        ),
        (
            "[[rules]]\nactivation = { qtype = 'int8', granularity = 'per_group' }",
            "rule 1, activation has a grid per group of 32: only weights can",
        ),
        ("[[rules]]\nweight = { qtype = 'uint8' }", "A weight's grid is symmetric"),
        ("[[rules]]\nactivation = { qtype = 'uint8', symmetric = true }", "needs a signed type"),
        (RULE + "[[steps]]\noptions = {}", "step 1 has no name"),
        (RULE + "[[steps]]\nname = 'x'\nopts = {}", "step 1: Unknown key 'opts': did you mean 'options'"),
        (RULE + "[[steps]]\nname = 'x'\noptions = 3", "step 1: options = 3, expected a table"),
        ("rules = 3", "rules = 3, expected a list"),
        ("[[rules", "not valid TOML"),
    ],
)
def test_what_makes_no_sense_is_said(recipe, text, message):
    with pytest.raises(RecipeError, match=message):
        recipe(text)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(RecipeError, match="Cannot read the recipe"):
        load_recipe(str(tmp_path / "none.toml"))


def weights_of(bits: int) -> QuantSpec:
    return QuantSpec(qtype=QType(bits))


def test_the_last_rule_that_matches_wins(small_net):
    places = Places(small_net.graph)
    kinds = ({}, {"ops": ("Conv",)}, {"scope": "se*"})
    found = Recipe(name="r", rules=tuple(Rule(**kind, weight=weights_of(k)) for k, kind in enumerate(kinds, 2)))
    chosen = {name: found.choice_for(small_net.graph.node(name), places) for name in ("relu", "first", "second")}
    assert {name: choice.weight for name, choice in chosen.items()} == {
        "relu": weights_of(2),
        "first": weights_of(3),
        "second": weights_of(4),
    }
    unspoken = replace(found, rules=found.rules[2:]).choice_for(small_net.graph.node("relu"), places)
    assert (unspoken.weight, unspoken.activation, unspoken.why) == (None, None, "the recipe says float")


def test_a_rule_may_leave_weight_or_activation_to_those_before_it(small_net, recipe):
    found = recipe(
        RULE
        + """
        [[rules]]
        ops = ["Conv"]
        weight = { qtype = "int4" }
        activation = "as before"
        [[rules]]
        scope = "second"
        weight = "as before"
        activation = "float"
        """
    )
    places = Places(small_net.graph)
    first, second = (found.choice_for(small_net.graph.node(name), places) for name in ("first", "second"))
    assert first.weight == weights_of(4) and first.activation == found.rules[0].activation
    assert second.weight == weights_of(4) and second.activation is None
    nobody = recipe('[[rules]]\nweight = { qtype = "int4" }\nactivation = "as before"')
    assert nobody.choice_for(small_net.graph.node("first"), places).activation is None


def test_a_rule_may_speak_of_places_and_sizes(small_net, recipe):
    places = Places(small_net.graph)
    sizes = {node.name: size for node in small_net.graph if (size := places.size(node)) is not None}
    assert sizes == {"first": 216, "second": 64, "third": 128, "head": 32}

    def spoken_of(words: str) -> set[str]:
        rule = recipe(f"[[rules]]\n{words}").rules[0]
        return {node.name for node in small_net.graph if rule.matches(node, places)}

    assert spoken_of('place = ["first", "head"]') == {"first", "head"}
    assert spoken_of("max_weights = 64") == {"second", "head"}
    assert spoken_of("min_weights = 65") == {"first", "third"}
    assert spoken_of("min_weights = 64\nmax_weights = 128") == {"second", "third"}
    assert spoken_of("smallest_share = 0.05") == set()
    assert spoken_of("smallest_share = 0.1") == {"head"}  # 32 of 440 weights
    assert spoken_of("smallest_share = 0.22") == {"head", "second"}
    assert spoken_of("smallest_share = 0.99") == {"head", "second", "third"}
    assert spoken_of('min_weights = 64\nplace = ["head"]') == set()
    assert spoken_of('min_weights = 0\nscope = "t*"') == {"third"}


def test_the_recipe_in_the_docs_can_be_read(tmp_path):
    page = Path(__file__).parents[2] / "docs/recipes.md"
    written, *_ = re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "mine.toml").write_text(written, encoding="utf-8")
    found = detquant.plan("yolov8-pico", recipe=tmp_path / "mine.toml", target="ort")
    assert {spec.qtype.bits for spec in found.weights.values()} == {4, 8}
    assert "/model.22/cv2.2/0/conv/Conv" in found.kept_float
