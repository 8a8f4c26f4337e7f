"""decode.json: what another program needs to know to feed a model and to read its outputs, beside its files.

It says of each file its sha256, so that a threshold that was found for one model is not taken for another.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from detquant._version import __version__
from detquant.errors import ModelError
from detquant.evaluation.thresholds import is_threshold
from detquant.families import CONFIDENCE, THRESHOLD
from detquant.families.given_inputs import Given
from detquant.families.reading import reading_text
from detquant.graph.values import static_shape
from detquant.pipeline.compare import Finished
from detquant.pipeline.detector import Detector
from detquant.pipeline.outputs import DECODE
from detquant.report.files import to_json
from detquant.report.owned import MARK
from detquant.report.row import File
from detquant.targets import read_by
from detquant.untrusted import parse_json, read_text

LARGEST = 16 << 20
"""Most bytes of such a file that are read; names of many thousands of classes fit."""


def decode_file(detector: Detector, one: Finished) -> dict[str, bytes]:
    """``decode.json`` of a model that was made for a place, by its name; none where nothing was made.

    ==============  ==================================================================================================
    family, task    how its outputs are read: a key of `detquant.families.FAMILIES`; "detect" or "classify"
    facts           entries of the metadata by which detquant makes the family again
    input           name, width and height in pixels, and how an image becomes it, in words of ``--reads``
    given           what is given to inputs besides the image where boxes are to be in pixels of the input, by name
    outputs         shapes by name, of the float model
    classes         names by class_id
    nms_iou         overlap above which the lesser of two boxes of a class is dropped
    max_detections  boxes of an image that are kept
    confidence      the threshold of the float model, of this one (null where there is none), and what is the same there
    files, digest   sha256 and size of the files; the digest of all of them, as in the report
    ==============  ==================================================================================================

    Args:
        detector: the float model.
        one: the model that was made of it.
    """
    if one.artefact is None:
        return {}
    entry, found = one.entry, one.thresholds
    family = read_by(entry.runner, detector.family) if entry.runner is not None else detector.family
    content = {
        MARK: __version__,
        "target": entry.place.name,
        "precision": entry.precision,
        "family": family.name,
        "task": family.task,
        "facts": family.written(),
        "input": {
            "name": detector.family.input_name,
            "width": detector.family.width,
            "height": detector.family.height,
            "reading": reading_text(detector.family.reading),
        },
        "given": {name: array.tolist() for name, array in _given(detector, one).items()},
        "outputs": {value.name: list(static_shape(value) or ()) for value in detector.model.graph.outputs},
        "classes": list(family.classes),
        "nms_iou": family.nms_iou,
        "max_detections": family.max_detections,
        "confidence": {"float": found.asked, "quantized": found.proposed, "keeps": found.by} if found else None,
        "files": [File.of(name, content).figures() for name, content in one.artefact.files.items()],
        "digest": one.artefact.digest(),
    }
    return {entry.folder + DECODE: to_json(content).encode()}


def _given(detector: Detector, one: Finished) -> Given:
    """What the model's inputs besides its image are given; none where they are constants in its files."""
    return detector.family.given if one.entry.place.keeps_ends else {}


def threshold_of(detector: Detector) -> tuple[float, str | None]:
    """The threshold at which a model is to be run where the user has named none, and a sentence on where it is from.

    A file's own metadata tell it, or the ``decode.json`` beside it, if that is about this very file; else it is
    `CONFIDENCE`, and there is nothing to say.

    Raises:
        ModelError: the metadata have one that is none.
    """
    own = detector.imported.metadata.get(THRESHOLD)
    if own is not None:
        try:
            value = parse_json(own)
        except ValueError:
            value = None
        if not is_threshold(value):
            raise ModelError(
                f"The metadata '{THRESHOLD}' of the model is '{own[:40]}', and a number from 0 to 1 was expected: give "
                f"a threshold by --confidence."
            )
        return float(value), SAID.format(value=value, where="the file")
    value = _beside(detector.imported.path)
    if value is None:
        return CONFIDENCE, None
    return value, SAID.format(value=value, where=f"{DECODE} beside the file")


SAID = (
    "Objects score more than {value:g}: the threshold in {where}, at which this model finds what the float model "
    "finds at its own."
)


def _beside(path: Path) -> float | None:
    """The threshold in the ``decode.json`` beside a file; None where there is none that is about it."""
    try:
        found: Any = parse_json(read_text(path.parent / DECODE, LARGEST))
        files = {one["sha256"] for one in found["files"] if one["file"].rpartition("/")[2] == path.name}
        value = found["confidence"]["quantized"]
        if not is_threshold(value) or not files or MARK not in found:
            return None
        with path.open("rb") as file:
            return float(value) if hashlib.file_digest(file, "sha256").hexdigest() in files else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # whoever wrote it, it is no such file
        return None
