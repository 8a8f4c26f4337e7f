"""A learning curve of the embedded detector at 4 bits, trained anew and kept:  cd docs && python -m drawings.learning

Training takes minutes, so the pictures take what this has written, see `KEPT`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from detquant.calibration import Curve
from drawings.detector import IMAGES, calibrated

RECIPE, STEPS = "w4a4-finetune", 120
KEPT = Path(__file__).with_name("learning.json")


def train() -> Curve:
    """Solves and trains the detector on the grids of the recipe."""
    made = calibrated(("refit", ()), ("finetune", (("steps", STEPS),)), recipe=RECIPE)
    [curve] = [note.curve for note in made.notes if note.curve is not None]
    return curve


def keep(curve: Curve) -> None:
    """Writes the curve, with what it is of."""
    points = list(zip(curve.steps, curve.losses, strict=True))
    told = {"recipe": RECIPE, "images": IMAGES, "steps": STEPS, "points": points, "final": curve.final}
    KEPT.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def kept() -> dict[str, Any]:
    """What was kept: recipe, number of images and of steps, the points of the curve, and the loss in the end."""
    told: dict[str, Any] = json.loads(KEPT.read_text(encoding="utf-8"))
    return told


if __name__ == "__main__":
    keep(train())
    print(KEPT.name)
