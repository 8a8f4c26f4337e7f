"""Primitives of charts: scales, axes, lines, bars, points. Their colours are the style sheet's, by classes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from detquant.report.html.markup import Attribute, Child, Markup, element, joined, number
from detquant.report.html.scope import Scope

Form = Callable[[float], str]
Place = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight line from numbers to pixels.

    Attributes:
        low: number at ``start``.
        high: number at ``end``; a scale on which both are one has all in its middle.
        start: pixels.
        end: pixels.
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The place of a number, within the scale: what lies outside of it is put at its end."""
        if not math.isfinite(value) or not self.high > self.low:
            return (self.start + self.end) / 2
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self, count: int = 5) -> list[float]:
        """Round numbers of the scale, about so many: steps of 1, 2 or 5 times a power of ten."""
        span = self.high - self.low
        if not (math.isfinite(span) and span > 0):
            return [self.low] if math.isfinite(self.low) and self.low == self.high else []
        power = 10.0 ** math.floor(math.log10(span / count))
        step = next((power * nice for nice in (1, 2, 5) if power * nice >= span / count), power * 10)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [at * step for at in range(first, last + 1)] if last - first < 10 * count else []


def spread(values: Iterable[float | None], *, zero: bool = False, margin: float = 0.0) -> tuple[float, float]:
    """The least and the greatest of numbers that are known and finite; (0, 1) where there are none.

    Args:
        values: numbers.
        zero: whether 0 is to be among them.
        margin: share of the span that is added at both ends.
    """
    known = [value for value in values if value is not None and math.isfinite(value)]
    known = [min(max(value, -1e30), 1e30) for value in known] + ([0.0] if zero and known else [])
    if not known:
        return 0.0, 1.0
    low, high = min(known), max(known)
    if low == high:
        wide = abs(low) / 2 or 0.5
        low, high = (low, high + wide) if zero and low == 0 else (low - wide, high + wide)
    more = (high - low) * margin
    return (0.0 if zero and low == 0 else low - more), (0.0 if zero and high == 0 else high + more)


def chart(
    scope: Scope,
    key: str,
    size: tuple[float, float],
    title: str,
    description: str | None,
    *content: Child,
    class_: str = "",
) -> Markup:
    """A picture with a title and a description for those who do not see it.

    Args:
        scope: gives the ids.
        key: unique among the charts of the report.
        size: width and height in pixels; the page makes it narrower where it must be.
        title: what it is.
        description: what is to be seen, and where the numbers are; None where what stands beside it says so.
        content: what is drawn.
        class_: for the style sheet.
    """
    width, height = size
    named, described = scope.id(key, "title"), scope.id(key, "text")
    return element(
        "svg",
        element("title", title, id=named),
        element("desc", description, id=described) if description else None,
        *content,
        viewBox=f"0 0 {number(width)} {number(height)}",
        role="img",
        aria_labelledby=f"{named} {described}" if description else named,
        class_=f"chart {class_}".strip(),
        style=f"max-width:{number(width)}px",
    )


def text(at: Place, said: str, class_: str = "label", anchor: str = "start", **more: Attribute) -> Markup:
    """Text that begins, is centred ("middle") or ends at a place."""
    aligned = None if anchor == "start" else anchor
    return element("text", said, x=at[0], y=at[1], class_=class_, text_anchor=aligned, **more)


def line(start: Place, end: Place, class_: str, hint: str | None = None) -> Markup:
    """A straight line."""
    return element("line", hinted(hint), x1=start[0], y1=start[1], x2=end[0], y2=end[1], class_=class_)


def rectangle(at: Place, size: Place, class_: str, hint: str | None = None, **more: Attribute) -> Markup:
    """A rectangle from its upper left corner; what has no width is drawn with half a pixel."""
    return element(
        "rect", hinted(hint), x=at[0], y=at[1], width=max(size[0], 0.5), height=max(size[1], 0.5), class_=class_, **more
    )


def polyline(points: Sequence[Place], class_: str) -> Markup:
    """A line through points, in their order; nothing where there are fewer than two."""
    if len(points) < 2:
        return joined(())
    return element("polyline", points=" ".join(f"{number(x)},{number(y)}" for x, y in points), class_=class_)


def bars(counts: Sequence[float], x: Scale, y: Scale, class_: str) -> Markup:
    """Equal bins from the beginning of a scale to its end as one path: small, however many there are."""
    if not counts:
        return joined(())
    width = (x.end - x.start) / len(counts)
    wide = number(width)
    steps = "".join(f"V{y(count):.0f}h{wide}" for count in counts)
    return element("path", d=f"M{number(x.start)} {number(y.start)}{steps}V{number(y.start)}z", class_=class_)


def point(at: Place, radius: float, class_: str, hint: str | None = None, **more: Attribute) -> Markup:
    """A point of a scatter."""
    return element("circle", hinted(hint), cx=at[0], cy=at[1], r=radius, class_=class_, **more)


def axis_below(scale: Scale, y: float, form: Form, title: str, count: int = 6) -> Markup:
    """An axis from left to right: ticks, their numbers, and what it is of below its right end."""
    ticks = [
        (
            line((scale(value), y), (scale(value), y + 4), "axis"),
            text((scale(value), y + 16), form(value), anchor="middle"),
        )
        for value in scale.ticks(count)
    ]
    named = text((scale.end, y + 31), title, "label strong", "end")
    return element("g", line((scale.start, y), (scale.end, y), "axis"), *ticks, named)


def axis_left(scale: Scale, x: float, right: float, form: Form, title: str, count: int = 5) -> Markup:
    """An axis from below to above, with a faint line across the chart at each tick, and its title on top of it."""
    ticks = [
        (
            line((x, scale(value)), (right, scale(value)), "grid"),
            text((x - 6, scale(value) + 3.5), form(value), anchor="end"),
        )
        for value in scale.ticks(count)
    ]
    return element("g", *ticks, text((x - 30, min(scale.start, scale.end) - 9), title, "label strong"))


def hinted(hint: str | None) -> Markup | None:
    """What is shown where the pointer rests."""
    return None if hint is None else element("title", hint)


def short(value: float) -> str:
    """A number of an axis, in as few digits as tell it."""
    return f"{value:.6g}"
