"""What a family's class says of it: shapes, images, words, suppression."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from inspect import cleandoc

from detquant.families import FAMILIES, Family, load_family
from detquant.families.input_words import words_of_form
from detquant.families.reading import WORDS
from detquant_docs.markdown import code, table

SIDE = 640
"""Side of the input that shapes are told for."""


def family_facts(name: str) -> list[str]:
    """What the code knows of a family, in Markdown."""
    family = load_family(name)
    return [
        *_as_told(sys.modules[family.__module__].__doc__ or ""),
        "",
        *table(["", ""], _facts(family, list(FAMILIES).index(name) + 1)),
        "",
        "**Words of `--reads` that it heeds**",
        "",
        *(table(["kind", "words"], _words(family)) if family.takes else ["None: `--preprocess` says how it is fed."]),
    ]


def summary(family: type[Family]) -> str:
    """A line on what goes in and comes out."""
    return " ".join((family.__doc__ or "").strip().partition("\n\n")[0].split())


def shapes(family: type[Family]) -> str:
    """The outputs that the family is known by, for a square input."""
    side = 300 if family.name == "ssd300" else SIDE
    return (
        f"{family.expected(side, side)}, of an input of {side} pixels" if side == SIDE else family.expected(side, side)
    )


def _facts(family: type[Family], place: int) -> Iterator[tuple[str, str]]:
    yield "in and out", summary(family)
    yield "shapes it is known by", shapes(family)
    yield "looked for", f"as number {place} of {len(FAMILIES)}; `--family {family.name}` names it"
    if family.input_key:
        yield "entry of the file's metadata that says how it is fed", f"`{family.input_key}`"
    form = getattr(family, "form", None)
    if form is not None:
        yield "fed", code(words_of_form(form).values()) + _numbers(form.mean, form.std)
    yield "outputs", str(family.output_count)
    if family.task == "detect":
        suppressed = getattr(family, "nms_iou", 1.0)
        yield (
            "suppression",
            "none is left to do" if suppressed >= 1 else f"within a class, above an IoU of {suppressed:g}",
        )
        yield "boxes kept", str(getattr(family, "max_detections", ""))
        yield "rows are what was found, best first", "yes" if family.ranked else "no"


def _numbers(mean: tuple[float, ...], std: tuple[float, ...]) -> str:
    plain = not any(mean) and len(set(std)) == 1
    if plain:
        return f": grey levels divided by {std[0]:g}"
    return f": less {', '.join(f'{one:g}' for one in mean)}, divided by {', '.join(f'{one:g}' for one in std)}"


def _words(family: type[Family]) -> Iterator[tuple[str, str]]:
    for kind in family.takes:
        words = {word: meaning for word, meaning in WORDS[kind].items() if kind != "unit" or word in family.units}
        yield kind, ", ".join(f"`{word}`: {meaning}" for word, meaning in words.items())


def _as_told(docstring: str) -> list[str]:
    """A module's docstring as Markdown: indented formulas become blocks."""
    lines, inside = [], False
    for line in cleandoc(docstring).splitlines():
        formula = line.startswith("    ")
        if formula != inside and (formula or line):
            lines += ["", "```text"] if formula else ["```", ""]
            inside = formula
        lines.append(line[4:] if inside else re.sub(r"``([^`]+)``", r"`\1`", line))
    return [*lines, *(["```"] if inside else [])]
