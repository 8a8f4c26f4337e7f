"""A budget as users write it: a number, a unit, perhaps a word.

- ``5bits``: mean width of the weights.
- ``2.1MB``: size of the result's files, in B, kB, MB, GB, KiB, MiB or GiB; ``1.9MB zip``: the same when packed.
- ``40%``: of the bit operations that the same layers take at 8 bits, the sum of MACs x bits of weight x bits of input.
- ``12ms``: measured time of an image.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from detquant.errors import OptionError
from detquant.untrusted import shown


class Kind(StrEnum):
    """What a budget is of."""

    WIDTH = "mean width"
    BYTES = "bytes"
    ZIPPED = "zipped bytes"
    OPERATIONS = "bit operations"
    LATENCY = "latency"


UNITS: Mapping[str, tuple[Kind, float]] = {
    "bits": (Kind.WIDTH, 1.0),
    "bit": (Kind.WIDTH, 1.0),
    "b": (Kind.BYTES, 1.0),
    "bytes": (Kind.BYTES, 1.0),
    "kb": (Kind.BYTES, 1e3),
    "mb": (Kind.BYTES, 1e6),
    "gb": (Kind.BYTES, 1e9),
    "kib": (Kind.BYTES, float(1 << 10)),
    "mib": (Kind.BYTES, float(1 << 20)),
    "gib": (Kind.BYTES, float(1 << 30)),
    "%": (Kind.OPERATIONS, 0.01),
    "ms": (Kind.LATENCY, 1.0),
}
"""Unit in small letters -> what it is of, and how much one is."""
ZIP = frozenset({"zip", "zipped"})
EXPECTED = (
    "a mean width of the weights (5bits), a size of the files (2.1MB, or 1.9MB zip when packed), a share of the bit "
    "operations at 8 bits (40%), or a time of an image (12ms)"
)
DIGITS = 4
"""Digits of a budget that detquant proposes."""
_FORM = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z]+|%)\s*([a-z]*)\s*", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent.

    Attributes:
        kind: of what.
        amount: bits a weight, bytes, share of the bit operations (1 for all), or milliseconds.
        text: the budget as it was written.
    """

    kind: Kind
    amount: float
    text: str

    def said(self, amount: float) -> str:
        """An amount in the unit of this kind, for people."""
        return _SAID[self.kind](amount)

    def written_up(self, amount: float) -> str:
        """An amount as a budget that is at least as much, in few digits."""
        factor, unit = next(one for one in _WRITTEN[self.kind] if amount >= one[0] or one[0] <= 1)
        step = 10.0 ** (math.floor(math.log10(amount / factor)) + 1 - DIGITS)
        rounded = math.ceil(amount / factor / step - 1e-9) * step
        return np.format_float_positional(round(rounded, 12), trim="-") + unit


def parse_budget(text: str) -> Budget:
    """The budget that a text says.

    Raises:
        OptionError: it says none.
    """
    found = _FORM.fullmatch(text)
    if not found or found[2].lower() not in UNITS:
        raise OptionError(f"The budget {shown(text)} is none: expected {EXPECTED}.")
    kind, factor = UNITS[found[2].lower()]
    word, amount = found[3].lower(), float(found[1]) * factor
    if word and (word not in ZIP or kind is not Kind.BYTES):
        raise OptionError(f"The budget {shown(text)} ends in {shown(found[3])}: expected {EXPECTED}.")
    if not 0 < amount < math.inf:
        raise OptionError(f"The budget {shown(text)} is nothing to spend: expected {EXPECTED}.")
    return Budget(Kind.ZIPPED if word else kind, amount, " ".join(text.split()))


def size(amount: float) -> str:
    """Bytes as people read them: whole below a thousand, else in kB or MB to four digits."""
    for unit, factor in (("MB", 1e6), ("kB", 1e3)):
        if amount >= factor:
            return f"{amount / factor:.4g} {unit}"
    return f"{amount:.0f} B"


_SAID: Mapping[Kind, Callable[[float], str]] = {
    Kind.WIDTH: lambda amount: f"{amount:.3g} bits",
    Kind.BYTES: size,
    Kind.ZIPPED: lambda amount: f"{size(amount)} zip",
    Kind.OPERATIONS: lambda amount: f"{100 * amount:.3g} %",
    Kind.LATENCY: lambda amount: f"{amount:.3g} ms",
}
_BYTES = ((1e6, "MB"), (1e3, "kB"), (1.0, "B"))
_WRITTEN: Mapping[Kind, tuple[tuple[float, str], ...]] = {
    Kind.WIDTH: ((1.0, "bits"),),
    Kind.BYTES: _BYTES,
    Kind.ZIPPED: tuple((factor, f"{unit} zip") for factor, unit in _BYTES),
    Kind.OPERATIONS: ((0.01, "%"),),
    Kind.LATENCY: ((1.0, "ms"),),
}
"""Units in which a budget of each kind is written, the largest first."""
