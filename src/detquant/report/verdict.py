"""A report in plain words: how much is lost, whether that is certain and usual, what is won, what to look at next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from detquant.evaluation.changes import Fate
from detquant.evaluation.resampling import FEW, Interval
from detquant.report.evidence import Evidence, Usual
from detquant.report.remarks import useless
from detquant.report.report import Report
from detquant.report.row import AGREEMENT, Row
from detquant.report.sheets.numbers import megabytes, milliseconds, plural
from detquant.report.untimed import latency_of, untimed_at

NOTHING = 0.005
"""Points below which nothing is lost: no table shows them."""
SAME = {
    (True, "recall"): "as much recall",
    (True, "f1"): "as high an F1",
    (False, "recall"): "as many boxes",
    (False, "f1"): "the best agreement",
}
"""What a threshold of its own gives a quantised model, by whether objects are known and what it keeps."""
SHIFT = 0.005
"""Difference of two thresholds from which another one is worth using."""

CHOOSE = "Choose among the models that none beats in accuracy, time and size."
TOO_FEW = "{images} cannot tell a loss from chance: from {least} images on, an interval is given."
UNTIMED = "The times are not those of the place: {why}."
UNLABELLED = "The images have no labels, so nobody can say which of the two models is right where they differ."


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """Something to look at.

    Attributes:
        view: key of the view in which it is seen; None where it is not on the page.
        sentence: what it is, and what to do.
    """

    view: str | None
    sentence: str


def focus(report: Report) -> Row | None:
    """The row that a reader is told about: the report's, else that of the evidence, else the first of detquant's."""
    named = report.evidence.row if report.evidence else None
    told = report.subject or next((row for row in report.rows if row.name == named), None)
    if told is not None or _is_choice(report):
        return told
    ours = (row for row in report.rows[1:] if row.quantization and row.failure is None)
    return next(ours, None)


def drop_of(report: Report, row: Row) -> float | None:
    """Points of the measure that a row has lost; None where there is no truth to know."""
    before, after = report.reference.value(report.measure), row.value(report.measure)
    return None if report.measure == AGREEMENT or before is None or after is None else before - after


def float_beside(report: Report, row: Row) -> Row:
    """The float model that a row's time and size stand beside: that of its own place, where several are measured."""
    if not _is_choice(report):
        return report.reference
    own = (one for one in report.rows if one.target == row.target and not one.quantization and one.latency_ms)
    return next(own, report.reference)


def verdict(report: Report) -> list[str]:
    """Sentences on what quantisation has cost and brought."""
    row, chosen = focus(report), list(_choice(report)) if _is_choice(report) else []
    if row is None:
        return chosen or [_no_subject(report)]
    known, name = report.evidence or Evidence(), f"{row.target} {row.precision}" if chosen else row.title
    first = [*_loss(report, row), *_cost(float_beside(report, row), row)]
    said = f"{', '.join(first[:-1])} and {first[-1]}" if len(first) > 1 else "".join(first)
    return [
        *chosen,
        f"{name} {said}." if said else f"{name} was made, and nothing of it was measured.",
        *([UNLABELLED] if report.measure == AGREEMENT else ()),
        *([resolved(known.interval, report.measure_title)] if known.interval else ()),
        *([TOO_FEW.format(images=_images(report), least=FEW)] if _too_few(report, row, known) else ()),
        *([UNTIMED.format(why=untimed)] if row.latency_ms and (untimed := untimed_at(row.target)) else ()),
        *_usual(report, row, known),
    ]


def resolved(interval: Interval, measure: str) -> str:
    """Whether the images tell the loss from none, and how small a difference they tell."""
    if max(-interval.low, interval.high) < NOTHING:
        return (
            f"{interval.images:,} images show no difference: it is less than 0.01 {measure} in {interval.level:g} % of "
            f"{interval.resamples:,} resamples of them."
        )
    half = (interval.high - interval.low) / 2
    between = _between(interval.low, interval.high)
    rest = f"between {between} {measure} in {interval.level:g} % of {interval.resamples:,} resamples of them"
    if interval.low <= 0 <= interval.high:
        return (
            f"{interval.images:,} images do not resolve this: it lies {rest}, so it may be nothing. Differences below "
            f"about {half:.2f} are told apart by more images only."
        )
    return f"{interval.images:,} images resolve this: it lies {rest}, and differences above about {half:.2f} show."


