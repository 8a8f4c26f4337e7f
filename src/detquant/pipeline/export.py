"""A float model in a target's own format, shown to compute there what the original computes."""

from __future__ import annotations

from typing import Any

import numpy as np

from detquant.errors import TargetError
from detquant.pipeline.detector import Detector
from detquant.pipeline.file_ends import said_of_ends, with_ends_of_file
from detquant.pipeline.growth import float_growth
from detquant.pipeline.label import label
from detquant.targets import Artefact, Target, load_target

TOLERANCE = {"fp32": 1e-3, "fp16": 5e-2}
"""Share of the largest box or score by precision: what another order of summation, and half precision, may change."""


LOW_SCORE = 0.05
"""Noise may hold nothing that looks like an object; scores below this are compared as if the best were this."""


def export(detector: Detector, target: str, precision: str | None = None) -> tuple[Artefact, dict[str, Any]]:
    """Writes a float model for a target and runs it there beside the original.

    Args:
        detector: float.
        target: a key of TARGETS.
        precision: precision of the artefact; by default the first that the target takes.

    Returns:
        The artefact, and its figures as plain values.

    Raises:
        TargetError: the target is unknown, does not take the precision, refuses the model, or computes something else.
        MissingExtra: its runtime is not installed.
    """
    place = load_target(target)
    precision = precision or next(iter(place.precisions), "fp32")
    place.require(precision)
    model = place.rewrite(detector.model).clone()
    label(model, detector, precision, place.name)
    artefact = place.lower_float(with_ends_of_file(model, detector, place), precision)
    difference = _difference(detector, artefact, place)
    if difference > TOLERANCE[precision]:
        raise TargetError(
            f"The {precision} model computes something else on {target}: its boxes or scores are off by "
            f"{difference:.1e} of the largest, and {TOLERANCE[precision]:.0e} was expected at most. Nothing was "
            f"written."
        )
    artefact, notes = place.finish(artefact, detector.family)
    figures = {
        "model": detector.imported.path.name,
        "model_sha256": detector.imported.sha256,
        "target": target,
        "precision": precision,
        "files": list(artefact.files),
        "size_bytes": artefact.size_bytes,
        "artefact_digest": artefact.digest(),
        "difference": difference,
        "notes": [
            *said_of_ends(detector, place),
            *float_growth(detector, artefact, precision, place.precisions),
            *notes,
        ],
    }
    return artefact, figures


def _difference(detector: Detector, artefact: Artefact, place: Target) -> float:
    """The largest difference of a box or a score, as a share of the largest, on noise."""
    family, theirs = detector.family, place.decoded_by(artefact, detector.family)
    noise = np.random.default_rng(0).integers(0, 256, (family.height, family.width, 3), np.uint8)
    feed = {family.input_name: family.preprocess(noise)[0]}
    expected, found = detector.open().run(feed), place.open(artefact).run(feed)
    boxes = np.abs(family.boxes(expected) - theirs.boxes(found)).max() / np.abs(family.boxes(expected)).max()
    scores = family.scores(expected)
    apart = np.abs(scores - theirs.scores(found)).max() / max(float(scores.max()), LOW_SCORE)
    return float(max(boxes, apart))
