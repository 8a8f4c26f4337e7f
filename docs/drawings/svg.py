"""SVG as the pages take it: lines, bars and words in the colours of the page, or in others where it stands alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

COLOURS = {
    "ink": "var(--pst-color-text-base, #323232)",
    "faint": "var(--pst-color-border, #b9b9c2)",
    "muted": "var(--pst-color-text-muted, #616a75)",
    "a": "var(--dq-a, #1d6fb8)",
    "b": "var(--dq-b, #c2500c)",
    "c": "var(--dq-c, #2f7d3b)",
}
"""A colour by what it is for; a, b and c are told apart by those who see few colours, too."""


class Drawing:
    """An SVG that grows.

    Args:
        width: of it, in its own units.
        height: likewise.
        title: what it shows, for who does not see it.
        description: what is written and drawn in it, where the title and the words below do not tell.
    """

    def __init__(self, width: float, height: float, title: str, description: str = "") -> None:
        self.width, self.height, self.title, self.description = width, height, title, description
        self._parts: list[str] = []

    def line(self, x1: float, y1: float, x2: float, y2: float, colour: str = "ink", width: float = 1) -> None:
        """A straight line."""
        self._parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f'style="stroke:{COLOURS[colour]};stroke-width:{width:g}"/>'
        )

    def bar(self, x: float, y: float, width: float, height: float, colour: str = "a", opacity: float = 1) -> None:
        """A filled rectangle; one without any extent is left out."""
        if width > 0 and height > 0:
            self._parts.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
                f'style="fill:{COLOURS[colour]};opacity:{opacity:g}"/>'
            )

    def path(self, points: Iterable[Sequence[float]], colour: str = "a", width: float = 2) -> None:
        """A line through points."""
        way = " ".join(f"{'L' if number else 'M'}{x:.1f} {y:.1f}" for number, (x, y) in enumerate(points))
        self._parts.append(f'<path d="{way}" style="fill:none;stroke:{COLOURS[colour]};stroke-width:{width:g}"/>')

    def words(
        self, x: float, y: float, text: str, *, anchor: str = "start", colour: str = "ink", size: float = 13
    ) -> None:
        """A line of text."""
        self._parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" style="fill:{COLOURS[colour]};font-size:{size:g}px;text-anchor:{anchor}">'
            f"{escape(text)}</text>"
        )

    def box(self, x: float, y: float, width: float, height: float, colour: str, text: str) -> None:
        """A frame with a line of text in its middle."""
        self._parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="6" '
            f'style="fill:none;stroke:{COLOURS[colour]};stroke-width:1.5"/>'
        )
        self.words(x + width / 2, y + height / 2 + 5, text, anchor="middle", size=15)

    def arrow(self, x1: float, y: float, x2: float, colour: str) -> None:
        """An arrow from left to right."""
        self.line(x1, y, x2, y, colour, 1.5)
        self.path([(x2 - 7, y - 5), (x2, y), (x2 - 7, y + 5)], colour, 1.5)

    def text(self) -> str:
        """The file."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width:g} {self.height:g}" role="img" '
            f'aria-label="{escape(self.title)}" font-family="inherit">'
        )
        said = [f"<title>{escape(self.title)}</title>"]
        said += [f"<desc>{escape(self.description)}</desc>"] if self.description else []
        return "\n".join([head, *said, *self._parts, "</svg>"]) + "\n"


class Axis:
    """Numbers along a line from left to right.

    Args:
        low: number at the left end.
        high: number at the right end.
        left: where that lies.
        right: likewise.
    """

    def __init__(self, low: float, high: float, left: float = 40, right: float = 700) -> None:
        self.low, self.high, self.left, self.right = low, high, left, right

    def __call__(self, number: float) -> float:
        """Where a number lies."""
        return self.left + (number - self.low) / (self.high - self.low) * (self.right - self.left)

    def draw(self, drawing: Drawing, y: float, ticks: Iterable[float], form: str = "{:g}") -> None:
        """The line, with some numbers below it."""
        drawing.line(self.left, y, self.right, y, "muted")
        for tick in ticks:
            drawing.line(self(tick), y, self(tick), y + 5, "muted")
            drawing.words(self(tick), y + 19, form.format(tick), anchor="middle", colour="muted", size=12)


def histogram(drawing: Drawing, axis: Axis, counts: Sequence[float], low: float, high: float, base: float, tall: float):
    """Counts of equal bins from low to high as bars, the highest of them so tall; roots, so that few are seen too."""
    top, step = max(counts) ** 0.5 or 1.0, (high - low) / len(counts)
    for place, count in enumerate(counts):
        left, right = max(low + place * step, axis.low), min(low + (place + 1) * step, axis.high)
        share = tall * count**0.5 / top
        if right > left:
            drawing.bar(axis(left), base - share, axis(right) - axis(left), share, "muted", 0.45)


def grid_ticks(drawing: Drawing, axis: Axis, values: Iterable[float], y: float, colour: str, tall: float = 12) -> None:
    """The numbers of a grid as strokes."""
    for value in values:
        if axis.low - 1e-9 <= value <= axis.high + 1e-9:
            drawing.line(axis(value), y - tall, axis(value), y, colour, 1.4)
