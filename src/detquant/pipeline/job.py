"""Calibration and a recipe's steps: from a float model to a quantised one, before anything is measured."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import onnx_ir as ir

from detquant.algorithms import (
    Algorithm,
    Context,
    Damage,
    LearnsFromLabels,
    Measurements,
    build_steps,
    take_steps,
)
from detquant.algorithms.own_training import OwnTraining, Train
from detquant.algorithms.replan import with_choices
from detquant.calibration import (
    Collector,
    Images,
    Note,
    QuantModel,
    Statistics,
    calibrate,
    informativeness,
    most_informative,
    statistics_key,
)
from detquant.calibration.even_channels import with_even_channels
from detquant.data import Dataset, Skip
from detquant.errors import RecipeError
from detquant.graph import OrtRunner
from detquant.pipeline.calibration_images import at_places, choose_images, more_images, require_labels, stream
from detquant.pipeline.decisions import Decisions
from detquant.pipeline.detector import Detector
from detquant.pipeline.float_widths import said_of_float_widths
from detquant.pipeline.input_objects import InputObjects
from detquant.pipeline.memory import peak_rss_mb, remembered
from detquant.pipeline.prepared import prepared
from detquant.pipeline.storage import said_of_storage
from detquant.progress import Progress
from detquant.recipes import Choice, Plan, Recipe, Stage, plan
from detquant.spread import processors
from detquant.targets import Target

FEEDS = 8
"""Number of images that algorithms look at, of the informative ones; see `detquant.calibration.informativeness`."""
EVEN = "even channels: {} SiLUs became two convolutions each, since no one grid could hold their channels"
CONVERGED = "calibration ended after {} of {} images, since ranges were known to {:.1%} of their width"

SEEN = (
    "labels: {} images are measured on and may be learnt from, too, so the figures tell what was seen and not what was "
    "learnt: give a data set with a train split"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The quantised model of a job, and what it took."""

    model: QuantModel
    context: Context
    skipped: tuple[Skip, ...]
    images: int
    seconds: float
    peak_rss_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A job whose plan is decided, and which can be finished, as it is or with other widths.

    Attributes:
        model: the model, calibrated, after the steps of the stages GRAPH and CHOICES.
        context: the context of the steps.
        steps: the steps that are left.
        skipped: calibration images that could not be read.
        images: how many calibration images were looked at.
        key: digest of all that the calibration depends on.
        started: when the job was begun, by `time.perf_counter`.
    """

    model: QuantModel
    context: Context
    steps: tuple[Algorithm, ...]
    skipped: tuple[Skip, ...]
    images: int
    key: str
    started: float

    def finished(self, choices: Mapping[str, Choice] | None = None) -> Made:
        """The model after all steps.

        Args:
            choices: what single operators are given, in place of what the recipe or a step has chosen.

        Raises:
            RecipeError: nothing would be left in integers.
        """
        qm = with_choices(self.model, choices, self.context) if choices else self.model
        qm = take_steps(qm, self.steps, self.context)
        facts = self.context.target.capability
        stored = (Note(step="storage", sentence=one) for one in said_of_storage(qm, facts))
        wide = (Note(step="widths", sentence=one) for one in said_of_float_widths(qm.reference.graph, qm.plan, facts))
        return Made(
            model=replace(qm, notes=(*qm.notes, *stored, *wide)),
            context=self.context,
            skipped=self.skipped,
            images=self.images,
            seconds=round(time.perf_counter() - self.started, 3),
            peak_rss_mb=round(peak_rss_mb(), 1),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Calibration and the recipe's steps, without measuring the result.

    Attributes:
        detector: the float model.
        dataset: gives the calibration images.
        recipe: the wish.
        target: the place to run.
        calib: number of calibration images at most, see `Recipe.range_tolerance`.
        work: where statistics are kept, or None.
        decisions: decisions of an earlier run, to be taken again; None to take those of this machine, or measure.
        executor: executor that images and searches are spread over, or None for threads; results do not depend on it.
        progress: called with (what, done, total).
        looks: whether a search will look at images, even where no step does.
        train: a training loop of the user's own, which the model is handed to after all steps; see `OwnTraining`.

    Raises:
        TargetError: the place takes no integer model.
        RecipeError: a step asks for labels, and no loss is known for the model.
        CalibrationError: a step asks for labels, and those of no calibration image are known.
    """

    detector: Detector
    dataset: Dataset
    recipe: Recipe
    target: Target
    calib: int = 128
    work: Path | None = None
    decisions: Decisions | None = None
    executor: Executor | None = None
    progress: Progress | None = None
    looks: bool = False
    train: Train | None = None

    def __post_init__(self) -> None:
        if self.recipe.precision is None:
            self.target.require_integers()
        else:
            self.target.require(self.recipe.precision)
        require_labels(self.detector, self.dataset, self.recipe)

    def run(self) -> Made:
        """Plans, calibrates, and takes the steps in order.

        Raises:
            RecipeError: the decisions given are not about this model.
        """
        with self.begun() as begun:
            return begun.finished()

    @contextmanager
    def begun(self) -> Iterator[Begun]:
        """Plans, calibrates, and takes the steps until the plan is decided; a search goes on from there many times.

        What was measured is remembered when the block ends well.

        Raises:
            RecipeError: the decisions given are not about this model.
        """
        started, threads = time.perf_counter(), processors()
        steps = build_steps(self.recipe)
        own = (OwnTraining(train=self.train),) if self.train else ()
        model, uneven = self._rewritten(threads)
        ranges = self.detector.ranges
        decided = plan(model, self.recipe, self.target.capability, ranges=ranges)
        skipped: list[Skip] = []
        paths = choose_images(self.dataset, self.calib, skipped) if decided.owned or steps or self.looks else []
        with remembered(self.work, self._key(paths), self.target.package) as memory:
            measurements = Measurements(self._decided(memory.decisions, {node.name or "" for node in model.graph}))
            statistics = self._statistics(model, decided, paths, memory.statistics)
            looked_at = most_informative(statistics.informativeness, FEEDS) or range(min(FEEDS, len(paths)))
            images = self._images(paths, looked_at)
            context = Context(
                target=self.target,
                recipe=self.recipe,
                images=images,
                offered=lambda count: self._images(more_images(self.dataset, paths, count), looked_at),
                ranges=ranges,
                damage=self._damage(model, images, threads) if steps or self.looks else None,
                measurements=measurements,
                store=memory.steps,
                threads=threads,
                executor=self.executor,
                progress=self.progress,
            )
            qm = calibrate(model, decided, statistics, self.target.capability)
            said = [EVEN.format(uneven)] * bool(uneven)
            if 0 < statistics.images < len(paths):
                said.append(CONVERGED.format(statistics.images, len(paths), self.recipe.range_tolerance))
            if self.dataset.overlap and any(isinstance(step, LearnsFromLabels) and step.labels for step in steps):
                said.append(SEEN.format(self.dataset.overlap))
            notes = (Note(step="calibration", stage=Stage.GRAPH, sentence=sentence) for sentence in said)
            decisive = [step for step in steps if step.stage <= Stage.CHOICES]
            first = [step for step in decisive if step.stage == Stage.GRAPH]
            qm = take_steps(replace(qm, notes=tuple(notes)), first, context)
            if qm.reference is not model:  # later steps come near to the graph that these have left
                context = replace(context, damage=self._damage(qm.reference, images, threads))
            qm = take_steps(qm, decisive[len(first) :], context)
            yield Begun(
                model=qm,
                context=context,
                steps=(*steps[len(decisive) :], *own),
                skipped=tuple(skipped),
                images=statistics.images,
                key=memory.key,
                started=started,
            )
            memory.decisions = measurements.all()

    def about(self, taken: Mapping[str, Any]) -> Decisions:
        """Decisions as ones about this job."""
        return Decisions.about(self.detector.imported.sha256, self.recipe, self.target, taken)

    def _decided(self, remembered: dict[str, Any], operators: Collection[str]) -> dict[str, Any]:
        """The decisions that are not to be measured: those given, else those that an equal run left here."""
        if self.decisions is None:
            return {} if self.about(remembered).fault(operators) else remembered
        if fault := self.decisions.fault(operators):
            raise RecipeError(f"The decisions given cannot be taken: {fault}. Give the report as it was written.")
        return dict(self.decisions.taken)

    def _rewritten(self, threads: int) -> tuple[ir.Model, int]:
        """The float graph as the target runs it best; how many SiLUs were made even, where none can stay in float."""
        model = prepared(self.detector, self.target)
        if not self.target.capability.integer_only:
            return model, 0
        few = choose_images(self.dataset, FEEDS, [])
        return with_even_channels(model, stream(self.detector.family, few), threads)

    def _damage(self, model: ir.Model, images: Images, threads: int) -> Damage:
        """What a quantised model costs, against this float one."""
        return Damage(self.detector.family, OrtRunner(model).run, images.informative, threads, self.executor)

    def _statistics(self, model: ir.Model, decided: Plan, paths: Sequence[Path], store: Path | None) -> Statistics:
        """The statistics of the tensors that get a grid; empty where there are no images."""
        if not paths:
            return Statistics.empty()
        layers = decided.weights.keys() & set(decided.integer)
        inputs = {n.inputs[0].name or "" for n in model.graph if n.name in layers and n.inputs[0]}
        family = self.detector.family
        collector = Collector(
            model=model,
            plan=decided,
            by_channel=sorted(inputs),
            range_tolerance=self.recipe.range_tolerance,
            informativeness=lambda outputs: informativeness(family.scores(outputs)),
            threads=processors(),
            executor=self.executor,
            store=store,
            progress=self.progress,
        )
        return collector.collect(partial(at_places, family, paths), len(paths))

    def _images(self, paths: Sequence[Path], informative: Sequence[int]) -> Images:
        """Images as the steps see them."""
        family = self.detector.family
        told = self.dataset.calibration_objects if self.dataset.fitted is not None else None
        objects = InputObjects(family=family, known=told, paths=paths) if told else None
        places, feeds = range(len(paths)), partial(at_places, family, paths)
        return Images(feeds, places, informative, self._labels(paths), objects)

    def _labels(self, paths: Sequence[Path]) -> list[int | None]:
        """The class of each image by the model's numbers; none where nobody has paired the data set's with these."""
        known = self.dataset.calibration_labels if self.dataset.fitted is not None else {}
        return [known.get(path) for path in paths]

    def _key(self, paths: Sequence[Path]) -> str:
        """The key of the statistics: a digest of all that they depend on."""
        family = self.detector.family
        settings = {
            "recipe": repr(self.recipe),
            "target": self.target.name,
            "shape": [family.height, family.width],
            "form": repr(family.form),
        }
        return statistics_key(self.detector.imported.sha256, paths, settings)
