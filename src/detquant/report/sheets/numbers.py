"""Numbers with their units, as a reader sees them."""

from __future__ import annotations

import math

from detquant.report.quantization import IntegerShare
from detquant.report.sheets._base import UNKNOWN


def milliseconds(value: float) -> str:
    """A time such as "12.34 ms"."""
    return f"{value:.2f} ms"


def megabytes(value: int, zipped: int | None = None) -> str:
    """Bytes as 3.45 MB, a megabyte being a million bytes; with what they take when zipped, 3.45 MB (zip 1.23)."""
    return f"{value / 1e6:.2f} MB" + (f" (zip {zipped / 1e6:.2f})" if zipped is not None else "")


def kilobytes(value: int, zipped: int | None = None) -> str:
    """Bytes as 345 kB, a kilobyte being a thousand bytes; with what they take when zipped, 345 kB (zip 123)."""
    return f"{value / 1e3:.0f} kB" + (f" (zip {zipped / 1e3:.0f})" if zipped is not None else "")


def decibel(value: float) -> str:
    """34.5 dB; a tensor without any error has infinitely many."""
    return f"{value:.1f} dB" if math.isfinite(value) else "exact"


def times(after: float, before: float) -> str:
    """0.25×, what is after as a multiple of what was before."""
    return f"{after / before:.2f}×" if before else UNKNOWN


def plural(count: int, one: str, several: str | None = None) -> str:
    """A number of things such as "1 image" or "2 images"."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def threads(count: int) -> str:
    """A number of threads such as "1 thread" or "2 threads"."""
    return plural(count, "thread")


def integer_share(share: IntegerShare) -> str:
    """A sentence without its full stop: 62 of 98 operators in integers, 97.3 % of the MACs."""
    said = f"{share.operators} of {share.of} operators in integers, {share.macs_percent:.1f} % of the MACs"
    return said + (f"; {share.weight_only} layers in float on weights of at most 8 bits" if share.weight_only else "")
