"""A float model in a target's own format, shown to compute there what the original computes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from detquant.errors import TargetError
from detquant.pipeline.detector import Detector, as_detector
from detquant.pipeline.file_ends import said_of_ends, with_ends_of_file
from detquant.pipeline.growth import float_growth
from detquant.pipeline.keywords import Keywords
from detquant.pipeline.label import label
from detquant.pipeline.options import ExportOptions
from detquant.report.files import staged
from detquant.targets import Artefact, Target, load_target

TOLERANCE = {"fp32": 1e-3, "fp16": 5e-2}
"""Share of the largest box or score by precision: what another order of summation, and half precision, may change."""


LOW_SCORE = 0.05
"""Noise may hold nothing that looks like an object; scores below this are compared as if the best were this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A float model in a target's own format.

    Attributes:
        artefact: the files.
        detector: the detector that they were made of.
        target: name of the target that they are for.
        precision: precision of the weights.
        difference: largest difference of a box or a score from the original's, as a share of the largest.
        notes: sentences on how it was made and what is left to do.
        inputs: files that it was made from; saving does not replace them.
    """

    artefact: Artefact
    detector: Detector
    target: str
    precision: str
    difference: float
    notes: tuple[str, ...] = ()
    inputs: tuple[Path, ...] = ()

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Writes the files: all of them or none.

        What an earlier run wrote there is replaced; anything else is not, see `detquant.report.owned`.

        Raises:
            OutputError: the folder cannot be written, or something that detquant did not write is in the way.
        """
        with staged(folder, self.inputs) as put:
            for name, content in self.artefact.files.items():
                put(name, content)

    def figures(self) -> dict[str, Any]:
        """The export as plain values, for JSON."""
        return {
            "model": self.detector.imported.path.name,
            "model_sha256": self.detector.imported.sha256,
            "target": self.target,
            "precision": self.precision,
            "files": list(self.artefact.files),
            "size_bytes": self.artefact.size_bytes,
            "zipped_bytes": self.artefact.zipped_bytes(),
            "artefact_digest": self.artefact.digest(),
            "difference": self.difference,
            "notes": list(self.notes),
        }


@Keywords(ExportOptions)
def export(model: str | os.PathLike[str] | Detector, target: str | Target, options: ExportOptions) -> Exported:
    """Makes a float model's files for a target and runs them there beside the original.

    Args:
        model: a float detector, or the path of its file.
        target: where it is to run, a name that `detquant targets` lists.
        options: see `ExportOptions`.

    Returns:
        The files, which `Exported.save` writes, and what was found.

    Raises:
        TargetError: the target is unknown, does not take the precision, refuses the model, or computes something else.
        MissingExtra: its runtime is not installed.

    Examples:
        >>> import detquant
        >>> exported = detquant.export("yolov8-pico", "ort")
        >>> exported.precision, list(exported.artefact.files), exported.difference < 1e-3
        ('fp32', ['model.onnx'], True)
        >>> exported.save("yolov8-pico-ort")
    """
    place = target if isinstance(target, Target) else load_target(target)
    precision = options.precision or next(iter(place.precisions), "fp32")
    place.require(precision)
    detector = as_detector(model, options)
    graph = place.rewrite(detector.model).clone()
    label(graph, detector, precision, place.name)
    artefact = place.lower_float(with_ends_of_file(graph, detector, place), precision)
    difference = _difference(detector, artefact, place)
    if difference > TOLERANCE[precision]:
        raise TargetError(
            f"The {precision} model computes something else on {place.name}: its boxes or scores are off by "
            f"{difference:.1e} of the largest, and {TOLERANCE[precision]:.0e} was expected at most. Nothing was "
            f"written."
        )
    artefact, notes = place.finish(artefact, detector.family)
    said = said_of_ends(detector, place), float_growth(detector, artefact, precision, place.precisions), notes
    return Exported(
        artefact=artefact,
        detector=detector,
        target=place.name,
        precision=precision,
        difference=difference,
        notes=tuple(note for some in said for note in some),
        inputs=(detector.imported.path,),
    )


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
