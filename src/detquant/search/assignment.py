"""Mixed precision: the widths that cost least within a budget, and the recipe that says them.

The losses of single layers are added up as `detquant.search.measures` says, and the sum is made least by an integer
program (Cai et al. 2020, ZeroQ; Yao et al. 2021, HAWQ-V3) or by a greedy search. What comes out are choices for single
operators, on which the recipe's later steps go on, and a recipe whose last rules name each layer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import onnx_ir as ir

from detquant.calibration import QuantModel
from detquant.errors import OptionError, unknown_name
from detquant.numerics import QType
from detquant.recipes import Choice, Places, Recipe, Rule
from detquant.recipes.rule import AS_BEFORE
from detquant.search._base import Sensitivity
from detquant.search.amounts import FLOAT_BITS, SIZES, Facts, problem_of, stored_bytes
from detquant.search.budget import Budget, Kind
from detquant.search.measures import DAMAGE
from detquant.search.problem import OverBudget, Problem, Widths
from detquant.search.solvers import SOLVERS
from detquant.search.trials import at_width

WHY, IN_FLOAT = "mixed precision: {bits} bits", "mixed precision: float"
TRIES = 4
"""How often widths are chosen anew where files take more or less than was foreseen."""
SMALLEST = {
    Kind.BYTES: "of these are {rest} graph, scales, biases and layers in float",
    Kind.ZIPPED: "of these are {rest} graph, scales, biases and layers in float",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A width that was chosen.

    Attributes:
        name: name of a layer, or root of a grid of activations.
        is_weight: whether it is a layer's weight.
        bits: the width; None for float.
        loss: loss of the network when this alone is rounded so.
        weights: numbers of the weight; 0 for activations.
        size_bytes: bytes of the weight in the target's files; 0 for activations.
    """

    name: str
    is_weight: bool
    bits: int | None
    loss: float
    weights: int
    size_bytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """The widths of all layers.

    Attributes:
        given: what each layer, and each grid of activations that was open, is given.
        choices: the same for the planner, by operator.
        budget: the budget, as it was written.
        spent: how much of it is taken, in its own unit.
        measure: name of the measure of losses.
        predicted: loss of the whole, as the losses of single layers add up to it.
        solver: key in `SOLVERS`.
    """

    given: tuple[Given, ...]
    choices: Mapping[str, Choice]
    budget: str
    spent: str
    measure: str
    predicted: float
    solver: str

    @property
    def mean_bits(self) -> float:
        """Mean width of the weights."""
        layers = [one for one in self.given if one.is_weight]
        return sum(one.weights * (one.bits or FLOAT_BITS) for one in layers) / max(
            sum(one.weights for one in layers), 1
        )

    def sentence(self) -> str:
        """What was chosen, for the report."""
        shares = dict[int, int]()
        for one in self.given:
            if one.is_weight:
                shares[one.bits or FLOAT_BITS] = shares.get(one.bits or FLOAT_BITS, 0) + one.weights
        total = max(sum(shares.values()), 1)
        told = ", ".join(f"{100 * count / total:.0f} % at {bits} bits" for bits, count in sorted(shares.items()))
        return (
            f"mixed precision: of the budget of {self.budget}, {self.spent} is taken; weights: {told}, "
            f"{self.mean_bits:.2f} bits on average"
        )

    def figures(self) -> dict[str, Any]:
        """The assignment as plain values."""
        return {
            "budget": self.budget,
            "spent": self.spent,
            "measure": self.measure,
            "predicted": self.predicted,
            "solver": self.solver,
            "mean_bits": self.mean_bits,
            "given": [asdict(one) for one in self.given],
        }


def assign(table: Sensitivity, budget: Budget, facts: Facts, recipe: Recipe, solver: str = "exact") -> Assignment:
    """The widths that cost least within a budget.

    Args:
        table: losses of the model's layers.
        budget: what may be spent.
        facts: what is known of the model; its widths are those of the recipe.
        recipe: the wish that the model follows.
        solver: key in `SOLVERS`.

    Raises:
        OverBudget: the budget is below what is possible; the sentence has the smallest that is.
        OptionError: the table is not about this model, or there is no such solver.
        MissingExtra: the exact solver needs SciPy.
    """
    if solver not in SOLVERS:
        raise OptionError(unknown_name("solver", solver, SOLVERS))
    table = about(table, facts.model)
    problem = problem_of(table, budget, facts)
    widths, spent = _solved(problem, budget, facts, SOLVERS[solver])
    chosen = list(zip(problem.decisions, widths, strict=True))
    layers, tensors = {one.name: one for one in table.layers}, {one.name: one for one in table.tensors}
    given = [
        Given(
            name=one.name,
            is_weight=one.is_weight,
            bits=bits,
            loss=(layers[one.name] if one.is_weight else tensors[one.name]).loss[bits],
            weights=layers[one.name].weights if one.is_weight else 0,
            size_bytes=stored_bytes(layers[one.name].weights, bits, facts.capability) if one.is_weight else 0.0,
        )
        for one, bits in chosen
    ]
    cost = problem.cost(widths)
    return Assignment(
        given=tuple(given),
        choices=choices_of(given, facts.model, recipe, {one.name: one.writers for one in table.tensors}),
        budget=budget.text,
        spent=budget.said(spent),
        measure=table.measure,
        predicted=math.sqrt(cost) if table.measure == DAMAGE else cost,
        solver=solver,
    )


