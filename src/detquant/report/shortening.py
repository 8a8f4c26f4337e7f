"""Figures as short as a page can show them, with a sentence on what was left out: a saved run is anyone's file.

A file of some megabytes can hold more rows, names and histograms than a browser draws. So lists end after so many
entries, texts after so many characters, and where all of it together is still too much, after fewer.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from detquant.report.files import to_json
from detquant.report.report import Report
from detquant.report.saved import report_of

STEPS = ((5000, 1000), (1000, 300), (200, 120), (50, 60), (12, 40))
"""Entries of a list and characters of a text that are kept, from what any run needs down to what always fits."""
FEWER: Mapping[str, int] = {
    "rows": 200,
    "tried": 400,
    "models": 24,
    "seen": 24,
    "seen.before": 300,
    "seen.after": 300,
    "predictions": 24,
}
"""Lists that are shorter from the start: each entry of them takes much room, or is compared with all others.

Of the boxes in an image there are as many as a family keeps at most.
"""
ENTRIES, CHARACTERS = 600_000, 2_000_000
"""What the figures of a run may hold in all."""
FIELDS, DEEPEST = 200, 24
NAMED = 8
"""Lists that are named in the sentence."""


def shortened(figures: Mapping[str, Any], step: int = 0) -> dict[str, Any]:
    """Figures of a report, or of a workflow's, with a warning where something was left out.

    Args:
        figures: plain values, as JSON gives them.
        step: place in `STEPS` to begin at.
    """
    for most, longest in STEPS[step:]:
        cut = Cut(most, longest)
        made: dict[str, Any] = cut.of(_with_subject_first(figures))
        if not cut.is_over:
            break
    if (said := cut.said()) is not None:
        for one in made["models"] if isinstance(made.get("models"), list) else [made]:
            if isinstance(one, dict) and isinstance(one.get("warnings"), list):
                one["warnings"].append(said)
    return made


def shorter(report: Report, step: int) -> Report:
    """A report that takes less room.

    Args:
        report: a report.
        step: place in `STEPS`.
    """
    return report_of(shortened(json.loads(to_json(report.figures())), step))


class Cut:
    """A cut through plain values, which remembers what fell, and ends early where it has too much in all.

    Args:
        most: entries of a list or an object that are kept.
        longest: characters of a text that are kept.
    """

    def __init__(self, most: int, longest: int) -> None:
        self._most, self._longest = most, longest
        self._kept, self._there, self._texts = Counter[str](), Counter[str](), 0
        self.entries = self.characters = 0

    @property
    def is_over(self) -> bool:
        """Whether it holds more than a page can, so that what it gave is not whole."""
        return self.entries > ENTRIES or self.characters > CHARACTERS

    def of(self, value: Any, key: str = "", depth: int = 0, within: str = "") -> Any:
        """What is kept of a value.

        Args:
            value: a plain value.
            key: the key that it is under.
            depth: how far inside it is.
            within: the key of the nearest list that it is in.
        """
        self.entries += 1
        if isinstance(value, str):
            return self._text(value)
        if not isinstance(value, (dict, list)):
            return value
        if depth > DEEPEST or self.is_over:
            return None
        most = min(self._most, FEWER.get(f"{within}.{key}", FEWER.get(key, self._most)))
        if isinstance(value, dict):  # the fields of a dataclass all stay
            most = max(most, FIELDS) if depth else len(value)
        if len(value) > most:
            self._kept[key] += most
            self._there[key] += len(value)
        if isinstance(value, list):
            return [self.of(one, "", depth + 1, key or within) for one in value[:most]]
        pairs = list(value.items())[:most]
        return {self._text(name): self.of(one, name, depth + 1, within) for name, one in pairs}

    def _text(self, text: str) -> str:
        """The text, or its beginning and its end, by which names of one network differ."""
        if len(text) > self._longest:
            self._texts += 1
            end = self._longest // 3
            text = f"{text[: self._longest - end - 1]}…{text[-end:]}"
        self.characters += len(text)
        return text

    def said(self) -> str | None:
        """A sentence on what was left out; None where nothing was."""
        some = [
            f"{self._kept[key]:,} of {there:,} in '{key[:40]}'" for key, there in self._there.most_common(NAMED) if key
        ]
        if len(self._there) > NAMED:
            some.append("less of other lists")
        kept = [f"it has {', '.join(some)}"] if some else []
        texts = "1 text is" if self._texts == 1 else f"{self._texts:,} texts are"
        kept += [f"{texts} cut to {self._longest:,} characters"] if self._texts else []
        return f"The figures hold more than a page can show: {' and '.join(kept)}." if kept else None


def _with_subject_first(figures: Mapping[str, Any]) -> Mapping[str, Any]:
    """The figures with the row that the report is about behind the first, so that it stays."""
    rows, about = figures.get("rows"), figures.get("about")
    if not isinstance(rows, list) or about is None or len(rows) <= FEWER["rows"] // 16:
        return figures
    mine = next((one for one in rows[1:] if isinstance(one, dict) and one.get("name") == about), None)
    if mine is None:
        return figures
    return {**figures, "rows": [rows[0], mine, *(one for one in rows[1:] if one is not mine)]}
