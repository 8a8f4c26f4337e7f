"""What the values of an output show of how it is meant, whatever the picture.

The middle of a decoded box is near its cell, so over all cells it rises with the place of the cell, by 1 where boxes
are in pixels and by 1 / side where they are in parts of the input. Read in another form, what is taken for the middle
rises by something else, or strays further from its cell: a left edge by half of the width. Where the last two numbers
rise as the first two do, they are a corner and no size. Numbers relative to the cell do not rise at all. So one picture
of noise tells; a word is given only where that is plain, and a straight line explains most of what there is.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from detquant.families.box_coding import PLAIN
from detquant.families.reading import Reading
from detquant.numerics.arrays import Floats

PLAIN_RISE, NO_RISE = 0.8, 0.3
"""Correlation with the place of the cell that shows that a number rises with it, and that shows that it does not."""
MUCH = 1.4
"""How many times as far, squared, middles stray in a form that is not meant; twice, where sides differ by chance."""
OF_ONE = (0.5, 1.5)
"""Bounds of a slope, relative to the expected one, within which it counts as that one."""
LARGEST_PART = 2.0
"""Largest coordinate in parts of a side; boxes may stick out of the picture."""
LONGEST_DISTANCE = 64.0  # cells; distributions over distances have 16 bins as a rule
OUTSIDE = 0.01
"""How far a probability may be off 0 to 1 by rounding."""
BOX = 4
NO_SCORE = 100.0
"""Number above which there are no logits of classes, but places of key points."""


def told_by_values(matrix: Floats, place: Floats | None, usual: Reading, size: tuple[int, int]) -> Reading:
    """The words that the values show; kinds of which they show nothing are left out.

    Args:
        matrix: the output [rows, values], the box first.
        place: middle of each row's cell in pixels of the input [rows, 2]; None where rows have no cells.
        usual: the family's own words.
        size: width and height of the input, pixels.
    """
    if not len(matrix) or not np.isfinite(matrix).all():
        return {}
    box, scores = matrix[:, :BOX].astype(np.float64), matrix[:, BOX:]
    shown = dict(_unit_by_size(box)) if place is None else dict(_coding(box, place, usual, size))
    if (word := scores_by_values(scores)) != usual.get("scores", word):
        shown["scores"] = word
    return shown


def scores_by_values(scores: Floats) -> str:
    """The word for what scores are: chances lie within 0 and 1."""
    within = bool(((scores >= -OUTSIDE) & (scores <= 1 + OUTSIDE)).all())
    return "chances" if within else "logits"


def _unit_by_size(box: npt.NDArray[np.float64]) -> Reading:
    """Where no cells are known, the largest coordinate tells; zeros are rows that hold nothing."""
    largest = float(np.abs(box).max())
    if not largest:
        return {}
    return {"unit": "parts" if largest <= LARGEST_PART else "pixels"}


def _coding(box: npt.NDArray[np.float64], place: Floats, usual: Reading, size: tuple[int, int]) -> Reading:
    numbers = box.astype(np.float32)
    forms = {word: one for word in PLAIN if (one := _form(PLAIN[word](numbers), place, size)) is not None}
    if forms:
        own = usual["boxes"] if usual["boxes"] in PLAIN else "cxcywh"
        word = _nearest(forms, own, corner=_form(numbers[:, [2, 3, 2, 3]], place, size))
        return {"boxes": word, "unit": forms[word][0]}
    rises = [line(box[:, column], place[:, column % 2])[0] for column in range(BOX)]
    if any(abs(correlation) > NO_RISE for correlation in rises) or usual["boxes"] == "grid":
        return {}
    distances = box.min() >= 0 and LARGEST_PART < box.max() <= LONGEST_DISTANCE
    return {"boxes": "ltrb"} if distances else {}


def _form(corners: Floats, place: Floats, size: tuple[int, int]) -> tuple[str, float] | None:
    """The unit of boxes, and how far their middles stray from their cells; None where they do not rise with these."""
    middle = (corners[:, :2].astype(np.float64) + corners[:, 2:]) / 2
    lines = [line(middle[:, axis], place[:, axis]) for axis in (0, 1)]
    unit = _unit([slope for _, slope in lines], size)
    least = min(correlation for correlation, _ in lines)
    return (unit, 1 / least**2 - 1) if unit is not None and least > PLAIN_RISE else None


def _nearest(forms: Mapping[str, tuple[str, float]], own: str, corner: tuple[str, float] | None) -> str:
    """The form whose middles stray least; the family's own, and corners where two pairs rise, unless that is plain."""
    best = min(forms, key=lambda word: forms[word][1])
    likely = "xyxy" if corner is not None and "xyxy" in forms else own if own in forms else "cxcywh"
    plain = likely not in forms or forms[likely][1] > MUCH * forms[best][1]
    return best if plain else likely


def _unit(slopes: list[float], size: tuple[int, int]) -> str | None:
    least, most = OF_ONE
    if all(least < slope < most for slope in slopes):
        return "pixels"
    if all(least < slope * side < most for slope, side in zip(slopes, size, strict=True)):
        return "parts"
    return None


def line(values: npt.NDArray[np.float64], place: Floats) -> tuple[float, float]:
    """Correlation with the place, and slope; 0 for what does not change."""
    y, x = values - values.mean(), place - place.mean()
    spread = float(np.sqrt((y @ y) * (x @ x)))
    if not spread:
        return 0.0, 0.0
    return float(y @ x) / spread, float(y @ x) / float(x @ x)
