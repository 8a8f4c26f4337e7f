"""A job whose widths go up from its recipe's until no more accuracy is lost than was said, as measured.

Each model that is tried is made to its end, with all of the recipe's later steps, opened in the target's own runtime,
and measured on the evaluation images; calibration and the plan are those of the recipe and are made once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from detquant.calibration import Note, QuantModel
from detquant.data import Dataset
from detquant.errors import DatasetError, RecipeError
from detquant.evaluation.scorers import headline
from detquant.pipeline.engines import Product
from detquant.pipeline.engines.own import product_of
from detquant.pipeline.evaluate import run_over
from detquant.pipeline.job import Begun, Job
from detquant.pipeline.losses import Losses
from detquant.pipeline.mixed_precision import MIXED, given_losses
from detquant.pipeline.options import LossOptions, QuantizeOptions
from detquant.pipeline.sensitivity import losing
from detquant.pipeline.within_budget import Searched
from detquant.pipeline.workers import workers
from detquant.recipes import Choice, Fixed, Own, Stage
from detquant.report.report import TITLES
from detquant.report.widths import Tried, Width, Widths
from detquant.search import Sensitivity, recipe_of
from detquant.search.amounts import stored_bytes
from detquant.search.assignment import Given, about, choices_of
from detquant.search.max_drop import UP, Chosen, Reached, ladder, reach
from detquant.search.measures import ADDS_AS

STEP = "max_drop"
FLOAT, TRIED = "float", "tried"
REACHED = (
    "max drop: {drop:.2f} points of {measure} are lost, at most {limit:g} were to be ({count} models were measured)"
)
MISSED = (
    "A drop of at most {limit:g} points of {measure} was not reached on {target}: the best of {count} models that were "
    "measured, with {share:.0f} % of the weights at the recipe's width, loses {drop:.2f}. It is written; ask for that, "
    "or begin with a recipe of more bits."
)
UNLABELLED = "{data} has no labels, so no drop can be measured: give labelled data, or a budget instead of max_drop."


def within_drop(job: Job, limit: float, dataset: Dataset, options: QuantizeOptions, given: Losses | None) -> Searched:
    """The job's model with the narrowest widths whose measured drop is at most ``limit``, or the best there is.

    Args:
        job: the job; it looks at images.
        limit: points of AP or top-1, 0 to 100.
        dataset: the data set that is measured on, as the family uses it.
        options: how it is searched and measured.
        given: losses of a file, or None to measure them.

    Raises:
        DatasetError: nothing is known of the images.
        DetquantError: losses cannot be measured, or the model not be made.
    """
    if dataset.ground_truth is None and dataset.labels is None:
        raise DatasetError(UNLABELLED.format(data=dataset.name))
    with job.begun() as begun:
        base = widths_of(begun.model)
        table = _table(job, begun, options, given, base)
        meter = _Meter(job=job, begun=begun, dataset=dataset, options=options, base=base, table=table, limit=limit)
        rungs = ladder(table, base, floats=not job.target.capability.integer_only)
        found = reach(meter, base, rungs, limit, summed=_summed(table, base))
    return _told(job, begun, meter, found)


def widths_of(qm: QuantModel) -> dict[tuple[str, str], int | None]:
    """The widths of a model's weights and activations."""
    weights = {("weight", name): spec.qtype.bits for name, spec in qm.plan.weights.items()}
    tensors = {
        ("tensor", name): point.spec.qtype.bits
        for name, point in qm.plan.points.items()
        if isinstance(point, Own | Fixed)
    }
    return {**weights, **tensors}


def _table(job: Job, begun: Begun, options: QuantizeOptions, given: Losses | None, base: Chosen) -> Sensitivity:
    """The losses at the base widths and above, in a file or measured."""
    if given is not None:
        return about(given_losses(job, begun, given).table, begun.model)
    wanted = {kind: {bits for (of, _), bits in base.items() if of == kind and bits} for kind in ("weight", "tensor")}
    narrow = any(bits < max(UP) for bits in wanted["tensor"])
    how = LossOptions(target=job.target, jobs=options.jobs, cluster=options.cluster)
    with workers(job.executor, options.jobs, options.cluster) as executor:
        found = losing(
            job,
            begun,
            how,
            executor,
            widths=tuple(sorted({*UP, *wanted["weight"]})),
            activations=tuple(sorted({*wanted["tensor"], *(UP if narrow else ())})),
        )
    return found.table


