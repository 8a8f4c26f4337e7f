"""What one model finds in images, and how often it is right."""

from __future__ import annotations

from collections import Counter

from detquant.report.sheets._base import MEASURES, UNKNOWN, Figures, Sheet
from detquant.report.sheets.numbers import milliseconds, plural

WORST = 10
MANY_CLASSES = 100


def evaluation(figures: Figures) -> Sheet:
    """The accuracy and latency of one model."""
    rows = [
        (label, UNKNOWN if figures[key] is None else f"{figures[key]:.2f}")
        for key, label in MEASURES.items()
        if key in figures
    ]
    if figures["task"] == "detect":
        rows.append(("objects found", str(figures["objects"])))
    rows += [(stage, milliseconds(value)) for stage, value in figures["stages_ms"].items()]
    title = f"{figures['model']}: {plural(figures['images'], 'image')}, on {figures['target']}"
    return Sheet(title, ("", figures["family"]), rows)


def per_class(figures: Figures) -> Sheet | None:
    """The first measure of each class, the best first; None where nothing is known."""
    known = figures.get("per_class")
    if not known:
        return None
    ordered = sorted(known.items(), key=lambda item: -item[1])
    label = next(label for key, label in MEASURES.items() if key in figures)
    title = f"{label} of each class"
    if len(ordered) > MANY_CLASSES:
        title = f"The {WORST} classes with the lowest {label}, of {len(ordered)}"
        ordered = ordered[: -WORST - 1 : -1]
    return Sheet(title, ("class", label), [(name, f"{value:.2f}") for name, value in ordered])


def predictions(figures: Figures) -> Sheet:
    """The objects that were found in each image."""
    rows = []
    for one in figures["images"]:
        counts = Counter(found["class"] for found in one["detections"])
        found = ", ".join(f"{number} {name}" for name, number in counts.most_common()) or "nothing"
        rows.append((one["image"], found, one["drawn"]))
    title = f"Objects, confidence {figures['confidence']:g}, on {figures['target']}"
    return Sheet(title, ("image", "found", "drawn"), rows, False)
