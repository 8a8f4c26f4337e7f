"""Options of steps: what is written must be what the algorithm's dataclass says."""

from __future__ import annotations

import pkgutil
from dataclasses import dataclass, fields
from typing import Annotated, ClassVar, Literal, get_type_hints

import pytest

from detquant.algorithms import ALGORITHMS, build_algorithm
from detquant.algorithms.options import Count, Share, Within, checked, expected
from detquant.errors import RecipeError


@dataclass(frozen=True, slots=True, kw_only=True)
class Every:
    """One option of every kind."""

    name: ClassVar[str] = "every"

    count: Count = 1
    anything: int = 0
    share: Share = 0.5
    above: Annotated[float, Within(0, above=True)] = 1.0
    exact: bool = False
    text: str = ""
    mode: Literal["fast", "full"] = "fast"
    names: tuple[str, ...] = ()
    pair: tuple[int, float] = (0, 0.0)
    maybe: int | None = None


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("option", "given", "taken"),
    [
        ("count", 3, 3),
        ("anything", -3, -3),
        ("share", 1, 1.0),
        ("share", 0.25, 0.25),
        ("exact", True, True),
        ("text", "é", "é"),
        ("mode", "full", "full"),
        ("names", ["a", "b"], ("a", "b")),
        ("names", (), ()),
        ("pair", [1, 2], (1, 2.0)),
        ("maybe", None, None),
        ("maybe", 4, 4),
    ],
)
def test_what_fits_is_taken(option, given, taken):
    found = checked("every", Every, {option: given})[option]
    assert found == taken and type(found) is type(taken)
    assert getattr(Every(**{option: found}), option) == taken


@pytest.mark.parametrize(
    ("option", "given", "words"),
    [
        ("count", 0.5, "count = 0.5, expected a whole number of at least 1"),
        ("count", 2.0, "count = 2.0, expected a whole number of at least 1"),
        ("count", True, "count = True, expected a whole number of at least 1"),
        ("count", 0, "count = 0, expected a whole number of at least 1"),
        ("count", "3", "count = '3', expected a whole number of at least 1"),
        ("share", 1.5, "share = 1.5, expected a number of at least 0 and of at most 1"),
        ("share", NAN, "share = nan, expected a number"),
        ("share", INF, "share = inf, expected a number"),
        ("share", 10**400, "expected a number"),
        ("share", False, "share = False, expected a number"),
        ("share", None, "share = None, expected a number"),
        ("above", 0, "above = 0, expected a number above 0"),
        ("exact", 1, "exact = 1, expected true or false"),
        ("text", 1, "text = 1, expected text"),
        ("mode", "ful", "mode = 'ful', expected 'fast' or 'full'"),
        ("mode", ["fast"], "expected 'fast' or 'full'"),
        ("names", "mse", "names = 'mse', expected a list, each item text"),
        ("names", ["a", 1], "expected a list, each item text"),
        ("names", {"a": 1}, "expected a list, each item text"),
        ("pair", [1], "expected a list of a whole number and a number"),
        ("pair", [1, 2, 3], "expected a list of a whole number and a number"),
        ("maybe", "x", "maybe = 'x', expected a whole number or none"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(option, given, words):
    with pytest.raises(RecipeError) as error:
        checked("every", Every, {option: given})
    assert str(error.value).startswith(f"Step 'every': {option} = ") and words in str(error.value)
    assert len(str(error.value)) < 300


def test_unknown_options_name_the_nearest_and_class_attributes_are_none():
    with pytest.raises(RecipeError, match="Step 'every': Unknown option 'cout': did you mean 'count'"):
        checked("every", Every, {"cout": 1})
    with pytest.raises(RecipeError, match="Unknown option 'name'"):
        checked("every", Every, {"name": "other"})


def test_options_without_a_default_are_asked_for():
    @dataclass(frozen=True)
    class Needs:
        bits: Count

    with pytest.raises(RecipeError, match="Step 'x' needs the option bits, a whole number of at least 1"):
        checked("x", Needs, {})
    assert checked("x", Needs, {"bits": 4}) == {"bits": 4}


@pytest.mark.parametrize("name", ALGORITHMS)
def test_each_algorithm_has_its_name_a_stage_and_options_that_can_be_told(name):
    kind = pkgutil.resolve_name(ALGORITHMS[name])
    hints = get_type_hints(kind, include_extras=True)
    assert kind.name == name and kind.stage in type(kind.stage)
    defaults = {one.name: getattr(build_algorithm(name, {}), one.name) for one in fields(kind)}
    assert checked(name, kind, defaults) == defaults  # what an algorithm does by itself can be asked for
    assert all(expected(hints[one.name]) for one in fields(kind))


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("guard", {"rounds": 0.5}, "Step 'guard': rounds = 0.5, expected a whole number of at least 1."),
        ("placement", {"gain": 0}, "Step 'placement': gain = 0, expected a number above 0 and of at most 1."),
        ("ranges", {"observers": ["meen"]}, "Step 'ranges': Unknown observer 'meen': did you mean 'mean'?"),
        ("ranges", {"observers": "mse"}, "Step 'ranges': observers = 'mse', expected a list, each item text."),
        ("equalization", {"rounds": "many"}, "Step 'equalization': rounds = 'many', expected"),
        ("gard", {}, "Unknown algorithm 'gard': did you mean 'guard'?"),
    ],
)
def test_algorithms_refuse_options_when_they_are_built(name, options, words):
    with pytest.raises(RecipeError) as error:
        build_algorithm(name, options)
    assert words in str(error.value)
