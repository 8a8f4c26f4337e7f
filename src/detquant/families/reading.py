"""The words that say how images go into a model and how its outputs are read.

A reading is one word of each kind that is to differ from what the family does by itself, such as `bgr 0..255 top-left`
or `xyxy parts`. The command line takes it as `--reads`; a written file keeps it in its metadata as a JSON list under
`detquant.reading`, so that it is read the same way again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from detquant.errors import ModelError, nearest_name

KEY = "detquant.reading"

Reading = Mapping[str, str]
"""A reading: kind of statement -> the word that was told."""

WORDS: Mapping[str, Mapping[str, str]] = {
    "channels": {
        "rgb": "red comes first",
        "bgr": "blue comes first",
    },
    "range": {
        "0..1": "pixels divided by 255",
        "0..255": "pixels as they are",
        "-1..1": "pixels less 127.5, divided by 127.5",
        "imagenet": "ImageNet's mean and standard deviation",
        "caffe": "less the means 104 117 123 of blue, green, red",
    },
    "size": {
        "letterbox": "scaled to fit, centred on grey 114",
        "letterbox-128": "the same on grey 128",
        "top-left": "scaled to fit, in the top left corner",
        "top-left-0": "the same on black",
        "stretch": "each side scaled by itself",
        "stretch-from-corner": "the same as TensorFlow 1 does it",
    },
    "boxes": {
        "cxcywh": "centre and size",
        "xyxy": "left, top, right, bottom",
        "xywh": "left, top and size",
        "yxyx": "top, left, bottom, right",
        "grid": "offset from the cell and logarithm of the size, in cells",
        "ltrb": "distances of the sides from the middle of the cell, in cells",
    },
    "unit": {
        "pixels": "of the network input",
        "parts": "of the input's sides, 0 to 1",
        "cells": "of the map's cells, of distances in raw maps",
    },
    "scores": {
        "chances": "0 to 1 already",
        "logits": "before a sigmoid",
    },
    "objectness": {
        "objectness": "the fifth value times each class",
        "classes-alone": "the classes hold it already",
    },
    "labels": {
        "from-0": "the first class that the model names is its number 0",
        "from-1": "the first class that the model names is its number 1",
    },
    "classes": {
        "by-index": "the model's classes are those of the data in their order, whatever either calls them",
        "background-first": "the model's first class is none",
        "background-last": "the model's last class is none",
    },
}
"""Every word by its kind, with what it means."""

INPUT_KINDS = ("channels", "range", "size")
BACKGROUND = ("background-first", "background-last")
IN_CELLS = "cells"
"""The unit that only distances in raw maps have."""
_KIND_OF = {word: kind for kind, words in WORDS.items() for word in words}


def parse_reading(text: str) -> Reading:
    """The reading that a user writes.

    Args:
        text: words of WORDS in any order, with spaces between them.

    Raises:
        ModelError: a word is none of them, or two are of one kind.
    """
    return _by_kind(text.split(), "--reads")


def written_reading(metadata: Mapping[str, str]) -> Reading:
    """The reading that stands in a file's metadata; empty where there is none.

    Raises:
        ModelError: there is one that cannot be understood: to leave it out would be another model.
    """
    if KEY not in metadata:
        return {}
    where = f"The metadata '{KEY}' of the model"
    try:
        words: Any = json.loads(metadata[KEY])
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{where} is no JSON.") from error
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ModelError(f"{where} is no list of words.")
    return _by_kind(words, where)


def reading_entry(reading: Reading) -> dict[str, str]:
    """The entry for the metadata; none for an empty reading."""
    return {KEY: json.dumps(_in_order(reading))} if reading else {}


def reading_text(reading: Reading) -> str:
    """The words in the order of WORDS."""
    return " ".join(_in_order(reading))


def _in_order(reading: Reading) -> list[str]:
    return [reading[kind] for kind in WORDS if kind in reading]


def _by_kind(words: list[str], where: str) -> Reading:
    found: dict[str, str] = {}
    for word in words:
        kind = _KIND_OF.get(word)
        if kind is None:
            near = nearest_name(word, _KIND_OF)
            hint = f" did you mean '{near}'?" if near else ""
            raise ModelError(f"{where} has no word '{word[:40]}':{hint} Known: {', '.join(_KIND_OF)}.")
        if found.setdefault(kind, word) != word:
            raise ModelError(f"{where} says both '{found[kind]}' and '{word}': give one of them.")
    return found
