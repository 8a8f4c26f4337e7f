"""One quantisation: the model in float beside the model quantised."""

from __future__ import annotations

import math

from detquant.report.sheets._base import MEASURES, Figures, Sheet
from detquant.report.sheets.numbers import decibel, megabytes, milliseconds, times

WORST = 10


def comparison(report: Figures) -> Sheet:
    """Float beside quantised."""
    before, after = report["float"], report["quantized"]
    rows = [
        (label, f"{before[key]:.2f}", f"{after[key]:.2f}", f"{after[key] - before[key]:+.2f}")
        for key, label in MEASURES.items()
        if before.get(key) is not None
    ]
    for label, key, show in (("latency", "latency_ms", milliseconds), ("size", "size_bytes", megabytes)):
        rows.append((label, show(before[key]), show(after[key]), times(after[key], before[key])))
    title = f"{report['model']}: {report['images']} images, target {report['target']}"
    return Sheet(title, ("", "float", str(report["recipe"]), "change"), rows)


def agreement(report: Figures) -> Sheet | None:
    """How far both models find the same objects; None where that was not measured."""
    found = report.get("agreement")
    if not found:
        return None
    if "top1" in found:
        return Sheet("Agreement with the float model", ("", ""), [("the same class", f"{found['top1']:.2f} %")])
    rows = [
        ("F1", f"{100 * found['f1']:.2f} %"),
        ("mean IoU of the matches", f"{found['mean_iou']:.4f}"),
        ("matches", str(found["matches"])),
        ("objects, float", str(found["reference_boxes"])),
        ("objects, quantised", str(found["candidate_boxes"])),
    ]
    return Sheet("Agreement with the float model", ("", ""), rows)


def worst_tensors(report: Figures, count: int = WORST) -> Sheet | None:
    """The tensors that lost most; None where that was not measured."""
    known = {name: _number(value) for name, value in (report.get("sqnr_db") or {}).items()}
    lowest = sorted(known.items(), key=lambda item: item[1])[:count]
    if not lowest:
        return None
    title = f"The {len(lowest)} tensors with the lowest SQNR, of {len(known)}"
    return Sheet(title, ("tensor", "SQNR"), [(name, decibel(value)) for name, value in lowest])


def files(report: Figures) -> Sheet | None:
    """What was written for the target, with what a vendor's compiler made of it; None where that is not known."""
    rows = [(one["file"], f"{one['size_bytes']:,}", one["sha256"]) for one in report.get("files", ())]
    return Sheet("Files", ("file", "bytes", "sha256"), rows, False) if rows else None


def _number(value: float | None) -> float:
    return math.inf if value is None else float(value)
