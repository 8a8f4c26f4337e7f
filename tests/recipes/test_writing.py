"""A recipe that was written is read back as the same."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest

from detquant.numerics import PerAxis, PerGroup, QType, QuantSpec
from detquant.recipes import Recipe, Rule, Step, builtin_recipes, load_recipe, parse_recipe
from detquant.recipes.places import Place
from detquant.recipes.rule import AS_BEFORE
from detquant.recipes.writing import to_toml


@pytest.mark.parametrize("name", [*builtin_recipes(), "w4a8", "w4", "w4a4", "w3a16"])
def test_those_that_come_with_detquant(name, tmp_path):
    recipe, path = load_recipe(name), tmp_path / "mine.toml"
    path.write_text(to_toml(recipe), encoding="utf-8")
    assert load_recipe(path) == recipe


def test_any_name_and_any_option():
    weights = (
        QuantSpec(qtype=QType(3), granularity=PerAxis(0), observer="mse"),
        QuantSpec(qtype=QType(5), granularity=PerGroup(64)),
        None,
    )
    names = ('a "b" \\ c', "wähle\n\t[x]*?", "\x7f\x01", "日本", "#no = comment")
    rules = tuple(Rule(scope=name, weight=weights[k % 3], ops=("Conv", name)) for k, name in enumerate(names))
    where = Rule(place=(Place.FIRST, Place.HEAD), min_weights=3, max_weights=9, smallest_share=0.06, weight=AS_BEFORE)
    options = {"share": 0.25, "names": ["a", "b"], "on": True, "few": 3, "tiny": 1e-7, "of": {"a b": 1}}
    recipe = Recipe(
        name='say "hello"',
        description="one\ntwo",
        rules=(Rule(activation=QuantSpec(qtype=QType(4, False), symmetric=False)), *rules, where),
        steps=(Step("guard", options), Step("ranges")),
        head="int",
        range_tolerance=0.01,
    )
    assert parse_recipe(tomllib.loads(to_toml(recipe)), "back") == recipe
    assert parse_recipe(tomllib.loads(to_toml(replace(recipe, steps=()))), "back").steps == ()
