"""Mixed precision: the widths that cost least within a budget, as a recipe, or at once for a job that goes on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from typing import Any

from detquant.algorithms.replan import with_choices
from detquant.calibration import QuantModel
from detquant.data import Dataset
from detquant.errors import MissingExtra, OptionError, unknown_name
from detquant.numerics import Capability
from detquant.numerics.capability import UP_TO_EIGHT
from detquant.pipeline.detector import Detector
from detquant.pipeline.engines.own import lowered
from detquant.pipeline.job import Begun, Job
from detquant.pipeline.keywords import Keywords
from detquant.pipeline.losses import Losses, read_losses, require_about
from detquant.pipeline.options import LossOptions, MixedPrecisionOptions
from detquant.pipeline.outputs import LOSSES, RECIPE
from detquant.pipeline.sensitivity import Losing, job_of, losing
from detquant.pipeline.workers import workers
from detquant.recipes import Recipe
from detquant.recipes.writing import to_toml
from detquant.report.files import staged
from detquant.report.widths import Width, Widths
from detquant.search import Assignment, Budget, assign, parse_budget, recipe_of
from detquant.search.amounts import Facts
from detquant.search.assignment import uniform
from detquant.search.budget import Kind
from detquant.search.latency import Times, layer_latency
from detquant.search.sensitivity import table_of
from detquant.search.solvers import SOLVERS
from detquant.search.trials import layer_widths, tensor_widths
from detquant.targets import Artefact, Runner

MIXED = "{recipe}-mixed"
"""Name of the recipe with widths of a search."""
DESCRIPTION = "{recipe} with the width of each layer chosen within a budget of {budget} for {target}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixed:
    """The widths that were chosen.

    Attributes:
        assignment: what each layer is given, and what that takes.
        recipe: the recipe that says so, with the steps of the one that it began with.
        losing: what each layer costs alone.

    Examples:
        >>> import detquant
        >>> found = detquant.mixed_precision(
        ...     "resnet-pico", "crops", budget="0.25MB", images=1, calib=2, jobs=1, solver="greedy"
        ... )
        >>> sorted({one.bits for one in found.assignment.given})
        [4, 8]
        >>> found.save("resnet-pico-mixed")  # recipe.toml, sensitivity.json
        >>> detquant.load_recipe("resnet-pico-mixed/recipe.toml") == found.recipe
        True
    """

    assignment: Assignment
    recipe: Recipe
    losing: Losing

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Writes ``recipe.toml``, which `detquant.quantize` takes, and ``sensitivity.json``, which it was made from.

        Raises:
            OutputError: the folder cannot be written, or something that detquant did not write is in the way.
        """
        with staged(folder, self.losing.inputs) as put:
            put(RECIPE, to_toml(self.recipe))
            put(LOSSES, self.losing.losses.content())

    @property
    def widths(self) -> Widths:
        """The widths, for tables."""
        return widths_of(self.assignment)

    def figures(self) -> dict[str, Any]:
        """The widths as plain values, for JSON."""
        return {"recipe": self.recipe.name, **self.assignment.figures()}


