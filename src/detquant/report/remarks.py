"""Remarks below the tables, one sentence each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from detquant.evaluation.thresholds import Thresholds
from detquant.report.evidence import Evidence
from detquant.report.report import GUARD, RUNTIME, Picture, Report, other_notes, sentences, skip_figures
from detquant.report.row import AGREEMENT, Row
from detquant.report.sheets import integer_share, threads
from detquant.report.sheets.numbers import plural
from detquant.report.untimed import ratio_of

SHOWN = 5
HALF = 0.5
"""Share of the float model's figure below which a quantised one has lost too much to be used as it is."""
USELESS = (
    "The quantised model keeps {kept:.0f} % of the float model's {what} ({after:.2f} of {before:.2f}): it is of no use "
    "as it is. Give it more bits, or the steps that w8a8 has."
)
SLOWER = (
    "The quantised model takes {ratio:.2f} times as long as the float model on this machine ({threads}): use it for "
    "its size, or run the float model."
)


def remarks(row: Row) -> list[str]:
    """How much of a model runs in integers, what its runtime says, what the guard did, and what else there is to know.

    Args:
        row: row of a quantised model.
    """
    share = row.quantization.share if row.quantization else None
    said = [f"{integer_share(share)}."] if share else []
    runtime = [note for note in row.notes if note.step == RUNTIME]
    return [*said, *sentences(runtime), *row.kept_by(GUARD), *sentences(other_notes(row))]


def report_remarks(report: Report) -> list[str]:
    """Remarks on the row that a report is about, and on the comparison."""
    own = remarks(report.subject) if report.subject else ()
    return [*own, *evidence_remarks(report), *sentences(report.notes)]


def workflow_remarks(report: Report) -> list[str]:
    """Remarks on a model of a workflow; by the name of the recipe where there are several."""
    if report.subject:
        return report_remarks(report)
    made = [row for row in report.rows if row.quantization]
    by_row = [f"{row.precision}: {one}" for row in made for one in remarks(row)]
    return [*by_row, *evidence_remarks(report), *sentences(report.notes)]


def report_warnings(report: Report) -> list[str]:
    """The report's own warnings, and sentences on images that were left out."""
    return [*report.warnings, *skipped(skip_figures(report.skipped))]


def warnings(figures: Mapping[str, Any]) -> list[str]:
    """Warnings in figures that are plain values already."""
    return [*figures.get("warnings", ()), *skipped(figures.get("skipped", ()))]


def slower(report: Report) -> list[str]:
    """Which precisions of a workflow's model take longer than its first, one sentence each."""
    return [
        f"{row.precision} takes {ratio_of(row):.2f} times as long as {report.reference.precision} on this machine."
        for row in report.rows[1:]
        if (ratio := ratio_of(row)) is not None and ratio > 1
    ]


def slower_than_float(row: Row, count: int) -> list[str]:
    """A sentence that a quantised model takes longer than the float one, and what to do about it; none if it does not.

    Args:
        row: row of the quantised model.
        count: threads of the runtime.
    """
    return [SLOWER.format(ratio=row.ratio, threads=threads(count))] if row.ratio is not None and row.ratio > 1 else []


def useless(report: Report) -> list[str]:
    """That the model a report is about has lost most of what the float one finds; nothing where it has not."""
    rows = (report.reference, report.subject)
    before, after = (row.value(report.measure) if row else None for row in rows)
    if before is None or after is None or after >= HALF * before:
        return []
    what = "detections" if report.measure == AGREEMENT else "accuracy"
    return [USELESS.format(kept=100 * after / before, what=what, before=before, after=after)]


def scores_remark(found: Thresholds) -> str:
    """What a model does at the float model's threshold, and the threshold at which it sees the same."""
    here, there = found.before_at_asked, found.after_at_asked
    stood = "of the objects" if found.labelled else "of the float model's boxes"
    has = plural(there.boxes, "box", "boxes")
    begin = f"at a threshold of {found.asked:g} it has {has} and finds {there.recall:.1f} % {stood}"
    float_side = f"the float model {here.boxes} and {here.recall:.1f} %"
    if found.after_at_proposed is None:
        return f"{begin}, {float_side}; no threshold of its own makes good for it: {found.why}."
    if found.proposed == found.asked:
        return f"{begin}, {float_side}: the threshold stays."
    same, then = SAME[found.labelled, found.by], found.after_at_proposed
    has = plural(then.boxes, "box", "boxes")
    return f"{begin}, {float_side}; {same} at {then.confidence:g} ({has}, {then.recall:.1f} %)."


