"""A job whose widths are chosen within a budget, taken to its end and held to it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from detquant.calibration import Note
from detquant.pipeline.engines import Product
from detquant.pipeline.engines.own import product_of
from detquant.pipeline.job import Job
from detquant.pipeline.losses import Losses
from detquant.pipeline.mixed_precision import MIXED, chooser_of, widths_of
from detquant.pipeline.options import LossOptions, QuantizeOptions
from detquant.recipes import Recipe, Stage
from detquant.report.widths import Tried, Widths
from detquant.search import parse_budget, recipe_of
from detquant.search.amounts import SIZES
from detquant.search.problem import OverBudget

STEP = "mixed_precision"
TRIES = 3
"""How often widths are chosen anew where files took more than was foreseen: later steps change what packs how well."""
OVER = (
    "The budget of {text} is not kept: the files take {taken} after the recipe's later steps, whatever was tried. Give "
    "a little more, or a recipe with fewer steps."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """What a search has made.

    Attributes:
        product: the quantised model.
        widths: the widths that were chosen.
        recipe: the recipe that says them.
        tried: the models that were measured on the way.
        missed: a sentence on an aim that was not reached; None where it was.
    """

    product: Product
    widths: Widths
    recipe: Recipe
    tried: tuple[Tried, ...] = ()
    missed: str | None = None


def within_budget(job: Job, text: str, options: QuantizeOptions, given: Losses | None) -> Searched:
    """The job's model with the widths that cost least within a budget, after all of its recipe's steps.

    Args:
        job: the job; it looks at images.
        text: the budget, as it was written.
        options: how it is searched.
        given: losses of a file, or None to measure them.

    Raises:
        OptionError: the budget cannot be met.
        DetquantError: losses cannot be measured.
    """
    budget = parse_budget(text)
    how = LossOptions(target=job.target, jobs=options.jobs, cluster=options.cluster)
    with job.begun() as begun:
        chooser = chooser_of(job, begun, budget, how, sensitivity=given)
        chosen = chooser.within(budget)
        tighter, size = budget, SIZES.get(budget.kind)
        for _ in range(TRIES):
            product = product_of(job, begun.finished(chosen.choices))
            taken = size(product.artefact) if size else 0.0
            if taken <= budget.amount:
                break
            tighter = replace(tighter, amount=tighter.amount - (taken - budget.amount))
            try:
                chosen = chooser.within(tighter)
            except OverBudget:
                raise OverBudget(OVER.format(text=budget.text, taken=budget.said(taken)), taken) from None
        else:
            raise OverBudget(OVER.format(text=budget.text, taken=budget.said(taken)), taken)
    note = Note(step=STEP, stage=Stage.CHOICES, sentence=chosen.sentence(), operators=tuple(chosen.choices))
    return Searched(
        product=replace(product, notes=(note, *product.notes)),
        widths=widths_of(chosen),
        recipe=recipe_of(job.recipe, chosen.choices, begun.model.reference.graph, MIXED.format(recipe=job.recipe.name)),
    )
