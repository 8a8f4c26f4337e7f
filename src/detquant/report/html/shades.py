"""By which colour and word a precision or an error is shown: one table for all views."""

from __future__ import annotations

import math
import re

from detquant.report.sheets.numbers import decibel

UNTOLD = "unknown"
PRECISIONS = (
    ("half", "half precision", re.compile(r"b?f(loat|p)?_?16")),
    ("float", "float", re.compile(r"f(loat|p)?(_?32|_?64)?$|single")),
    ("integer", "8-bit or wider integers", re.compile(r"u?int(?!4)|[iu][89]|[iu]1\d|[wa][89]|[wa]1\d|qlinear")),
    ("narrow", "narrower integers", re.compile(r"[wa][2-7]|u?int4|[iu]4")),
)
"""Class, name and how it is known by what a runtime or a plan calls a precision; the first that fits is taken."""

ERRORS = ((40.0, "e0", "40 dB and more"), (30.0, "e1", "30 to 40 dB"), (20.0, "e2", "20 to 30 dB"))
LARGE_ERRORS = ((10.0, "e3", "10 to 20 dB"), (-math.inf, "e4", "less than 10 dB"))
NO_ERROR = ("ex", "not known, or exact")


def precision_shade(told: str | None) -> str:
    """The class of a precision, as a runtime or a plan calls it."""
    if told is None:
        return UNTOLD
    return next((class_ for class_, _, form in PRECISIONS if form.match(told.strip().lower())), UNTOLD)


def error_shade(sqnr_db: float | None) -> str:
    """The class of an SQNR."""
    if sqnr_db is None or not math.isfinite(sqnr_db):
        return NO_ERROR[0]
    return next(class_ for least, class_, _ in (*ERRORS, *LARGE_ERRORS) if sqnr_db >= least)


def error_said(sqnr_db: float | None) -> str:
    """An SQNR in words: "31.2 dB"; a dash where it is not known or exact."""
    return "–" if sqnr_db is None or not math.isfinite(sqnr_db) else decibel(sqnr_db)


def precision_keys() -> list[tuple[str, str]]:
    """Entries of a legend of precisions."""
    return [*((class_, name) for class_, name, _ in PRECISIONS), (UNTOLD, "mixed, or not told")]


def error_keys() -> list[tuple[str, str]]:
    """Entries of a legend of errors."""
    return [*((class_, name) for _, class_, name in (*ERRORS, *LARGE_ERRORS)), NO_ERROR]