def _solved(
    problem: Problem, budget: Budget, facts: Facts, solver: Callable[[Problem], Widths]
) -> tuple[Widths, float]:
    """The widths within a budget, and what they take of it; of budgets of bytes, what files show that they take.

    How well a layer packs depends on what stands beside it, and files may hold less besides where some weights are
    narrow. So files may be larger or smaller than the sum that was foreseen: then the sum is held to as much less, or
    more.

    Raises:
        OverBudget: the smallest widths take more.
    """

    def taken(widths: Widths) -> float:
        if budget.kind not in SIZES:
            return problem.amount(widths)
        pairs = zip(problem.decisions, widths, strict=True)
        return SIZES[budget.kind](facts.lowered({one.name: bits for one, bits in pairs if one.is_weight}))

    held, best = problem, dict[Widths, float]()
    for _ in range(TRIES if budget.kind in SIZES else 1):
        widths = solver(held) if held.fits(problem.smallest()) else problem.smallest()
        if widths in best:
            break
        best[widths] = taken(widths)
        held = replace(held, budget=held.budget + budget.amount - best[widths])
    within = [widths for widths, spent in best.items() if spent <= budget.amount * (1 + 1e-9)]
    if within:
        chosen = min(within, key=lambda widths: (problem.cost(widths), best[widths]))
        return chosen, best[chosen]
    smallest = problem.smallest()
    spent = taken(smallest)
    if spent <= budget.amount * (1 + 1e-9):
        return smallest, spent
    raise OverBudget(_too_small(budget, problem, spent), spent)


def about(table: Sensitivity, qm: QuantModel) -> Sensitivity:
    """The table of those layers alone whose weights are in codes.

    Raises:
        OptionError: one of them has no losses in the table.
    """
    known = {one.name for one in table.layers if one.loss}
    if missing := [name for name in qm.plan.weights if name not in known]:
        raise OptionError(
            f"The sensitivities do not speak of the layer '{missing[0]}' (and {len(missing) - 1} more), which this "
            f"model has in codes: measure them again, with this model, recipe and target."
        )
    grids = {qm.plan.root(name) for name in qm.activations}
    return replace(
        table,
        layers=tuple(one for one in table.layers if one.name in qm.plan.weights),
        tensors=tuple(one for one in table.tensors if one.name in grids),
    )


def choices_of(
    given: list[Given], qm: QuantModel, recipe: Recipe, writers: Mapping[str, tuple[str, ...]]
) -> dict[str, Choice]:
    """What the planner is told: the widths by operator, all else as it was.

    Args:
        given: the widths.
        qm: the model, with what algorithms have chosen already.
        recipe: the wish.
        writers: grid of activations -> the operators that give it its width.
    """
    nodes, places = {node.name or "": node for node in qm.reference.graph}, Places(qm.reference.graph)
    choices = dict[str, Choice]()

    def begun(name: str) -> Choice:
        return choices.get(name) or qm.choices.get(name) or recipe.choice_for(nodes[name], places)

    for one in given:
        why = WHY.format(bits=one.bits) if one.bits else IN_FLOAT
        if one.bits is None:
            choices[one.name] = Choice(weight=None, activation=None, why=why)
        elif one.is_weight:
            spec = at_width(qm.plan.weights[one.name], one.bits)
            choices[one.name] = replace(begun(one.name), weight=spec, why=why)
        for writer in () if one.is_weight else writers[one.name]:
            wish = begun(writer)
            if wish.activation is not None and one.bits is not None:
                spec = replace(wish.activation, qtype=QType(one.bits, wish.activation.qtype.signed))
                choices[writer] = replace(wish, activation=spec, why=why)
    return choices


def uniform(widths: Mapping[str, int], qm: QuantModel, recipe: Recipe) -> dict[str, Choice]:
    """The choices that give each layer a width, all else as it is."""
    given = [
        Given(name=name, is_weight=True, bits=bits, loss=0, weights=0, size_bytes=0) for name, bits in widths.items()
    ]
    return choices_of(given, qm, recipe, {})


def _too_small(budget: Budget, problem: Problem, least: float) -> str:
    rest = SMALLEST[budget.kind].format(rest=budget.said(problem.constant)) if budget.kind in SMALLEST else ""
    narrowest = min(bits.bits for one in problem.decisions for bits in one.options)
    return (
        f"The budget of {budget.text} cannot be met: with every layer as narrow as it may be ({narrowest} bits), the "
        f"smallest that is possible is {budget.written_up(least)}{f'; {rest}' if rest else ''}. Give at least that."
    )


def recipe_of(recipe: Recipe, choices: Mapping[str, Choice], graph: ir.Graph, name: str) -> Recipe:
    """The recipe with a rule for each operator that a choice speaks of.

    Args:
        recipe: the wish to begin with.
        choices: by operator.
        graph: the graph of these operators.
        name: name of the new recipe.
    """
    places, nodes = Places(graph), {node.name: node for node in graph}
    rules = []
    for operator, choice in choices.items():
        before = recipe.choice_for(nodes[operator], places)
        weight = AS_BEFORE if choice.weight == before.weight else choice.weight
        activation = AS_BEFORE if choice.activation == before.activation else choice.activation
        if not weight is activation is AS_BEFORE:
            rules.append(Rule(scope=exactly(operator), weight=weight, activation=activation))
    return replace(recipe, name=name, rules=(*recipe.rules, *rules))


def exactly(name: str) -> str:
    """The pattern that matches this name and no other."""
    return re.sub(r"([*?[])", r"[\1]", name)