def _between(low: float, high: float) -> str:
    """The ends of an interval of drops, in words."""
    if low >= NOTHING:
        return f"losses of {low:.2f} and {high:.2f}"
    if high <= -NOTHING:
        return f"gains of {-high:.2f} and {-low:.2f}"
    return " and ".join(
        "nothing" if abs(one) < NOTHING else f"a loss of {one:.2f}" if one > 0 else f"a gain of {-one:.2f}"
        for one in (low, high)
    )


def judged(drop: float, usual: Usual, interval: Interval | None) -> tuple[str, str]:
    """Whether a loss is what such models usually lose: "normal", "less", "more" or "unclear", and the words for it."""
    if drop < usual.low - NOTHING:
        return "less", "this is less"
    if drop <= usual.high + NOTHING:
        return "normal", "this is normal"
    if interval is None:
        return "unclear", "this is more, but on too few images to be certain"
    if interval.low <= usual.high:
        return "unclear", "this is more, but the interval reaches what is usual"
    return "more", "this is more than is usual"


def to_look_at(report: Report) -> list[Next]:
    """What to look at next, the most urgent first; at least one thing."""
    row = focus(report)
    found = [Next(view="pareto", sentence=CHOOSE)] if row is None or _is_choice(report) else []
    if row is not None:
        found += _reasons(report, row, report.evidence or Evidence())
    if found:
        return found
    return [
        Next(view="seen", sentence="Nothing here asks for more: look at what it sees in the images that changed most.")
    ]


def _is_choice(report: Report) -> bool:
    return any(row.best is not None for row in report.rows)


def _loss(report: Report, row: Row) -> Iterator[str]:
    """What became of the measure, to stand behind the model's name."""
    before, after = report.reference.value(report.measure), row.value(report.measure)
    drop, title = drop_of(report, row), report.measure_title
    if after is None:
        return
    if drop is None:
        yield f"agrees with the float model in {after:.2f} %"
    elif drop > NOTHING:
        yield f"loses {drop:.2f} {title} ({before:.2f} before, {after:.2f} now)"
    elif drop < -NOTHING:
        yield f"loses nothing ({title} is {before:.2f} before, {after:.2f} now)"
    else:
        yield f"loses nothing ({title} is {after:.2f} as before)"


def _usual(report: Report, row: Row, known: Evidence) -> Iterator[str]:
    drop, usual = drop_of(report, row), known.usual
    if usual is None or drop is None or not report.reference.value(report.measure):
        return
    _, words = judged(drop, usual, known.interval)
    yield f"Is that normal? {usual.what}: {_usually(usual)}; {words}. Source: {usual.source}"


def _usually(usual: Usual) -> str:
    """What is usually lost, or gained, in words."""
    low, high = usual.low, usual.high
    if low >= 0:
        return f"{high:g} points were lost" if low == high else f"{low:g} to {high:g} points are usually lost"
    if high <= 0:
        return f"{-high:g} to {-low:g} points are usually gained"
    return f"between a gain of {-low:g} and a loss of {high:g} points is usual"


def _images(report: Report) -> str:
    return plural(report.images, "image")


def _too_few(report: Report, row: Row, known: Evidence) -> bool:
    """Whether a loss was measured, and on so few images that it has no interval."""
    return known.row == row.name and drop_of(report, row) is not None and known.interval is None and report.images < FEW


def _cost(before: Row, after: Row) -> Iterator[str]:
    """Time and size, likewise."""
    if before.latency_ms and after.latency_ms and not untimed_at(after.target):
        ratio = after.latency_ms / before.latency_ms
        told = f"{milliseconds(before.latency_ms)} before, {milliseconds(after.latency_ms)} now"
        fast, slow = f"is {1 / ratio:.2f} times as fast", f"takes {ratio:.2f} times as long"
        yield f"{fast if ratio <= 1 else slow} ({told})"
    if before.size_bytes and after.size_bytes:
        share = 100 * after.size_bytes / before.size_bytes
        told = f"{megabytes(before.size_bytes)} before, {megabytes(after.size_bytes)} now"
        yield f"has {share:.0f} % of the size ({told})"


