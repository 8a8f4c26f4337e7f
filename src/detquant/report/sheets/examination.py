"""What the doctor tried, and what the model found so."""

from __future__ import annotations

from detquant.report.sheets._base import UNKNOWN, Figures, Sheet
from detquant.report.sheets.numbers import plural


def examination(figures: Figures) -> Sheet | None:
    """The ways to read a model, the best first; None where nothing could be compared."""
    if not figures["findings"]:
        return None
    rows = [
        (
            one["reads"] or f"as now: {figures['reading']}",
            *(UNKNOWN if one[key] is None else f"{one[key]:.2f}" for key in ("ap50", "ap")),
            str(one["objects"]),
        )
        for one in figures["findings"]
    ]
    images, ways = plural(figures["images"], "image"), plural(figures["tried"], "way")
    title = f"{figures['model']}: {images} of {figures['data']}, read in {ways}"
    return Sheet(title, ("read as", "AP50", "AP", "objects found"), rows)
