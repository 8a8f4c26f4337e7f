"""What is made of a file takes and gives what the file did, where the place's files can."""

from __future__ import annotations

import onnx_ir as ir

from detquant.graph.full_precision import is_full_precision
from detquant.graph.original_ends import with_original_ends
from detquant.pipeline.detector import Detector
from detquant.targets import Target


def with_ends_of_file(model: ir.Model, detector: Detector, place: Target) -> ir.Model:
    """A graph with the ends of the detector's file, if the place takes them.

    Args:
        model: made of the detector's prepared graph.
        detector: the detector whose file it is.
        place: the target that the graph is made for.
    """
    return with_original_ends(model, detector.ends) if place.keeps_ends else model


def said_of_feeding(detector: Detector) -> tuple[str, ...]:
    """A sentence on what the file's graph does to its image, where it is fed another image than the family's."""
    family = detector.family
    return (family.fed,) if family.adapted and family.fed else ()


def said_of_running(detector: Detector, place: Target) -> tuple[str, ...]:
    """A sentence that a place runs the file's graph in float32, fed as it has images; none where it takes the file."""
    plain = detector.ends.plain and not detector.family.given
    if detector.runs_as_it_is(place) or (plain and is_full_precision(detector.imported.model)):
        return ()
    return (
        f"Files for {place.name} hold neither half precision nor other inputs than its own: the graph of this one ran "
        f"there in float32, with the same numbers as images.",
    )


def said_of_ends(detector: Detector, place: Target, *, kept: bool = True) -> tuple[str, ...]:
    """A sentence that what is made for a place has other ends than the file; none where it has the same.

    Args:
        detector: the detector whose file it is.
        place: the target that it was made for.
        kept: whether whoever made it keeps ends where the place does.
    """
    if place.keeps_ends and kept:
        return ()
    given = detector.family.given
    frozen = (
        (
            f"The file also takes {', '.join(given)}; what is made of it for {place.name} takes the image alone, and "
            f"its boxes are in pixels of that.",
        )
        if given and not place.keeps_ends
        else ()
    )
    if detector.ends.plain:
        return frozen
    images = {name: end for name, end in detector.ends.inputs.items() if name not in given}
    theirs = ", ".join(f"{name} as {end.described}" for name, end in images.items())
    return (
        *frozen,
        f"The file takes {theirs}; what is made of it for {place.name} takes the same numbers in that target's own "
        f"element type and layout.",
    )