def _choice(report: Report) -> Iterator[str]:
    """What there is to choose from."""
    best = [row for row in report.rows if row.best and row.latency_ms is not None]
    if not best:
        return
    timed = [(latency, row) for row in best if (latency := latency_of(row)) is not None]
    most = max(best, key=lambda row: row.value(report.measure) or 0.0)
    smallest = min(best, key=lambda row: row.size_bytes or 0)
    measured = sum(row.latency_ms is not None for row in report.rows)
    verb = "is" if len(best) == 1 else "are"
    all_of_them = f"{plural(measured, 'model')} that {'was' if measured == 1 else 'were'} measured"
    yield f"Of {all_of_them}, {len(best)} {verb} beaten by none in accuracy, time and size."
    fastest = ""
    if timed:
        latency, first = min(timed, key=lambda one: one[0])
        fastest = f"the fastest of them is {first.target} {first.precision} ({milliseconds(latency)}), "
    said = (
        f"{fastest}the most accurate {most.target} {most.precision} "
        f"({most.value(report.measure) or 0.0:.2f} {report.measure_title}), "
        f"the smallest {smallest.target} {smallest.precision} ({megabytes(smallest.size_bytes or 0)})."
    )
    yield said[0].upper() + said[1:]


def _no_subject(report: Report) -> str:
    return f"{report.model} was measured in {len(report.rows)} forms; none of them was quantised by detquant."


def _reasons(report: Report, row: Row, known: Evidence) -> Iterator[Next]:
    """Each thing that stands out, and where it is seen."""
    drop = drop_of(report, row)
    if useless(report):
        yield Next(
            view="layers",
            sentence="Most of the accuracy is gone: see which tensors lose most, and give them more bits.",
        )
    elif drop is not None and known.usual and judged(drop, known.usual, known.interval)[0] == "more":
        yield Next(view="layers", sentence="More is lost than is usual: see which tensors lose most.")
    worst = min(
        (part for part in known.parts if part.high is not None and part.high < 0),
        key=lambda part: (part.after or 0.0) - (part.before or 0.0),
        default=None,
    )
    if worst is not None:
        change = (worst.after or 0.0) - (worst.before or 0.0)
        yield Next(
            view="parts",
            sentence=f"'{worst.name}' loses most of the parts that lose for certain ({change:+.1f} points).",
        )
    told = known.thresholds
    if told and told.proposed is not None and abs(told.proposed - told.asked) >= SHIFT:
        same = SAME[told.labelled, told.by]
        yield Next(
            view="threshold",
            sentence=f"Confidences have shifted: for {same}, use {told.proposed:g} and not {told.asked:g}.",
        )
    beside = float_beside(report, row)
    own = row.latency_ms and beside.latency_ms and beside is not report.reference
    ratio = (row.latency_ms or 0.0) / (beside.latency_ms or 1.0) if own else row.ratio
    if ratio is not None and ratio > 1 and not untimed_at(row.target):
        yield Next(view="slow", sentence="It is slower than the float model: see in which operators the time goes.")
    lost = sum(box.fate is Fate.LOST for seen in known.seen for box in seen.before)
    if lost:
        boxes = "1 box is" if lost == 1 else f"{lost} boxes are"
        yield Next(
            view="seen", sentence=f"{boxes} lost in the images that changed most: see whether they matter to you."
        )
    if drop is not None and known.usual and known.interval is None and drop > known.usual.high + NOTHING:
        yield Next(view=None, sentence="More is lost than is usual, on too few images to be certain: measure on more.")
    interval = known.interval
    if interval and interval.low <= 0 <= interval.high and (drop or 0) > NOTHING:
        yield Next(view=None, sentence="Measure on more images where so small a loss matters.")
