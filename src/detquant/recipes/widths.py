"""Recipes whose names say their widths: w4a8 has weights of 4 bits and activations of 8.

They are not files: each kind of them has one template in ``builtin/templates``, a TOML file in which ``$weight`` and
``$activation`` stand for the widths. A file in ``builtin`` of the same name comes first.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import product
from string import Template
from typing import Any

from detquant.errors import RecipeError
from detquant.recipes.toml_table import builtin_text, parse

FOLDER = "templates"
WEIGHT_BITS = range(2, 9)
ACTIVATION_BITS = (*range(4, 9), 16)
TEMPLATES = {None: "wN", 8: "wNa8", 16: "wNa16"}
"""The template by the width of activations; NARROW for all others."""
NARROW = "wNaM"
FORMS = {
    "wN": "Weights of N bits, 2 to 8, and nothing else: computed with in float.",
    "wNaM": "Weights of N bits, 2 to 8, and activations of M bits, 4 to 8 or 16: w4a8, w8a16.",
}
"""The forms of names, with a sentence on each."""
_NAME = re.compile(r"w(0|[1-9][0-9]{0,3})(?:a(0|[1-9][0-9]{0,3}))?")


@dataclass(frozen=True, slots=True)
class Widths:
    """The widths that a name says, whether there are such recipes or not.

    Attributes:
        weight: bits of weights.
        activation: bits of activations; None where weights alone are rounded.
    """

    weight: int
    activation: int | None

    @classmethod
    def of(cls, name: str) -> Widths | None:
        """The widths that a name says; None for a name of another form."""
        found = _NAME.fullmatch(name)
        return cls(int(found[1]), int(found[2]) if found[2] else None) if found else None

    @property
    def nearest(self) -> Widths:
        """The nearest widths that there are recipes for."""
        activation = None if self.activation is None else _nearest(self.activation, ACTIVATION_BITS)
        return Widths(_nearest(self.weight, WEIGHT_BITS), activation)

    def table(self) -> Mapping[str, Any]:
        """The recipe of these widths, as TOML says it.

        Raises:
            RecipeError: there are no recipes of such widths; the sentence says which there are.
        """
        if self.nearest != self:
            raise RecipeError(self._refusal())
        template = Template(builtin_text(TEMPLATES.get(self.activation, NARROW), FOLDER))
        return parse(template.substitute(weight=self.weight, activation=self.activation), str(self))

    def _refusal(self) -> str:
        weights = [] if self.weight in WEIGHT_BITS else [f"weights of {self.weight} bit{'s' * (self.weight != 1)}"]
        narrow = self.activation is not None and self.activation not in ACTIVATION_BITS
        activations = [f"activations of {self.activation} bit{'s' * (self.activation != 1)}"] if narrow else []
        asked = " and ".join([*weights, *activations])
        return (
            f"Recipe '{self}' asks for {asked}, and there are none: did you mean '{self.nearest}'? Weights have "
            f"2 to 8 bits, activations 4 to 8 or 16."
        )

    def __str__(self) -> str:
        return f"w{self.weight}" + ("" if self.activation is None else f"a{self.activation}")


def names_of_widths() -> tuple[str, ...]:
    """The names of all recipes whose names say their widths."""
    return tuple(str(Widths(*pair)) for pair in product(WEIGHT_BITS, (None, *ACTIVATION_BITS)))


def _nearest(bits: int, known: Collection[int]) -> int:
    return min(known, key=lambda one: abs(one - bits))
