"""In which other ways a model may be fed and read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from detquant.data import Dataset
from detquant.families import Family
from detquant.families.input_form import WholeImage
from detquant.families.input_words import RANGES
from detquant.families.reading import WORDS, Reading

SIZES = ("letterbox", "top-left", "stretch")
OF_CELLS = ("grid", "ltrb")
ALONE = ("scores", "objectness", "labels")
"""Kinds that are tried one at a time."""


def input_words(family: Family, *, same_aspect: bool) -> dict[str, tuple[str, ...]]:
    """The words to try for the input, by kind; those that change most come first.

    Args:
        family: family of the model.
        same_aspect: whether the images have the input's aspect, so that it does not matter how they are fitted.
    """
    if not isinstance(family.form, WholeImage):
        return {}
    words = {"range": tuple(RANGES), "channels": tuple(WORDS["channels"]), "size": () if same_aspect else SIZES}
    return {kind: some for kind, some in words.items() if kind in family.takes and some}


def output_readings(family: Family) -> list[Reading]:
    """The ways to read the outputs: every form and unit of boxes, and one other thing at a time."""
    boxes = [word for word in WORDS["boxes"] if family.heeds("boxes", word)]
    units = [word for word in WORDS["unit"] if family.heeds("unit", word)]
    pairs = [(box, unit) for box, unit in product(boxes, units) if box not in OF_CELLS or unit == "pixels"]
    forms: list[Reading] = [{"boxes": box, "unit": unit} for box, unit in pairs]
    forms += [] if boxes else [{"unit": unit} for unit in units]
    return [*forms, *({kind: word} for kind in ALONE for word in WORDS[kind] if family.heeds(kind, word))]


def class_readings(family: Family, dataset: Dataset) -> list[Reading]:
    """The ways to pair classes besides the present one."""
    names = dataset.classes
    if names is None or "classes" in family.told:
        return []
    if len(names) == family.num_classes:
        return [{"classes": "by-index"}] if tuple(names) != family.classes else []
    if len(names) == family.num_classes - 1:
        both = ("background-first", "background-last")
        return [{"classes": word} for word in both if family.heeds("classes", word)]
    return []


def changes(family: Family, reading: Reading) -> Reading:
    """The words of a reading that differ from how the model is read now."""
    now = family.reading
    return {kind: word for kind, word in reading.items() if now.get(kind) != word}


def oddity(family: Family, changed: Reading) -> int:
    """How many words of a reading are not those that the family would take by itself."""
    own, reading = family.own_reading, {**family.reading, **changed}
    return sum(word != own.get(kind) for kind, word in reading.items())


def combined(readings: Sequence[Reading], others: Sequence[Reading]) -> list[Reading]:
    """Each alone, and each with each of the others."""
    return [*readings, *({**one, **other} for one, other in product(readings, others))]
