"""The training: Adam along the loss, an average of its states, and images held back that judge these.

Whatever is drawn at random is drawn anew from the seed and the number of the step, so a run that goes on after an
interruption is the run that was not interrupted. By minutes the clock says how many steps there are.

Judged are the averages as a model within the target's limits, on the images as they are, with all activations rounded:
what the file would compute.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from detquant.algorithms.checkpoint import Checkpoint
from detquant.algorithms.finetune.budget import Budget, learning_rate
from detquant.algorithms.finetune.distillation import Distillation
from detquant.algorithms.finetune.learnt_grids import WeightVariable
from detquant.algorithms.finetune.oscillation import Oscillations
from detquant.algorithms.finetune.pictures import Pictures
from detquant.algorithms.finetune.settings import Settings
from detquant.algorithms.finetune.state import State
from detquant.algorithms.finetune.student import BIASES, STEPS, WEIGHTS, Student, put
from detquant.algorithms.finetune.views import Views
from detquant.calibration import QuantModel
from detquant.numerics import Capability
from detquant.numerics.arrays import Array

JUDGEMENTS = 10
"""How often a whole budget is judged."""
PATIENCE = 8
"""Judgements without a better one after which it is stopped: while rates are high, the loss may well be above that of
the start, and fall below it at the end."""
WORSE, SLOWER = 1.1, 0.5
"""A judgement that is so many times the best one says that weights move too fast: they go back to the best and on at a
share of the rates. What is solved well has little to win and is soon lost, so no rate is right for every network."""
BIAS_RATE = 0.1
"""Rate of biases, in units of what the layer's output varies, as a share of that of steps."""
Told = Callable[[int, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One judgement.

    Attributes:
        step: steps that were done.
        loss: on the images held back; 1 at the start.
    """

    step: int
    loss: float


class Training:
    """The training of one network.

    Args:
        student: the network.
        loss: the loss, whose start is known.
        settings: how it is done.
        budget: how long.
        learns: images to learn from.
        judges: images held back.
        capability: the target's facts.
        checkpoint: what an equal run has left, and where this one leaves its state.
    """

    def __init__(
        self,
        student: Student,
        loss: Distillation,
        settings: Settings,
        budget: Budget,
        learns: Pictures,
        judges: Pictures,
        capability: Capability,
        checkpoint: Checkpoint,
    ) -> None:
        self.student, self.loss, self.settings, self.budget = student, loss, settings, budget
        self.learns, self.capability, self.checkpoint = learns, capability, checkpoint
        self.judges, self.judged_by = judges.first(len(judges)), judges.labels
        self.views = Views.of(learns[k] for k in range(len(learns)))
        rates = {WEIGHTS: settings.lr, STEPS: settings.step_lr, BIASES: settings.step_lr * BIAS_RATE}
        self.state = State([(variables, rates[kind]) for kind, variables in student.groups().items()], settings.ema)
        self.swings = Oscillations([w for w in student.weights if isinstance(w, WeightVariable)], settings.swings)
        self.curve = [Judged(step=0, loss=1.0)]
        self.pace, self.over = 1.0, False

    @property
    def best(self) -> Judged:
        """The best judgement."""
        return min(self.curve, key=lambda judged: judged.loss)

    def run(self, told: Told) -> None:
        """Trains until the budget is spent, or nothing has been better for long.

        Args:
            told: called with the number of steps done and the share of the budget that is spent.
        """
        self._go_on()
        while not self.over:
            share = self.budget.share()
            finite = self._step(share)
            self.budget.done = self.state.done
            share = self.budget.share()
            told(self.state.done, share)
            if not finite or share >= len(self.curve) / JUDGEMENTS or share >= 1.0:
                self._judge()
                stale = sum(one.step > self.best.step for one in self.curve) >= PATIENCE
                self.over = not finite or share >= 1.0 or stale
            self.checkpoint.keep(self._arrays(), now=self.over)
        self.state.show(self.state.best)

    def _step(self, share: float) -> bool:
        """One step; whether its loss was a number."""
        place, device = self.state.done, self.judges[0].device
        random = torch.Generator().manual_seed(self.settings.seed * 1_000_003 + place)
        dropped = torch.Generator(device).manual_seed(self.settings.seed * 1_000_003 + place)
        chosen = self._chosen(place)
        views = [self.views.view(self.learns[k], self.learns.labels[k], random) for k in chosen]
        images, labels = [image for image, _ in views], [label for _, label in views]
        stacked = self.student.network.stacked
        parts, truths = ([torch.cat(images)], [labels]) if stacked else (images, [[one] for one in labels])
        functions = self.student.dropping(self.settings.drop, dropped)
        self.state.adam.zero_grad()
        total = 0.0
        for part, truth in zip(parts, truths, strict=True):
            with torch.autocast(part.device.type, torch.bfloat16, enabled=self.settings.precision == "bf16"):
                terms = self.loss.terms(functions, part, truth)
            loss = self.loss.total(terms) * (len(part) / len(images))
            loss.backward()
            total += float(loss.detach())
        if math.isfinite(total):
            self.state.move(self.pace * learning_rate(share, self.settings.warmup), self.settings.clip)
            self.swings.hold(share)
        return math.isfinite(total)

    def _chosen(self, step: int) -> list[int]:
        """The images of a step: all of them come before one comes again."""
        count, found = len(self.learns), list[int]()
        for place in range(step * self.settings.batch, (step + 1) * self.settings.batch):
            epoch, k = divmod(place, count)
            order = torch.randperm(count, generator=torch.Generator().manual_seed(self.settings.seed * 7_919 + epoch))
            found.append(int(order[k]))
        return found

    def _judge(self) -> None:
        before = self.state.show(self.state.mean)
        found = self.judged(self.model())
        self.state.show(before)
        if found < self.best.loss:
            self.state.keep_best()
        elif not found <= WORSE * self.best.loss:
            self.state.go_back()
            self.swings.forget()
            self.pace *= SLOWER
        self.curve.append(Judged(step=self.state.done, loss=found))

    def judged(self, qm: QuantModel) -> float:
        """The loss of a model on the images held back; infinite where it is none."""
        terms = self.loss.mean_terms(put(self.student.network, qm), self.judges, self.judged_by)
        found = float(self.loss.total({name: torch.tensor(term) for name, term in terms.items()}))
        return found if math.isfinite(found) else math.inf

    def model(self) -> QuantModel:
        """The variables as they are now, as a model."""
        return self.student.model(self.capability)

    def _arrays(self) -> dict[str, Array]:
        curve = np.array([[one.step, one.loss] for one in self.curve], np.float64)
        facts = {"curve": curve, "spent": np.array(self.budget.elapsed), "over": np.array(self.over)}
        return {**self.state.arrays(), **self.swings.arrays(), **facts, "pace": np.array(self.pace)}

    def _go_on(self) -> None:
        """Takes over what an equal run has left."""
        arrays = self.checkpoint.load()
        if not arrays:
            return
        self.state.load(arrays)
        self.swings.load(arrays)
        self.curve = [Judged(step=int(step), loss=float(loss)) for step, loss in arrays["curve"]]
        self.pace, self.over = float(arrays["pace"]), bool(arrays["over"])
        self.budget.goes_on_from(self.state.done, float(arrays["spent"]))
