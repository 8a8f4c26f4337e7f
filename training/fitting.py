"""A training that can stop after any epoch and go on as if it had not.

AdamW; the learning rate rises in a straight line, then falls along half a cosine. Beside the weights runs their
exponential average, which is what is measured and shipped: its decay grows as DECAY * (1 - exp(-steps / TAU)), so
that the first steps are soon forgotten.
"""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from parallel import mean_gradients
from torch import Tensor, nn

DECAY, TAU = 0.999, 300.0
LAST_RATE = 0.02  # of the highest
LARGEST_GRADIENT = 10.0

Loss = Callable[[nn.Module, Any], Mapping[str, Tensor]]  # (model, batch) to parts that are added up


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How long and how fast.

    Attributes:
        epochs: all together.
        steps: of an epoch.
        rate: the highest learning rate.
        warm_up: steps until it is reached.
    """

    epochs: int
    steps: int
    rate: float
    warm_up: int

    @classmethod
    def over(cls, epochs: int, steps: int, rate: float) -> Schedule:
        """With the usual warm-up: a twentieth of all steps, 500 at most."""
        return cls(epochs=epochs, steps=steps, rate=rate, warm_up=max(1, min(500, epochs * steps // 20)))

    def rate_at(self, step: int) -> float:
        """The learning rate of a step, counted from 0 over all epochs."""
        rise = min(1.0, (step + 1) / self.warm_up)
        progress = step / (self.epochs * self.steps)
        return self.rate * rise * (LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * progress)) / 2)


class Training:
    """A model on its way: weights, their average, the optimiser, the epochs done and their log.

    Args:
        model: to train, in place.
        loss: gives the parts of a batch's loss by name.
        schedule: for all epochs.
        weight_decay: for weights of two dimensions and more; biases and BatchNorm are left alone.
    """

    def __init__(self, model: nn.Module, loss: Loss, schedule: Schedule, weight_decay: float = 0.01) -> None:
        self.model, self.average = model, copy.deepcopy(model).eval().requires_grad_(False)
        self.schedule, self._loss = schedule, loss
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        groups = [
            {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
            {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
        ]
        self._optimiser = torch.optim.AdamW(groups, lr=schedule.rate)
        self.epoch = 0
        self.log: list[dict[str, float]] = []

    def run_epoch(self, batches: Iterable[Any]) -> dict[str, float]:
        """Trains on the batches of one epoch.

        Returns:
            The epoch's number, the mean of each part of the loss, and seconds.
        """
        begin, step = time.perf_counter(), self.epoch * self.schedule.steps
        sums: dict[str, float] = {}
        self.model.train()
        for batch in batches:
            for group in self._optimiser.param_groups:
                group["lr"] = self.schedule.rate_at(step)
            parts = self._loss(self.model, batch)
            self._optimiser.zero_grad()
            sum(parts.values()).backward()
            mean_gradients(self.model)
            nn.utils.clip_grad_norm_(self.model.parameters(), LARGEST_GRADIENT)
            self._optimiser.step()
            step += 1
            self._update_average(step)
            sums = {name: sums.get(name, 0.0) + float(part.detach()) for name, part in parts.items()}
        means = {name: round(total / self.schedule.steps, 5) for name, total in sums.items()}
        row = {"epoch": self.epoch, **means, "seconds": round(time.perf_counter() - begin, 1)}
        self.epoch += 1
        self.log.append(row)
        return row

    def _update_average(self, step: int) -> None:
        decay = DECAY * (1 - math.exp(-step / TAU))
        state = self.model.state_dict()
        for name, kept in self.average.state_dict().items():
            if kept.is_floating_point():
                kept.lerp_(state[name].detach(), 1 - decay)
            else:
                kept.copy_(state[name])

    def save(self, path: Path) -> None:
        """Writes all that `load` needs; a crash leaves the old file whole."""
        content = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "epoch": self.epoch,
            "epochs": self.schedule.epochs,
            "log": self.log,
            "random": torch.get_rng_state(),
        }
        part = path.with_suffix(".part")
        torch.save(content, part)
        os.replace(part, path)

    def load(self, content: Mapping[str, Any]) -> None:
        """Goes on from what `read_checkpoint` gave."""
        self.model.load_state_dict(content["model"])
        self.average.load_state_dict(content["average"])
        self._optimiser.load_state_dict(content["optimiser"])
        self.epoch, self.log = content["epoch"], content["log"]
        torch.set_rng_state(content["random"])


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint as plain tensors and numbers; it can hold no code."""
    content: dict[str, Any] = torch.load(path, weights_only=True)
    return content


def write_log(log: list[dict[str, float]], columns: tuple[str, ...], path: Path) -> None:
    """Writes the epochs as CSV; what an epoch does not tell stays empty."""
    lines = [",".join(str(row.get(column, "")) for column in columns) for row in log]
    path.write_text("\n".join([",".join(columns), *lines]) + "\n")
