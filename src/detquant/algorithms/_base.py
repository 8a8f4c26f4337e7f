"""The protocol of an algorithm, and the context that it is given besides the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

import onnx_ir as ir

from detquant.algorithms.damage import Damage
from detquant.algorithms.measurements import Measurements
from detquant.calibration import Images, QuantModel
from detquant.data import Dataset
from detquant.families import Family
from detquant.progress import Progress
from detquant.recipes import Recipe, Stage
from detquant.targets import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The context of an algorithm: facts that it may read and never changes; what it gives back is a model.

    Attributes:
        target: the place to run.
        recipe: the wish, for algorithms that plan anew.
        images: the calibration images as network inputs.
        offered: gives the first so many of all images that the data set has to calibrate with, these among them; None
            where there are no others.
        ranges: ranges of the network's inputs, as far as they are known beforehand.
        damage: what a quantised model costs on these images; None where the heads are not known.
        measurements: memory of the job for what a clock decides, to recall from and to remember in.
        store: how files begin that a step may leave for a run that goes on after an interruption, see
            `detquant.algorithms.checkpoint`; None to leave none.
        threads: number of threads of the runtime.
        executor: executor that work is spread over, or None for threads.
        progress: called with (what, done, total).
    """

    target: Target
    recipe: Recipe
    images: Images
    offered: Callable[[int], Images] | None = None
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    damage: Damage | None = None
    measurements: Measurements = field(default_factory=Measurements)
    store: Path | None = None
    threads: int = 1
    executor: Executor | None = None
    progress: Progress | None = None

    def checkpoint(self, step: str) -> Path | None:
        """The file that a step may leave, by the step's name; None where none may be left."""
        return self.store.with_name(f"{self.store.name}-{step}.npz") if self.store else None

    def up_to(self, count: int) -> Images:
        """So many images to learn from, beyond those that calibrate; all that there are where these are fewer."""
        if self.offered is None or len(self.images) >= count:
            return self.images
        return self.offered(count)

    def tick(self, what: str, done: int, total: int) -> None:
        """Tells how far an algorithm is."""
        if self.progress:
            self.progress(what, done, total)


class Algorithm(Protocol):
    """A frozen dataclass whose fields are its options.

    Attributes:
        name: key of the algorithm in `detquant.algorithms.ALGORITHMS`.
        stage: what the algorithm changes; steps are taken in this order.

    One of the stage WEIGHTS says in a class variable ``turn`` what it starts from (`Turn`). One that builds on what
    another leaves names those that will do, in ``starts_from``; one that would break what another leaves says why, by
    that one's name, in ``never_after``.
    """

    name: ClassVar[str]
    stage: ClassVar[Stage]

    def __call__(self, qm: QuantModel, context: Context) -> QuantModel:
        """Another model; the one given is not changed.

        Weights that it changes are rounded to their grids and kept within `detquant.calibration.weight_limits`, which
        `take_steps` checks; what it has to say for the report it leaves with `QuantModel.noted`.
        """
        ...


@runtime_checkable
class LearnsFromLabels(Protocol):
    """The part of an algorithm that learns from labels where its options say so.

    Attributes:
        labels: whether they do.
    """

    labels: bool

    def require_labels(self, family: Family, model: ir.Model, dataset: Dataset) -> None:
        """Refuses before the work to learn from labels where that will not be possible; else does nothing.

        Args:
            family: the model's.
            model: the float model.
            dataset: with the model's class numbers.

        Raises:
            RecipeError: no loss is known for the model.
            CalibrationError: the labels of no image to learn from are known.
            DatasetError: what tells them cannot be read.
        """
        ...
