"""Several models, or one in several forms, measured beside each other."""

from __future__ import annotations

from detquant.report.sheets._base import MEASURES, UNKNOWN, Figures, Sheet
from detquant.report.sheets.numbers import kilobytes, megabytes, milliseconds, threads


def benchmark(figures: Figures) -> Sheet:
    """Models side by side."""
    rows = [
        (
            one["model"],
            one["target"],
            milliseconds(one["latency_ms"]),
            milliseconds(one["p10_ms"]),
            milliseconds(one["p90_ms"]),
            f"{one['ratio']:.2f}",
            megabytes(one["size_bytes"]),
        )
        for one in figures["models"]
    ]
    title = f"Inference, {figures['runs']} runs of each in turn, {threads(figures['threads'])}"
    return Sheet(title, ("model", "on", "median", "p10", "p90", "ratio", "size"), rows)


def demo(figures: Figures) -> Sheet:
    """The demo's models; one that could not be made has a row that says why."""
    rows = []
    for one in figures["rows"]:
        if one["failure"]:
            rows.append((f"{one['title']}: {one['failure']}", *[UNKNOWN] * 5))
            continue
        accuracy = f"{one['ap']:.2f}", f"{one['ap50']:.2f}"
        time = milliseconds(one["latency_ms"]), f"{one['ratio']:.2f}×"
        rows.append((one["title"], *accuracy, *time, kilobytes(one["size_bytes"])))
    images = f"{figures['images']} images of {figures['data']}"
    title = f"{figures['model']}: {images}, {threads(figures['threads'])}, taking turns"
    return Sheet(title, ("model", "AP", "AP50", "latency", "to float", "size"), rows)


def choice(figures: Figures) -> Sheet:
    """What runs on this machine, the fastest first; the rows that nothing beats in everything are marked."""
    label = MEASURES.get(figures["measure"], "agreement")
    ordered = sorted(figures["rows"], key=lambda row: row["latency_ms"])
    rows = [
        (
            f"{one['target']} {one['precision']}",
            f"{one[figures['measure']]:.2f}",
            milliseconds(one["latency_ms"]),
            megabytes(one["size_bytes"]),
            "best" if one["best"] else "",
        )
        for one in ordered
    ]
    title = f"{figures['model']}: {figures['images']} images of {figures['data']}, {threads(figures['threads'])}"
    return Sheet(title, ("", label, "latency", "size", ""), rows)


def workflow(figures: Figures, model: Figures) -> Sheet:
    """One model of a workflow in each precision; the first is what the others are compared with."""
    known = [key for key in (*MEASURES, "agreement") if model["rows"][0].get(key) is not None]
    rows = [
        (
            one["precision"],
            *(f"{one[key]:.2f}" for key in known),
            milliseconds(one["latency_ms"]),
            f"{one['ratio']:.2f}×",
            megabytes(one["size_bytes"]),
        )
        for one in model["rows"]
    ]
    title = f"{model['model']} on {figures['target']}: {model['images']} images of {figures['data']}"
    header = (*(MEASURES.get(key, "agreement, %") for key in known), "latency", "to the first", "size")
    return Sheet(f"{title}, {threads(figures['threads'])}", ("", *header), rows)