@Keywords(MixedPrecisionOptions)
def mixed_precision(
    model: str | os.PathLike[str] | Detector, data: str | os.PathLike[str] | Dataset, options: MixedPrecisionOptions
) -> Mixed:
    """The width of each layer that costs least within a budget.

    Args:
        model: a float detector, or the path of its file.
        data: a data set, or its path, as for `quantize`.
        options: see `MixedPrecisionOptions`.

    Raises:
        DetquantError: as `sensitivity`; an OptionError where the budget cannot be met, with the smallest that can.

    Examples:
        >>> import detquant
        >>> found = detquant.mixed_precision(
        ...     "resnet-pico", "crops", budget="4.5bits", widths=(4, 8), images=1, calib=2, jobs=1, solver="greedy"
        ... )
        >>> found.assignment.mean_bits <= 4.5
        True
    """
    budget = parse_budget(options.budget)
    require_solver(options.solver)
    given = read_losses(options.sensitivity) if options.sensitivity is not None else None
    job = job_of(model, data, options)
    if given is not None:
        require_about(given, job.detector.imported.sha256, job.target.name)
    with job.begun() as begun:
        chooser = chooser_of(
            job, begun, budget, options, sensitivity=given, solver=options.solver, limit=options.val_limit
        )
    chosen = chooser.within(budget)
    said = DESCRIPTION.format(recipe=job.recipe.name, budget=budget.text, target=job.target.name)
    recipe = recipe_of(job.recipe, chosen.choices, begun.model.reference.graph, MIXED.format(recipe=job.recipe.name))
    return Mixed(assignment=chosen, recipe=replace(recipe, description=said), losing=chooser.losing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chooser:
    """All that is needed to choose widths for a job.

    Attributes:
        losing: what each layer costs alone.
        facts: what is known of the model, and what its files are.
        recipe: the wish that the model follows.
        solver: key in `detquant.search.solvers.SOLVERS`.
    """

    losing: Losing
    facts: Facts
    recipe: Recipe
    solver: str

    def within(self, budget: Budget) -> Assignment:
        """The widths that cost least within a budget.

        Raises:
            OverBudget: it cannot be met; the sentence has the smallest that can.
        """
        return assign(self.losing.table, budget, self.facts, self.recipe, self.solver)


def chooser_of(
    job: Job,
    begun: Begun,
    budget: Budget,
    options: LossOptions,
    *,
    sensitivity: Losses | None = None,
    solver: str = "exact",
    limit: int | None = None,
) -> Chooser:
    """Measures, or reads, all that is needed to choose widths for a job whose plan is decided.

    Args:
        job: the job.
        begun: the same, with its plan decided.
        budget: what may be spent: it says what must be known.
        options: how losses are measured.
        sensitivity: losses of a file, or None to measure them.
        solver: key in `detquant.search.solvers.SOLVERS`.
        limit: the first so many validation images only, where losses are of accuracy.

    Raises:
        OptionError: the file is about something else, or widths change no latency.
        DetquantError: losses cannot be measured.
    """
    capability = job.target.capability
    latency = _latency(job, begun, options) if budget.kind is Kind.LATENCY else None
    if sensitivity is not None:
        found = given_losses(job, begun, sensitivity)
    else:
        operations = budget.kind is Kind.OPERATIONS
        with workers(job.executor, options.jobs, options.cluster) as executor:
            found = losing(
                job,
                begun,
                options,
                executor,
                limit=limit,
                widths=_widest_stored(capability) if budget.kind is Kind.BYTES else None,
                activations=None if operations and _open_activations(begun.model, capability) else (),
            )
    facts = Facts(
        model=begun.model,
        capability=capability,
        lowered=partial(_files, job, begun),
        latency=latency,
    )
    return Chooser(losing=found, facts=facts, recipe=job.recipe, solver=solver)


def given_losses(job: Job, begun: Begun, losses: Losses) -> Losing:
    """The losses of a file, as a table of a job's model."""
    about = losses.about
    inputs = (job.detector.imported.path, *([losses.path] if losses.path else []))
    table = table_of(begun.model, job.target.capability, losses.known, about.measure, about.images)
    return Losing(table=table, losses=losses, inputs=inputs)


def require_solver(solver: str) -> None:
    """Fails before the work where a solver cannot be had.

    Raises:
        OptionError: there is none of this name.
        MissingExtra: it needs SciPy.
    """
    if solver not in SOLVERS:
        raise OptionError(unknown_name("solver", solver, SOLVERS))
    if solver == "exact" and find_spec("scipy") is None:
        raise MissingExtra("SciPy", "search")


def _widest_stored(capability: Capability) -> tuple[int, ...]:
    """The widest codes of each size in a target's files: narrower ones lose more and save no byte."""
    return tuple(sorted({capability.stored(bits): bits for bits in sorted(UP_TO_EIGHT)}.values()))


def _open_activations(model: QuantModel, capability: Capability) -> bool:
    """Whether activations may have several widths."""
    return any(len(several) > 1 for several in tensor_widths(model, capability, None).values())


def _files(job: Job, begun: Begun, widths: Mapping[str, int]) -> Artefact:
    """The files of a job's model with these widths of weights, before the recipe's later steps."""
    choices = uniform(widths, begun.model, job.recipe)
    return lowered(job, with_choices(begun.model, choices, begun.context))[0]


def _latency(job: Job, begun: Begun, options: LossOptions) -> Times:
    """What each layer's width does to the time of an image.

    Raises:
        OptionError: nothing, or the place cannot be timed here.
    """
    if job.target.untimed:
        raise OptionError(
            f"On {job.target.name} no latency can be measured ({job.target.untimed}): give a budget of bits, bytes or "
            f"bit operations."
        )
    widths = layer_widths(begun.model, job.target.capability, options.widths or None)

    def opened(chosen: Mapping[str, int]) -> Runner:
        return job.target.open(_files(job, begun, chosen), 1)

    feed = begun.context.images.informative[0]
    return layer_latency(job.target.name, opened, widths, feed, progress=job.progress)


def widths_of(chosen: Assignment) -> Widths:
    """The widths of an assignment, for the report."""
    given = (
        Width(
            name=one.name,
            is_weight=one.is_weight,
            bits=one.bits,
            loss=one.loss,
            weights=one.weights,
            size_bytes=one.size_bytes,
        )
        for one in chosen.given
    )
    return Widths(why=f"a budget of {chosen.budget}", measure=chosen.measure, given=tuple(given))
