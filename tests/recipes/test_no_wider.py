"""A recipe without its exceptions for single layers."""

from __future__ import annotations

from detquant.recipes import load_recipe


def test_rules_for_wider_weights_are_left_out():
    mixed = load_recipe("w4a8")
    assert {spec.qtype.bits for spec in mixed.weights} == {4, 8}
    even = mixed.no_wider(4)
    assert {spec.qtype.bits for spec in even.weights} == {4} and even.steps == mixed.steps
    assert even.name == "w4a8-in-every-layer"


def test_a_recipe_that_has_none_stays_as_it_is():
    plain = load_recipe("w8a8")
    assert plain.no_wider(8) is plain
