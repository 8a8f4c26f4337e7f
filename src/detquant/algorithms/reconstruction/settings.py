"""What the algorithms that learn rounding have in common: their settings, and how many images they take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from detquant.calibration import Images
from detquant.errors import CalibrationError, MissingExtra

FEWEST = 8
"""Images below which what is learnt is what these show."""
HELD_BACK = 4
"""One image in so many is held back to judge by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a net is reconstructed.

    Attributes:
        step: name of the algorithm, for messages.
        layers: how many of them are reconstructed together at most; 0 for each by itself.
        images: how many images are looked at, at most.
        iterations: how often each unit's variables are moved, at most.
        batch: places of the output that are looked at each time.
        lr: how far Adam moves variables each time.
        regularisation: weight of the regulariser, beside the error as a share of that at the start.
        warmup: share of the iterations in which it is off.
        drop: probability that a number of an activation is not rounded.
        biases: whether biases are learnt too.
        activation_steps: whether the steps of activations are learnt too.
        seed: of what is drawn.
    """

    step: str
    layers: int
    images: int
    iterations: int
    batch: int
    lr: float
    regularisation: float
    warmup: float
    drop: float
    biases: bool
    activation_steps: bool
    seed: int


NEVER_AFTER: Mapping[str, str] = {
    "cluster": "it cannot keep the few codes that layers have then; leave one of the two out, or let 'refit' or "
    "'finetune' follow, which keep them"
}
"""Steps that learnt rounding would undo, and why."""


def require_torch() -> None:
    """Refuses to go on without torch.

    Raises:
        MissingExtra: it is not installed.
    """
    if find_spec("torch") is None:
        raise MissingExtra("PyTorch", "torch")


def chosen_images(images: Images, step: str, most: int) -> Images:
    """The images that are looked at, evenly spread over all.

    Args:
        images: all of them.
        step: name of the algorithm, for messages.
        most: how many are looked at, at most.

    Raises:
        CalibrationError: there are too few.
    """
    count = min(len(images), most)
    if count < FEWEST:
        given = f"images = {most}" if most < FEWEST else f"{len(images)} calibration images"
        raise CalibrationError(
            f"The step '{step}' was given {given}, and needs {FEWEST} at least: of fewer it learns what they "
            f"show and no more. Give it more, or leave it out of the recipe."
        )
    return spread(images, most)


def spread(images: Images, most: int) -> Images:
    """So many images at most, evenly spread over all."""
    count = min(len(images), most)
    return images.part([k * len(images) // count for k in range(count)])


def held_back(count: int, every: int = HELD_BACK) -> tuple[list[int], list[int]]:
    """The places of the images to learn from, and of those to judge by: one in so many."""
    kept = list(range(every - 1, count, every))
    return [k for k in range(count) if k not in kept], kept
