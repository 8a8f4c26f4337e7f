"""One quantisation: the model in float beside the model quantised."""

from __future__ import annotations

import math

from detquant.evaluation.agreement import SameGuess
from detquant.report.report import Report
from detquant.report.row import Row
from detquant.report.sheets._base import MEASURES, Sheet
from detquant.report.sheets.numbers import decibel, megabytes, milliseconds, plural, times
from detquant.report.untimed import untimed_at

WORST = 10


def comparison(report: Report, row: Row) -> Sheet:
    """The model in float beside one of its rows."""
    first, known = report.reference, row.accuracy or {}
    rows = [
        (label, f"{before:.2f}", f"{known[key]:.2f}", f"{known[key] - before:+.2f}")
        for key, label in MEASURES.items()
        if (before := first.value(key)) is not None and key in known
    ]
    if first.latency_ms is not None and row.latency_ms is not None and not untimed_at(row.target):
        told = milliseconds(first.latency_ms), milliseconds(row.latency_ms)
        rows.append(("latency", *told, times(row.latency_ms, first.latency_ms)))
    if first.size_bytes is not None and row.size_bytes is not None:
        told = megabytes(first.size_bytes, first.zipped_bytes), megabytes(row.size_bytes, row.zipped_bytes)
        rows.append(("size", *told, times(row.size_bytes, first.size_bytes)))
    title = f"{report.model}: {plural(report.images, 'image')}, target {row.target}"
    return Sheet(title, ("", "float", row.title, "change"), rows)


def agreement(row: Row) -> Sheet | None:
    """How far a model finds what the first one does; None where that was not measured."""
    found, title = row.agreement, "Agreement with the float model"
    if found is None:
        return None
    if isinstance(found, SameGuess):
        return Sheet(title, ("", ""), [("the same class", f"{found.percent:.2f} %")])
    rows = [
        ("F1", f"{found.percent:.2f} %"),
        ("mean IoU of the matches", f"{found.mean_iou:.4f}"),
        ("matches", str(found.matches)),
        ("objects, float", str(found.reference_boxes)),
        ("objects, quantised", str(found.candidate_boxes)),
    ]
    return Sheet(title, ("", ""), rows)


def worst_tensors(row: Row, count: int = WORST) -> Sheet | None:
    """The tensors that lost most; None where that was not measured."""
    told = row.quantization.sqnr_db if row.quantization else {}
    known = {name: math.inf if value is None else float(value) for name, value in told.items()}
    lowest = sorted(known.items(), key=lambda item: item[1])[:count]
    if not lowest:
        return None
    title = f"The {plural(len(lowest), 'tensor')} with the lowest SQNR, of {len(known):,}"
    return Sheet(title, ("tensor", "SQNR"), [(name, decibel(value)) for name, value in lowest])


def files(row: Row) -> Sheet | None:
    """The files written for the target, with what a vendor's compiler made of it; None where there are none."""
    rows = [(one.name, f"{one.size_bytes:,}", one.sha256) for one in row.files]
    return Sheet("Files", ("file", "bytes", "sha256"), rows, False) if rows else None
