"""Which calibration images layers are solved on."""

from __future__ import annotations

from detquant.calibration import Images
from detquant.errors import CalibrationError

FEWEST = 4
"""Images: of two, each half would be one."""


def images_to_solve_on(images: Images, step: str, most: int) -> Images:
    """The first images, as many as are wanted.

    Args:
        images: all of them.
        step: name of the step that solves layers, for messages.
        most: how many are looked at, at most.

    Raises:
        CalibrationError: there are too few.
    """
    found = images.part(range(min(most, len(images))))
    if len(found) < FEWEST:
        raise CalibrationError(
            f"The step '{step}' has {len(found)} calibration images, and solves layers on {FEWEST} at least: give "
            f"more of them, 64 or so, or leave the step out of the recipe."
        )
    return found
