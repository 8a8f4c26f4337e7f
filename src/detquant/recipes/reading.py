"""Recipes read from their TOML tables; each entry is checked for what it should be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from detquant.errors import RecipeError, unknown_name
from detquant.numerics import Granularity, PerAxis, PerGroup, PerTensor, QType, QuantSpec
from detquant.recipes.places import Place
from detquant.recipes.recipe import Recipe, Step
from detquant.recipes.rule import ANY, AS_BEFORE, Earlier, Rule, Wish
from detquant.recipes.toml_table import entry, list_of, only
from detquant.untrusted import shown

GRANULARITIES: dict[str, Callable[[int], Granularity]] = {
    "per_tensor": lambda _: PerTensor(),
    "per_axis": lambda _: PerAxis(0),
    "per_group": PerGroup,
}
"""How to make each granularity that a recipe can name; each maker is given the size of groups."""
RENAMED = {"settled": "range_tolerance"}
"""Keys by the names that they had before, so that the error about an old one says what to write instead."""
FLOAT = "float"
WORDS: dict[str, Literal[Earlier.RULES] | None] = {FLOAT: None, AS_BEFORE.value: AS_BEFORE}
"""What stands in a rule in the place of a type."""


def parse_recipe(table: Mapping[str, Any], source: str) -> Recipe:
    """A recipe from its TOML table; ``source`` names it in errors."""
    if "precision" in table:
        return _in_float(table, source)
    only(table, {"name", "description", "head", "precision", "range_tolerance", "rules", "steps"}, source, RENAMED)
    head = table.get("head", "float")
    if head not in ("float", "int"):
        raise RecipeError(f"{source}: head = {head!r}, expected 'float' or 'int'.")
    if not table.get("rules"):
        raise RecipeError(f"{source} has no [[rules]]: without one nothing is quantised.")
    rules, steps = list_of(dict, table, "rules", [], source), list_of(dict, table, "steps", [], source)
    return Recipe(
        name=entry(str, table, "name", Path(source).stem, source),
        description=entry(str, table, "description", "", source),
        head=head,
        range_tolerance=_share(table, "range_tolerance", source),
        rules=tuple(_rule(rule, f"{source}, rule {k}") for k, rule in enumerate(rules, 1)),
        steps=tuple(_step(step, f"{source}, step {k}") for k, step in enumerate(steps, 1)),
    )


def _in_float(table: Mapping[str, Any], source: str) -> Recipe:
    """A recipe that rounds nothing; which precisions there are is for the target to say."""
    for key in table:
        if key not in ("name", "description", "precision"):
            raise RecipeError(
                f"{source} has both precision and {key}: a precision is of a file all in float. Leave one of them out."
            )
    return Recipe(
        name=entry(str, table, "name", Path(source).stem, source),
        description=entry(str, table, "description", "", source),
        precision=entry(str, table, "precision", "", source),
        rules=(),
    )


def _rule(table: Mapping[str, Any], where: str) -> Rule:
    sizes = {"min_weights", "max_weights", "smallest_share"}
    only(table, {"ops", "scope", "place", "weight", "activation"} | sizes, where)
    least, most = _count(table, "min_weights", where), _count(table, "max_weights", where)
    if least is not None and most is not None and least > most:
        raise RecipeError(f"{where}: no layer has at least {least} and at most {most} weights.")
    return Rule(
        ops=tuple(list_of(str, table, "ops", [ANY], where)),
        scope=entry(str, table, "scope", ANY, where),
        place=tuple(_place(word, where) for word in list_of(str, table, "place", [], where)),
        min_weights=least,
        max_weights=most,
        smallest_share=_share(table, "smallest_share", where) if "smallest_share" in table else None,
        weight=_wish(table.get("weight", FLOAT), f"{where}, weight"),
        activation=_of_tensor(_wish(table.get("activation", FLOAT), f"{where}, activation"), f"{where}, activation"),
    )


def _share(table: Mapping[str, Any], key: str, where: str) -> float:
    found = entry(float, table, key, 0.0, where)
    if not 0 <= found < 1:
        raise RecipeError(f"{where}: {key} = {found!r}, expected a share from 0 to below 1.")
    return found


def _count(table: Mapping[str, Any], key: str, where: str) -> int | None:
    """A number of weights; None where the rule gives none."""
    found = entry(int, table, key, 0, where)
    if found < 0:
        raise RecipeError(f"{where}: {key} = {found}, expected a number of weights.")
    return found if key in table else None


def _place(word: str, where: str) -> Place:
    if word not in set(Place):
        raise RecipeError(f"{where}: {unknown_name('place', word, Place)}")
    return Place(word)


def _of_tensor(spec: Wish, where: str) -> Wish:
    """An activation's wish: its grid is of the whole tensor, since the codes of all its channels are added up."""
    if isinstance(spec, QuantSpec) and not isinstance(spec.granularity, PerTensor):
        raise RecipeError(
            f"{where} has a grid {spec.granularity}: only weights can, give 'per_tensor' or leave it out."
        )
    return spec


def _step(table: Mapping[str, Any], where: str) -> Step:
    only(table, {"name", "options"}, where)
    if "name" not in table:
        raise RecipeError(f"{where} has no name.")
    return Step(entry(str, table, "name", "", where), entry(dict, table, "options", {}, where))


def _wish(wish: object, where: str) -> Wish:
    if isinstance(wish, str) and wish in WORDS:
        return WORDS[wish]
    if not isinstance(wish, dict):
        raise RecipeError(f"{where} = {shown(wish)}: expected {' or '.join(map(repr, WORDS))} or a table with qtype.")
    only(wish, {"qtype", "symmetric", "granularity", "group", "observer", "power_of_two"}, where)
    if "qtype" not in wish:
        raise RecipeError(f"{where} has no qtype.")
    granularity = entry(str, wish, "granularity", "per_tensor", where)
    if granularity not in GRANULARITIES:
        raise RecipeError(f"{where}: {unknown_name('granularity', granularity, GRANULARITIES)}")
    if "group" in wish and granularity != "per_group":
        raise RecipeError(f"{where}: group is read with granularity 'per_group' only, not with {granularity!r}.")
    qtype = QType.parse(entry(str, wish, "qtype", "", where))
    return QuantSpec(
        qtype=qtype,
        symmetric=entry(bool, wish, "symmetric", qtype.signed, where),
        granularity=GRANULARITIES[granularity](entry(int, wish, "group", PerGroup().size, where)),
        observer=entry(str, wish, "observer", "minmax", where),
        power_of_two=entry(bool, wish, "power_of_two", False, where),
    )
