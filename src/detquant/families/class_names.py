"""Where the names of a model's classes come from."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping

from detquant.errors import ModelError
from detquant.untrusted import parse_json

SUPPOSED = "detquant.classes_supposed"
"""Entry of the metadata of a file whose `detquant.classes` nobody told: the one that it was made from had no names."""

LONGEST_LITERAL = 1 << 19
"""Characters of a Python literal that is read; names of twenty thousand classes fit."""

# fmt: off
COCO_NAMES = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow",
    "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee",
    "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard",
    "tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple",
    "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch",
    "potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard",
    "cell phone", "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors",
    "teddy bear", "hair drier", "toothbrush",
)
# fmt: on


def class_names(metadata: Mapping[str, str], count: int, given: tuple[str, ...] | None = None) -> tuple[str, ...]:
    """The class names of a model: those given, else the file's, else COCO's for 80, else numbers.

    Args:
        metadata: the file's metadata_props: `detquant.classes` is a JSON list, `names` a Python literal
            (Ultralytics).
        count: the number of classes that the output shapes tell.
        given: names that overrule the file's.

    Returns:
        `count` names.

    Raises:
        ModelError: there are names, but not `count`.
    """
    sources = (
        ("the given list", given),
        ("the file's metadata 'detquant.classes'", _from_json(metadata.get("detquant.classes", ""))),
        ("the file's metadata 'names'", _from_literal(metadata.get("names", ""))),
    )
    for source, names in sources:
        if names is None:
            continue
        if len(names) != count:
            raise ModelError(
                f"The output shapes tell {count} classes, but {source} has {len(names)} names: give the "
                "names of this model, and check that it is a plain detector (not pose or rotated boxes)."
            )
        return names
    if count == len(COCO_NAMES):
        return COCO_NAMES
    return tuple(f"class {index}" for index in range(count))


def are_supposed(metadata: Mapping[str, str], count: int, given: tuple[str, ...] | None = None) -> bool:
    """Whether `class_names` takes COCO's names for want of any, which the model may have been trained with or not."""
    unwritten = SUPPOSED in metadata or written_names(metadata) is None
    return given is None and unwritten and count == len(COCO_NAMES)


def written_names(metadata: Mapping[str, str]) -> tuple[str, ...] | None:
    """The class names that a file has in its metadata, however many; None if it has none."""
    return _from_json(metadata.get("detquant.classes", "")) or _from_literal(metadata.get("names", ""))


def read_literal(text: str) -> object:
    """A value written as JSON or as a Python literal, never an expression; None where it is neither.

    Python's parser takes some hundred bytes of memory for one of a literal, so that is read up to `LONGEST_LITERAL`.
    """
    try:
        return parse_json(text)
    except ValueError:
        pass
    if len(text) > LONGEST_LITERAL:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that Python does not know, as in paths of Windows
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _from_json(text: str) -> tuple[str, ...] | None:
    try:
        return _as_names(parse_json(text))
    except ValueError:
        return None


def _from_literal(text: str) -> tuple[str, ...] | None:
    try:
        return _as_names(read_literal(text))
    except (ValueError, RecursionError):  # a name that is a number of thousands of digits, or nested without end
        return None


def _as_names(value: object) -> tuple[str, ...] | None:
    """Names from a list, or from a dict of index to name; None for anything else."""
    if isinstance(value, dict):
        if set(value) != set(range(len(value))):
            return None
        value = [value[index] for index in range(len(value))]
    if isinstance(value, (list, tuple)) and value:
        return tuple(str(name) for name in value)
    return None
