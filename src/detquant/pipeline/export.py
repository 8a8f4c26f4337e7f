"""A float model in a target's own format, shown to compute there what the original computes."""

from __future__ import annotations

from typing import Any

import numpy as np

from detquant.errors import TargetError
from detquant.pipeline.detector import Detector
from detquant.pipeline.evidence import label
from detquant.targets import Artefact, load_target

TOLERANCE = {"fp32": 1e-3, "fp16": 5e-2}
"""Of each output's largest value: what another order of summation, and half precision, may change."""


def export(detector: Detector, target: str, precision: str = "fp32") -> tuple[Artefact, dict[str, Any]]:
    """Writes a float model for a target and runs it there beside the original.

    Args:
        detector: float.
        target: a key of TARGETS.
        precision: of the artefact.

    Returns:
        The artefact, and its figures as plain values.

    Raises:
        TargetError: the target is unknown, does not take the precision, refuses the model, or computes something else.
        MissingExtra: its runtime is not installed.
    """
    place = load_target(target)
    model = place.rewrite(detector.model).clone()
    label(model, detector, precision, place.name)
    artefact = place.lower_float(model, precision)
    difference = _difference(detector, artefact, target)
    if difference > TOLERANCE[precision]:
        raise TargetError(
            f"The {precision} model computes something else on {target}: its outputs are off by {difference:.1e} of "
            f"the largest value, and {TOLERANCE[precision]:.0e} was expected at most. Nothing was written."
        )
    figures = {
        "model": detector.imported.path.name,
        "model_sha256": detector.imported.sha256,
        "target": target,
        "precision": precision,
        "files": list(artefact.files),
        "size_bytes": artefact.size_bytes,
        "artefact_digest": artefact.digest(),
        "difference": difference,
    }
    return artefact, figures


def _difference(detector: Detector, artefact: Artefact, target: str) -> float:
    """The largest difference of an output, as a share of its largest value, on noise."""
    family = detector.family
    noise = np.random.default_rng(0).integers(0, 256, (family.height, family.width, 3), np.uint8)
    feed = {family.input_name: family.preprocess(noise)[0]}
    expected, found = detector.open().run(feed), load_target(target).open(artefact).run(feed)
    pairs = [(np.asarray(expected[name], np.float32), np.asarray(found[name], np.float32)) for name in expected]
    return max(float(np.abs(a - b.reshape(a.shape)).max() / max(float(np.abs(a).max()), 1e-9)) for a, b in pairs)