def _summed(table: Sensitivity, base: Chosen) -> float:
    """The summed loss at the base widths."""
    add = ADDS_AS[table.measure]
    losses = {("weight", one.name): one.loss for one in table.layers}
    losses |= {("tensor", one.name): one.loss for one in table.tensors}
    return sum(add(losses[thing][bits]) for thing, bits in base.items() if bits in losses.get(thing, ()) and bits)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A model that was measured, its place among them, and what it is."""

    chosen: Chosen
    drop: float
    product: Product
    place: int


@dataclass(slots=True, kw_only=True)
class _Meter:
    """Makes and measures models; keeps the last that was good enough, else the best."""

    job: Job
    begun: Begun
    dataset: Dataset
    options: QuantizeOptions
    base: Chosen
    table: Sensitivity
    limit: float
    reference: float | None = None
    tried: list[Tried] = field(default_factory=list)
    kept: _Kept | None = None

    def __call__(self, chosen: Chosen, title: str) -> float:
        """The measured drop with these widths; infinite where such a model cannot be."""
        try:
            product = product_of(self.job, self.begun.finished(self.choices(chosen)))
        except RecipeError:  # nothing would be left in integers
            return math.inf
        drop, latency = self._measured(product)
        good, had = drop <= self.limit, self.kept is not None and self.kept.drop <= self.limit
        if self.kept is None or good or (not had and drop < self.kept.drop):
            self.kept = _Kept(chosen, drop, product, len(self.tried))
        weights = {one.name: one.weights for one in self.table.layers}
        total = max(sum(weights.values()), 1)
        same = sum(n for name, n in weights.items() if chosen["weight", name] == self.base["weight", name])
        in_float = sum(n for name, n in weights.items() if chosen["weight", name] is None)
        self.tried.append(
            Tried(
                title=title,
                drop=drop,
                size_bytes=product.artefact.size_bytes,
                zipped_bytes=product.artefact.zipped_bytes(),
                base_percent=100 * same / total,
                float_percent=100 * in_float / total,
                latency_ms=latency,
            )
        )
        if self.job.progress:
            self.job.progress(f"{title}: drop {drop:.2f}", len(self.tried), len(self.tried))
        return drop

    def choices(self, chosen: Chosen) -> dict[str, Choice]:
        """What the planner is told of widths that are not the recipe's."""
        changed = [_given(thing, bits) for thing, bits in chosen.items() if bits != self.base[thing]]
        writers = {one.name: one.writers for one in self.table.tensors}
        return choices_of(changed, self.begun.model, self.job.recipe, writers)

    def _measured(self, product: Product) -> tuple[float, float]:
        """Points that a model has lost, and its median time."""
        job, threads, limit = self.job, self.options.threads, self.options.val_limit
        runners = {TRIED: job.target.open(product.artefact, threads)}
        if self.reference is None:
            runners[FLOAT] = job.detector.open(threads, job.target.name)
        found = run_over(
            job.detector.family, runners, self.dataset, limit=limit, progress=job.progress, finite=(FLOAT,)
        )
        sides = found.sides
        scores = {name: side.accuracy for name, side in sides.items()}
        points = {name: score.figures()[headline(job.detector.family.task)] for name, score in scores.items() if score}
        if self.reference is None:
            self.reference = points[FLOAT]
        return self.reference - points[TRIED], sides[TRIED].inference_ms


def _given(thing: tuple[str, str], bits: int | None) -> Given:
    return Given(name=thing[1], is_weight=thing[0] == "weight", bits=bits, loss=0.0, weights=0, size_bytes=0.0)


def _told(job: Job, begun: Begun, meter: _Meter, found: Reached) -> Searched:
    """What came out, with what there is to say about it."""
    kept = meter.kept
    assert kept is not None and kept.chosen == found.chosen, "what stands is the last that was good enough, or the best"
    drop, product, taken = kept.drop, kept.product, meter.tried[kept.place]
    measure = TITLES[headline(job.detector.family.task)]
    facts = {"limit": meter.limit, "measure": measure, "drop": drop, "count": len(meter.tried)}
    missed = MISSED.format(**facts, target=job.target.name, share=taken.base_percent)
    said = REACHED.format(**facts) if found.enough else missed.rstrip(".")
    choices = meter.choices(found.chosen)
    note = Note(step=STEP, stage=Stage.CHOICES, sentence=said, operators=tuple(choices))
    return Searched(
        product=replace(product, notes=(note, *product.notes)),
        widths=_widths(job, meter, found),
        recipe=recipe_of(job.recipe, choices, begun.model.reference.graph, MIXED.format(recipe=job.recipe.name)),
        tried=tuple(replace(one, taken=one is taken, best=is_best(one, meter.tried)) for one in meter.tried),
        missed=None if found.enough else missed,
    )


def is_best(one: Tried, others: list[Tried]) -> bool:
    """Whether no other model is at least as good in drop, size and zipped size, and better in one of them."""

    def merits(tried: Tried) -> tuple[float, ...]:
        return tried.drop, tried.size_bytes, tried.zipped_bytes

    mine = merits(one)
    return not any(
        all(a <= b for a, b in zip(merits(other), mine, strict=True)) and merits(other) != mine for other in others
    )


def _widths(job: Job, meter: _Meter, found: Reached) -> Widths:
    """The widths that stand: of all weights, and of activations that were changed."""

    def width(name: str, kind: str, loss: Mapping[int, float], weights: int) -> Width:
        bits = found.chosen[kind, name]
        size = 4.0 * weights if bits is None else stored_bytes(weights, bits, job.target.capability)
        return Width(
            name=name,
            is_weight=kind == "weight",
            bits=bits,
            loss=loss.get(bits, 0.0) if bits else 0.0,
            weights=weights,
            size_bytes=size,
        )

    layers = [width(one.name, "weight", one.loss, one.weights) for one in meter.table.layers]
    tensors = [
        width(one.name, "tensor", one.loss, 0)
        for one in meter.table.tensors
        if found.chosen.get(("tensor", one.name)) != meter.base.get(("tensor", one.name))
    ]
    return Widths(why=f"a drop of at most {meter.limit:g}", measure=meter.table.measure, given=(*layers, *tensors))
