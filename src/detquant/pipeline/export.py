"""A model in a target's own format, shown to compute there what the original computes.

A model that is quantised already keeps its grids and codes: nothing is calibrated again, so what was trained elsewhere
goes to any target whose kernels take such grids. There roundings at an edge fall the other way, so that it is the root
of the mean square that is held against the original's, and not the largest difference.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from detquant.errors import TargetError
from detquant.numerics.arrays import Floats
from detquant.pipeline.detector import Detector, as_detector
from detquant.pipeline.file_ends import said_of_ends, with_ends_of_file
from detquant.pipeline.growth import float_growth
from detquant.pipeline.keywords import Keywords
from detquant.pipeline.label import label
from detquant.pipeline.options import ExportOptions
from detquant.report.files import staged
from detquant.targets import Artefact, Target, load_target

INTEGERS = "integers"
"""Precision of a model that is quantised already, whatever its widths."""
TOLERANCE = {"fp32": 1e-3, "fp16": 5e-2, INTEGERS: 0.25}
"""Share of the largest box or score by precision: what another order of summation, and half precision, may change.

Of integers it is that of the root mean square: on noise, where scores are low, other roundings have come to 0.13.
"""


_RECIPE = "detquant.recipe"
LOW_SCORE = 0.05
"""Noise may hold nothing that looks like an object; scores below this are compared as if the best were this."""

Apart = Callable[[Floats, Floats, float], float]
"""How far numbers are from those that were expected; the last is the least that the largest of these counts as."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A model in a target's own format.

    Attributes:
        artefact: the files.
        detector: the detector that they were made of.
        target: name of the target that they are for.
        precision: precision of the weights; "integers" of a model that is quantised already.
        difference: largest difference of a box or a score from the original's, as a share of the largest; of integers
            that of the root mean square.
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

        What an earlier run wrote there is replaced, and in folders of the artefact goes; anything else stays, see
        `detquant.report.owned`.

        Raises:
            OutputError: the folder cannot be written, or something that detquant did not write is in the way.
        """
        with staged(folder, self.inputs, whole=True) as put:
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
    """Makes a model's files for a target and runs them there beside the original.

    Args:
        model: a detector, or the path of its file; one that is quantised already keeps its grids and codes.
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
    if options.precision is not None:
        place.require(options.precision)
    detector = as_detector(model, options)
    precision = _precision(detector, place, options.precision)
    graph = detector.graph_for(place).clone()
    label(graph, detector, detector.imported.metadata.get(_RECIPE, precision), place.name)
    graph = with_ends_of_file(graph, detector, place)
    integers = precision == INTEGERS
    artefact = place.lower(graph) if integers else place.lower_float(graph, precision)
    difference = _difference(detector, artefact, place, _root_mean_square if integers else _largest)
    if difference > TOLERANCE[precision]:
        raise TargetError(
            f"The {precision} model computes something else on {place.name}: its boxes or scores are off by "
            f"{difference:.1e} of the {'root mean square' if integers else 'largest'}, and {TOLERANCE[precision]:.0e} "
            f"was expected at most. Nothing was written."
        )
    noise, _ = detector.family.preprocess(_noise(detector))
    artefact, notes = place.finish(artefact, detector.family, detector.family.feeds(noise))
    grown = [] if integers else float_growth(detector, artefact, precision, place.precisions)
    said = said_of_ends(detector, place), grown, notes
    return Exported(
        artefact=artefact,
        detector=detector,
        target=place.name,
        precision=precision,
        difference=difference,
        notes=tuple(note for some in said for note in some),
        inputs=(detector.imported.path,),
    )


def _precision(detector: Detector, place: Target, wanted: str | None) -> str:
    """The precision that is meant.

    Raises:
        TargetError: the place does not take it, or the model is quantised already and another was asked for.
    """
    if detector.is_quantized:
        if wanted is not None:
            raise TargetError(
                f"'{detector.imported.path}' is quantised already and keeps its widths, so '{wanted}' cannot be had: "
                f"leave the precision out, or give the float model."
            )
        place.require_integers()
        return INTEGERS
    precision = wanted or next(iter(place.precisions), "fp32")
    place.require(precision)
    return precision


def _difference(detector: Detector, artefact: Artefact, place: Target, apart: Apart) -> float:
    """How far boxes or scores are off, whichever is more, on noise."""
    family, theirs = detector.family, place.decoded_by(artefact, detector.family)
    feed = family.feeds(family.preprocess(_noise(detector))[0])
    expected, found = detector.open().run(feed), place.comparable().open(artefact).run(feed)
    boxes = apart(family.boxes(expected), theirs.boxes(found), 0.0)
    return max(boxes, apart(family.scores(expected), theirs.scores(found), LOW_SCORE))


def _noise(detector: Detector) -> npt.NDArray[np.uint8]:
    size = detector.family.height, detector.family.width, 3
    return np.random.default_rng(0).integers(0, 256, size, np.uint8)


def _largest(expected: Floats, found: Floats, least: float) -> float:
    """The largest difference, as a share of the largest number."""
    return float(np.abs(expected - found).max() / max(float(np.abs(expected).max()), least))


def _root_mean_square(expected: Floats, found: Floats, least: float) -> float:
    """The root mean square of the differences, as a share of that of the numbers."""
    apart = np.sqrt(np.square(expected - found).mean())
    return float(apart / max(float(np.sqrt(np.square(expected).mean())), least / np.sqrt(expected.size)))