SAME = {
    (True, "recall"): "it has the same recall",
    (True, "f1"): "it has the same F1",
    (False, "recall"): "it has as many boxes",
    (False, "f1"): "it agrees best",
}
"""What a threshold of its own gives a quantised model, by whether objects are known and what it keeps."""


def interval_remark(found: Evidence, measure: str) -> list[str]:
    """How far the drop would be another with other images, and what such models usually lose; none where unknown."""
    between, usual = found.interval, found.usual
    if between is None:
        return []
    ends = between.low, between.high
    what, drop, low, high = (
        ("gain", -between.drop, -ends[1], -ends[0]) if between.drop < 0 else ("drop", between.drop, *ends)
    )
    said = (
        f"The {what} of {drop:z.2f} {measure} is between {low:z.2f} and {high:z.2f} with other such images "
        f"({between.level:g} % of {plural(between.resamples, 'resample')} of {plural(between.images, 'image')})"
    )
    if between.holds_zero:
        said = f"{said}, so these images do not tell it from none"
    if usual is not None:
        lost = f"{usual.low:.2f}" if usual.low == usual.high else f"{usual.low:.2f} to {usual.high:.2f}"
        said = f"{said}; a drop of {lost} is usual ({usual.what}: {usual.source})"
    return [f"{said}."]


def evidence_remarks(report: Report) -> list[str]:
    """On the interval of the drop, and on the threshold; by the name of the row where the report is about several."""
    found = report.evidence
    if found is None:
        return []
    scores = scores_remark(found.thresholds) if found.thresholds else None
    told = [one for one in report.notes if one.step == THRESHOLD_STEP]
    said = [*interval_remark(found, report.measure_title), *([_upper(scores)] if scores and not told else [])]
    named = report.subject is None and found.row in {row.name for row in report.rows}
    return [f"{found.row}: {_lower(one)}" for one in said] if named else said


THRESHOLD_STEP = "threshold"
"""Step of the notes on the thresholds of several models."""


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def picture_remark(picture: Picture) -> str:
    """A sentence on what the demo's picture shows, and on the rule by which its scene was chosen."""
    reference, other, *_ = picture.found
    counts = ", ".join(f"{name} {count}" for name, count in picture.found.items())
    return (
        f"{picture.file} shows {picture.image}: of the scenes in which {reference} makes the fewest mistakes, "
        f"the one in which {other} loses most. Objects found of {picture.objects}: {counts}."
    )


def zoo_remarks() -> list[str]:
    """Where the figures come from, and how to go on."""
    return [
        "Accuracies are those of the publishers; a size or a figure that is not certain is left out.",
        "Fetch one with  detquant fetch NAME  and read its licence: it binds what you make of the model or the data.",
    ]


def fetch_remarks(figures: Mapping[str, Any]) -> list[str]:
    """Where the files are, what they stand under, and what the zoo has to say of them."""
    note = [figures["note"]] if figures["note"] else []
    return [f"{figures['path']}, licence {figures['licence']}, see {figures['page']}", *note]


def unchecked(figures: Mapping[str, Any]) -> list[str]:
    """Sentences on what the user can do about each file without a checksum."""
    return [
        f"The publisher of {one['file']} gives no checksum: sha256 of what came is {one['sha256']}, compare it "
        f"yourself; keep it with --sha256 next time."
        for one in figures["files"]
        if not one["checked"]
    ]


def skipped(images: Iterable[Mapping[str, str]]) -> list[str]:
    """How many images were left out, and the first of them by name."""
    reasons = list(dict.fromkeys(_named(one) for one in images))
    if not reasons:
        return []
    count = "1 image was" if len(reasons) == 1 else f"{len(reasons)} images were"
    more = f"; and {len(reasons) - SHOWN} more" if len(reasons) > SHOWN else ""
    return [f"{count} left out: {'; '.join(reasons[:SHOWN])}{more}."]


def _named(one: Mapping[str, str]) -> str:
    """The reason, with the path unless it says it already."""
    return one["reason"] if one["path"] in one["reason"] else f"{one['path']}: {one['reason']}"
