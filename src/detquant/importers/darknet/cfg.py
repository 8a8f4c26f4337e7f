"""Darknet's cfg: sections in order, each with options, as text.

Read as Darknet reads it (`read_cfg`, `read_option` and `option_find` of AlexeyAB's darknet): all white space goes,
also inside a line; a line that begins with # or ; is a comment; where an option stands twice, the first counts;
options that no layer asks for are passed over, for most are about training. Unlike there a number must be one, and
a comment may end a line.

A file is refused with one sentence, before anything is built, if

1. it cannot be read, is empty, larger than any cfg, or not text;
2. a line is neither a section, nor an option, nor a comment, or an option stands before the first section;
3. it does not begin with [net] (or [network], as old files call it), or says nothing but that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from detquant.errors import ModelError, UnsupportedOperator

NET = ("net", "network")
_MOST_BYTES = 1 << 20  # YOLOv4's has 12 kB
_MOST_SECTIONS = 4096
_MOST_NUMBERS = 256
_INTEGER = re.compile(r"[+-]?[0-9]{1,9}")
_NUMBER = re.compile(r"[+-]?([0-9]{1,15}\.?[0-9]{0,20}|\.[0-9]{1,20})(e[+-]?[0-9]{1,2})?", re.IGNORECASE)
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Option:
    """A value as it is written, and its line, from 1."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a cfg.

    Attributes:
        path: path of the cfg.
        name: name of the section, without brackets.
        line: line of the name in the cfg, from 1.
        options: the section's options by key; where one stands twice, the first.
    """

    path: Path
    name: str
    line: int
    options: Mapping[str, Option] = field(default_factory=dict)

    def integer(self, key: str, default: int | None, low: int, high: int) -> int:
        """An integer from `low` to `high`.

        Raises:
            ModelError: it is none, out of these bounds, or missing without a default.
        """
        option = self._option(key, default)
        return int(default or 0) if option is None else self._integer(key, option.text, option.line, low, high)

    def integers(self, key: str, default: tuple[int, ...] | None, low: int, high: int) -> tuple[int, ...]:
        """Integers with commas in between; errors as in `integer`."""
        option = self._option(key, default)
        if option is None:
            return default or ()
        return tuple(self._integer(key, part, option.line, low, high) for part in self._parts(key, option))

    def number(self, key: str, default: float | None) -> float:
        """A number that is more than zero."""
        option = self._option(key, default)
        return float(default or 0) if option is None else self._number(key, option.text, option.line)

    def numbers(self, key: str) -> tuple[float, ...]:
        """Numbers that are more than zero, with commas in between."""
        option = self._option(key, None)
        return () if option is None else tuple(self._number(key, p, option.line) for p in self._parts(key, option))

    def text(self, key: str, default: str) -> str:
        """The text of an option, or the default."""
        return self.options[key].text if key in self.options else default

    def line_of(self, key: str) -> int:
        """The line of an option, or of the section where it is left out."""
        return self.options[key].line if key in self.options else self.line

    def refuse(self, what: str, line: int | None = None) -> NoReturn:
        """Raises a ModelError that names the file, the line and the section."""
        raise ModelError(self._sentence(what, line))

    def not_taken(self, what: str, line: int | None = None) -> NoReturn:
        """Raises an UnsupportedOperator likewise: the file is sound, but nothing here knows what it asks for."""
        raise UnsupportedOperator(self._sentence(what, line))

    def _sentence(self, what: str, line: int | None) -> str:
        return f"'{self.path}', line {line or self.line}, [{shown(self.name)}]: {what}"

    def _option(self, key: str, default: object) -> Option | None:
        if key not in self.options and default is None:
            self.refuse(f"'{key}' is missing: write it, or fetch the original cfg again.")
        return self.options.get(key)

    def _parts(self, key: str, option: Option) -> list[str]:
        parts = option.text.removesuffix(",").split(",")
        if len(parts) > _MOST_NUMBERS:
            self.refuse(f"'{key}' lists {len(parts)} numbers; expected {_MOST_NUMBERS} at most.", option.line)
        return parts

    def _integer(self, key: str, text: str, line: int, low: int, high: int) -> int:
        if not _INTEGER.fullmatch(text) or not low <= int(text) <= high:
            self.refuse(f"{key}={shown(text)} makes no sense: expected an integer from {low} to {high}.", line)
        return int(text)

    def _number(self, key: str, text: str, line: int) -> float:
        if not _NUMBER.fullmatch(text) or not 0 < float(text) < 1e6:
            self.refuse(f"{key}={shown(text)} makes no sense: expected a number above 0 and below a million.", line)
        return float(text)


def shown(text: str) -> str:
    """Text from a file, fit for one sentence."""
    cut = text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
    return "".join(letter if letter.isprintable() else "?" for letter in cut)


def read_cfg(path: Path) -> tuple[list[Section], bytes]:
    """Reads the sections of a cfg.

    Args:
        path: the file.

    Returns:
        Its sections, [net] first, and its bytes.

    Raises:
        ModelError: for the cases at the top of this file.
    """
    content = _read(path)
    sections: list[Section] = []
    options: dict[str, Option] = {}
    for number, raw in enumerate(content.decode("utf-8-sig", errors="replace").split("\n"), start=1):
        line = "".join(re.split("[#;]", raw, maxsplit=1)[0].split())
        if line.startswith("["):
            options = {}
            sections.append(Section(path, line.strip("[]"), number, options))
        elif line:
            key, equals, value = line.partition("=")
            if not equals or not sections:  # case 2
                raise ModelError(
                    f"'{path}' is not a Darknet cfg: line {number} is '{shown(line)}', where a [section] "
                    f"{'or key=value ' if sections else ''}was expected."
                )
            options.setdefault(key, Option(value, number))
    _check(path, sections)
    return sections, content


def _read(path: Path) -> bytes:
    """Reads the bytes of a cfg; a file that cannot be read, is empty, too large or not text is refused (case 1)."""
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ModelError(f"'{path}' cannot be read: {error.strerror}.") from error
    if not content.strip():
        raise ModelError(f"'{path}' is empty: expected a Darknet cfg; copy or download it again.")
    if len(content) > _MOST_BYTES or b"\0" in content:
        raise ModelError(f"'{path}' is not a Darknet cfg: expected a text file of some kilobytes.")
    return content


def _check(path: Path, sections: list[Section]) -> None:
    """Refuses sections that do not begin with [net], or have nothing else (case 3)."""
    if not sections or sections[0].name not in NET:
        first = f"begins with [{shown(sections[0].name)}]" if sections else "has no section"
        raise ModelError(f"'{path}' is not a Darknet cfg: it {first}, and [net] was expected.")
    if not 1 < len(sections) <= _MOST_SECTIONS:
        raise ModelError(
            f"'{path}' has {len(sections) - 1} layers: expected at least one and at most {_MOST_SECTIONS - 1}."
        )
