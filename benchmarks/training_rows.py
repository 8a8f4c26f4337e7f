"""What `training.py` measures, and the bars that it is held to; no image that is measured on is ever trained on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lowbit_rows import CIFAR20, CIFAR56, DROP, FILE, LATENCY, MOBILENET
from lowbit_rows import Case as EightBits

from detquant.algorithms import build_algorithm
from detquant.algorithms.finetune.step import Finetune
from detquant.recipes import Recipe, Stage, Step

WON = "won back, %"
"""What of refit's loss training has to give back; `DROP`, `FILE`, `LATENCY` are those of `lowbit.py`."""
FINETUNE, REFIT = "finetune", "refit"
SOLVING = Finetune.starts_from
"""Steps that training may start from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A row of the table.

    Attributes:
        model: a key of `generality.NETS`, by the name of the file.
        recipe: a recipe's name or file; `finetune` is put in where it has none, see `trained`.
        target: the runtime.
        calib: number of calibration images; None for as many as the other rows have.
        prune: share of the multiply-accumulates that are pruned first; None for none.
        minutes: how long it is trained; None for as long as the other rows.
        options: of `finetune`, besides the seed and the minutes.
        bars: what the row is held to.
    """

    model: str
    recipe: str
    target: str = "ort"
    calib: int | None = None
    prune: float | None = None
    minutes: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    bars: Mapping[str, float] = field(default_factory=dict)

    @property
    def wish(self) -> str:
        """The recipe and its options, as the table says them."""
        pruned = [] if self.prune is None else [f"prune {self.prune:g}"]
        return " ".join([self.recipe, *pruned, *(f"{name} {value}" for name, value in self.options.items())])

    @property
    def key(self) -> str:
        """What --only selects by: "yolov8-pico/w4a4", "yolov8-pico/w4a4 labels True"."""
        return f"{self.model}/{self.wish}/{self.target}"

    @property
    def eight(self) -> EightBits:
        """The 8-bit files that size and latency are compared with."""
        return EightBits(model=self.model, recipe="w8a8", target=self.target)

    def selected(self, only: Iterable[str]) -> bool:
        """Whether one of these names is the beginning of the key, up to a slash; without any, all are selected."""
        return not only or any(f"{self.key}/".startswith(f"{one.rstrip('/')}/") for one in only)

    def trained(self, recipe: Recipe, given: Mapping[str, Any]) -> Recipe:
        """The recipe with training at its end, and with what that starts from.

        Args:
            recipe: as it is.
            given: more options of `finetune`.
        """
        steps = [step for step in recipe.steps if step.name != FINETUNE and stage(step) < Stage.BIASES]
        if self.prune is not None:
            steps = [Step("prune", {"share": self.prune}), *steps]
        if not any(step.name in SOLVING for step in steps):
            steps.append(Step(REFIT))
        return replace(recipe, steps=(*steps, Step(FINETUNE, {**given, **self.options})))


def stage(step: Step) -> Stage:
    """When a step is taken."""
    return build_algorithm(step.name, step.options).stage


PICO = "yolov8-pico"
LABELS = {"labels": True}
LOW: Mapping[str, float] = {"w4a4": 3.0, "w3a8": 2.0, "w2a8": 5.0}
"""What the embedded detector may lose, by recipe."""
HALF = 50.0
CASES: tuple[Case, ...] = (
    *(Case(model=PICO, recipe=recipe, bars={WON: HALF, DROP: drop}) for recipe, drop in LOW.items()),
    *(Case(model=PICO, recipe=recipe, options=LABELS, bars={DROP: drop}) for recipe, drop in LOW.items()),
    *(
        Case(model=model, recipe=recipe, calib=500, bars={DROP: drop})
        for recipe, drop in (("w4a4", 1.0), ("w2a4", 6.0))
        for model in (CIFAR20, CIFAR56)
    ),
    Case(model=MOBILENET, recipe="w4a8", bars={DROP: 1.0}),
    Case(model="yolov8n", recipe="w8a8-pow2", bars={DROP: 0.7}),
    *(
        Case(model=model, recipe="w8a8", target=target, prune=0.3, bars={DROP: drop, LATENCY: 0.8})
        for model, drop in ((PICO, 2.0), (CIFAR56, 1.0))
        for target in ("ort", "openvino")
    ),
    Case(model="yolov8n", recipe="w8a8", prune=0.1, minutes=30),
    *(
        Case(model=model, recipe="cluster16-w8a8", bars={DROP: 0.5, FILE: 0.55, LATENCY: 1.02})
        for model in (PICO, MOBILENET)
    ),
)
"""The rows, in the order of the table."""
