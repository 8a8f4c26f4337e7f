"""Widths chosen within a budget, and the recipe that says them, on the embedded classifier."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from detquant.algorithms.replan import with_choices
from detquant.errors import OptionError
from detquant.pipeline.engines.own import lowered
from detquant.recipes import Rule, plan
from detquant.search import Layer, Sensitivity, Tensor, assign, parse_budget, recipe_of
from detquant.search.amounts import FLOOR, Facts, with_floor
from detquant.search.assignment import exactly, uniform
from detquant.search.problem import OverBudget
from detquant.search.trials import tensor_widths, writers_of
from detquant.targets import load_target

pytest.importorskip("scipy", reason="needs SciPy: pip install 'detquant[search]'")

WIDTHS = range(2, 9)


def table_of(begun, target="ort"):
    """Losses as they usually are: four times smaller a bit, and of their own size in each layer."""
    rng, qm, capability = np.random.default_rng(0), begun.model, load_target(target).capability
    nodes = {node.name: node for node in qm.reference.graph}
    layers = []
    for name in qm.plan.weights:
        size = rng.uniform(0.01, 1)
        x = nodes[name].inputs[0].name
        weights = int(np.prod(nodes[name].inputs[1].shape.numpy()))
        loss = {bits: size * 2.0 ** (2 - bits) for bits in WIDTHS}
        reads = qm.plan.root(x)
        layers.append(Layer(name=name, operator="Conv", weights=weights, macs=weights * 9, reads=reads, loss=loss))
    tensors = tuple(
        Tensor(name=root, writers=writers_of(qm, root), loss={bits: 2.0**-bits for bits in several})
        for root, several in tensor_widths(qm, capability, None).items()
    )
    return Sensitivity(measure="damage", images=1, layers=tuple(layers), tensors=tensors)


@pytest.fixture(scope="module")
def table(begun):
    return table_of(begun)


def files(job, begun, choices):
    return lowered(job, with_choices(begun.model, choices, begun.context))[0]


def facts_of(job, begun):
    """The facts; files of the same widths are made once, as many budgets ask for them."""

    @cache
    def made(widths):
        return files(job, begun, uniform(dict(widths), begun.model, job.recipe))

    return Facts(
        model=begun.model,
        capability=job.target.capability,
        lowered=lambda widths: made(tuple(widths.items())),
    )


@pytest.fixture(scope="module")
def facts(job, begun):
    return facts_of(job, begun)


def mean_width(assignment):
    return sum(g.bits * g.weights for g in assignment.given) / sum(g.weights for g in assignment.given)


@pytest.mark.parametrize("solver", ["exact", "greedy"])
def test_a_mean_width_is_kept_and_used(table, facts, job, solver):
    found = {bits: assign(table, parse_budget(f"{bits}bits"), facts, job.recipe, solver) for bits in (2, 3, 4.5, 6, 8)}
    for bits, one in found.items():
        assert bits - 0.05 < mean_width(one) <= bits + 1e-9 and one.mean_bits == mean_width(one)
    for narrow, wide in pairwise(found.values()):
        assert narrow.predicted > wide.predicted
    assert "4.50 bits on average" in found[4.5].sentence()


def test_the_exact_solver_is_never_worse(table, facts, job):
    for text in ("3bits", "4.3bits", "0.7MB", "50%"):
        exact, greedy = (assign(table, parse_budget(text), facts, job.recipe, s) for s in ("exact", "greedy"))
        assert exact.predicted <= greedy.predicted * (1 + 1e-9)


def test_bytes_are_those_of_the_files(table, facts, job, begun):
    """Four bits or fewer are stored in four on this target, so the widest that fit are 4 and 8."""
    names = [one.name for one in table.layers]
    small, large = (facts.lowered(dict.fromkeys(names, bits)).size_bytes for bits in (4, 8))
    aim = (small + large) // 2
    found = assign(table, parse_budget(f"{aim}B"), facts, job.recipe)
    assert {one.bits for one in found.given} == {4, 8}
    made = files(job, begun, found.choices)
    assert 0.97 * aim < made.size_bytes <= aim


def test_zipped_bytes_are_those_of_packed_files(table, facts, job, begun):
    before = files(job, begun, {}).zipped_bytes()
    budget = parse_budget(f"{round(0.7 * before)}B zip")
    found = assign(table, budget, facts, job.recipe)
    made = files(job, begun, found.choices)
    assert 0.93 * budget.amount < made.zipped_bytes() <= budget.amount


def test_bit_operations_where_activations_have_one_width(table, facts, job):
    table = replace(table, tensors=tuple(replace(one, loss={8: 0.01}) for one in table.tensors))
    found = assign(table, parse_budget("40%"), facts, job.recipe)
    macs = {one.name: one.macs for one in table.layers}
    share = sum(macs[one.name] * one.bits * 8 for one in found.given) / sum(64 * one for one in macs.values())
    assert 0.39 < share <= 0.4 + 1e-9


def test_bit_operations_with_activations_decided_too(torch_begun):
    job, begun = torch_begun
    table = table_of(begun, "pytorch")
    found = assign(table, parse_budget("40%"), facts_of(job, begun), job.recipe)
    bits = {(one.is_weight, one.name): one.bits for one in found.given}
    width = {root: bits.get((False, root), 8) for root in {one.reads for one in table.layers}}
    used = sum(one.macs * bits[True, one.name] * width[one.reads] for one in table.layers)
    assert 0.39 < used / sum(64 * one.macs for one in table.layers) <= 0.4 + 1e-9
    assert len({b for (is_weight, _), b in bits.items() if not is_weight}) > 1
    made = with_choices(begun.model, found.choices, begun.context)
    for (is_weight, name), wanted in bits.items():
        spec = made.plan.weights[name] if is_weight else made.plan.points[name].spec
        assert spec.qtype.bits == wanted


def test_a_budget_below_what_is_possible_says_the_smallest_that_is(table, facts, job):
    for text in ("1.9bits", "10kB", "10kB zip", "5%"):
        with pytest.raises(OverBudget, match=r"smallest that is possible is .* Give at least that") as caught:
            assign(table, parse_budget(text), facts, job.recipe)
        proposed = re.search(r"possible is (.*?)(;|\. Give)", str(caught.value))[1]
        found = assign(table, parse_budget(proposed), facts, job.recipe)  # and that is met
        assert found.predicted > 0
    assert "graph, scales, biases" in str(caught.value) or "5%" in str(caught.value)


def test_a_table_of_something_else_is_refused(table, facts, job):
    other = replace(table, layers=table.layers[1:])
    with pytest.raises(OptionError, match=rf"do not speak of the layer '{re.escape(table.layers[0].name)}'"):
        assign(other, parse_budget("5bits"), facts, job.recipe)
    with pytest.raises(OptionError, match="Unknown solver 'greddy': did you mean 'greedy'"):
        assign(table, parse_budget("5bits"), facts, job.recipe, "greddy")


def test_the_recipe_gives_each_layer_its_width(table, facts, job, begun):
    found = assign(table, parse_budget("4.2bits"), facts, job.recipe)
    recipe = recipe_of(job.recipe, found.choices, begun.model.reference.graph, "mixed")
    decided = plan(begun.model.reference, recipe, job.target.capability, ranges=begun.context.ranges)
    assert {name: spec.qtype.bits for name, spec in decided.weights.items()} == {g.name: g.bits for g in found.given}
    assert decided.points == begun.model.plan.points and decided.integer == begun.model.plan.integer


@pytest.mark.parametrize("name", ["a", "/model.0/[conv]", "*", "a?b", "[!x]", "]["])
def test_a_rule_for_one_name_matches_no_other(name):
    rule = Rule(scope=exactly(name))
    node = type("Node", (), {"op_type": "Conv"})()
    for other in (name, name + "x", name.replace("?", "z"), "x", name.replace("[conv]", "c")):
        node.name = other
        assert rule.names(node) == (other == name)


def test_what_few_images_did_not_need_is_not_free(table):
    blind = replace(table.layers[0], loss=dict.fromkeys(WIDTHS, 0.0))
    floored = with_floor(replace(table, layers=(blind, *table.layers[1:])))
    median = {bits: float(np.median([0.0, *(one.loss[bits] for one in table.layers[1:])])) for bits in WIDTHS}
    assert floored.layers[0].loss == pytest.approx({bits: FLOOR * median[bits] for bits in WIDTHS})
    assert floored.layers[1].loss == {b: max(loss, FLOOR * median[b]) for b, loss in table.layers[1].loss.items()}
