"""The state of a training between two steps, as arrays: variables, their means, Adam's moments, and the best so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn

from detquant.numerics.arrays import Array

MOMENTS = {"first": "exp_avg", "second": "exp_avg_sq"}
FEWEST = 10.0
"""The mean over earlier states takes in so many quickly, since the first ones are of a network that is not trained."""


class State:
    """Variables and what is kept beside them.

    Attributes:
        adam: the optimiser.
        mean: exponential moving average of each variable.
        best: that average when it was judged best.
        done: steps that are done.

    Args:
        groups: variables and their highest rates.
        ema: how much of the average stays with each step.
    """

    def __init__(self, groups: Sequence[tuple[list[nn.Parameter], float]], ema: float) -> None:
        self._ema = ema
        self.variables = [one for variables, _ in groups for one in variables]
        self.adam = torch.optim.Adam([{"params": variables, "lr": rate} for variables, rate in groups if variables])
        self._rates = [rate for variables, rate in groups if variables]
        self.mean = [one.detach().clone() for one in self.variables]
        self.best = [one.detach().clone() for one in self.variables]
        self.done = 0

    def move(self, rate: float, clip: float) -> None:
        """One step along the gradients, at a share of the highest rates.

        Args:
            rate: the share.
            clip: largest norm of the gradient.
        """
        torch.nn.utils.clip_grad_norm_(self.variables, clip)
        for group, highest in zip(self.adam.param_groups, self._rates, strict=True):
            group["lr"] = rate * highest
        self.adam.step()
        self.done += 1
        kept = min(self._ema, (1.0 + self.done) / (FEWEST + self.done))
        with torch.no_grad():
            for mean, variable in zip(self.mean, self.variables, strict=True):
                mean.lerp_(variable, 1.0 - kept)

    def show(self, numbers: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Gives the variables other numbers; returns those that they had."""
        with torch.no_grad():
            before = [variable.detach().clone() for variable in self.variables]
            for variable, number in zip(self.variables, numbers, strict=True):
                variable.copy_(number)
        return before

    def keep_best(self) -> None:
        """Takes the averages as they are now for the best."""
        self.best = [mean.clone() for mean in self.mean]

    def go_back(self) -> None:
        """Makes the best averages the variables and the averages, and stands still there: the way there led too far."""
        self.show(self.best)
        self.mean = [best.clone() for best in self.best]
        for moments in self.adam.state.values():
            moments["exp_avg"].zero_()

    def arrays(self) -> dict[str, Array]:
        """All of it, by name."""
        found: dict[str, Array] = {"done": np.array(self.done)}
        for k, variable in enumerate(self.variables):
            kept = {"variable": variable.detach(), "mean": self.mean[k], "best": self.best[k]}
            moments = self.adam.state.get(variable, {})
            kept |= {name: moments[key] for name, key in MOMENTS.items() if key in moments}
            found |= {f"{name}:{k}": tensor.cpu().numpy() for name, tensor in kept.items()}
        return found

    def load(self, arrays: Mapping[str, Array]) -> None:
        """Goes on from such arrays."""
        self.done = int(arrays["done"])
        with torch.no_grad():
            for k, variable in enumerate(self.variables):
                for name, tensor in (("variable", variable), ("mean", self.mean[k]), ("best", self.best[k])):
                    tensor.copy_(_tensor(arrays[f"{name}:{k}"]))
                if f"first:{k}" in arrays:
                    moments = {key: _tensor(arrays[f"{name}:{k}"]).to(variable) for name, key in MOMENTS.items()}
                    self.adam.state[variable] = {"step": torch.tensor(float(self.done)), **moments}


def _tensor(array: Array) -> torch.Tensor:
    return torch.from_numpy(np.array(array, np.float32))
