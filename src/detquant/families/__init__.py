"""Families of detectors, and classifiers: what goes into a network, and what its raw outputs mean."""

from __future__ import annotations

import pkgutil

from detquant.errors import ModelError, unknown_name
from detquant.families._base import (
    CONFIDENCE,
    Detections,
    Family,
    Geometry,
    Inside,
    Signature,
    is_dynamic,
    shapes_text,
)
from detquant.families.class_names import COCO_NAMES

__all__ = [
    "COCO_NAMES",
    "CONFIDENCE",
    "FAMILIES",
    "TASKS",
    "Detections",
    "Family",
    "Geometry",
    "Inside",
    "Signature",
    "find_family",
    "load_family",
]

FAMILIES = {
    "yolov8": "detquant.families.yolov8:YOLOv8",
    "yolov8-maps": "detquant.families.yolov8_maps:YOLOv8Maps",
    "yolox": "detquant.families.yolox:YOLOX",
    "nanodet": "detquant.families.nanodet:NanoDet",
    "nanodet-plus": "detquant.families.nanodet_plus:NanoDetPlus",
    "yolov4": "detquant.families.yolov4:YOLOv4",
    "ssd-raw": "detquant.families.ssd_raw:SSDRaw",
    "ssd-mobilenet": "detquant.families.ssd_mobilenet:SSDMobileNet",
    "ssd-postprocessed": "detquant.families.ssd_postprocessed:SSDPostprocessed",
    "ssd300": "detquant.families.ssd300:SSD300",
    "classifier": "detquant.families.classifier:Classifier",
}

KINDS = {"ssd": ("ssd-raw", "ssd-mobilenet", "ssd-postprocessed", "ssd300")}
"""Names that stand for several families: the one whose shapes fit is meant."""

TASKS = ("detect", "classify")


def load_family(name: str) -> type[Family]:
    """The class of a family in FAMILIES.

    Raises:
        ModelError: there is none of that name.
    """
    if name not in FAMILIES:
        raise ModelError(unknown_name("family", name, [*FAMILIES, *KINDS]))
    family: type[Family] = pkgutil.resolve_name(FAMILIES[name])
    return family


def find_family(signature: Signature, name: str = "auto", classes: tuple[str, ...] | None = None) -> tuple[Family, str]:
    """Tells a model's family: the one named, else the one the file names, else the one its shapes fit.

    Args:
        signature: of the model.
        name: a key of FAMILIES or KINDS, or "auto".
        classes: class names that overrule the file's.

    Returns:
        The family for this model, and a sentence saying why it is that one.

    Raises:
        ModelError: the model has another task than `TASKS`, has dynamic dimensions, is not of the family named, or
            is of none.
    """
    candidates = KINDS.get(name, tuple(FAMILIES))
    named = signature.metadata.get("detquant.family", "") if name == "auto" else name
    wanted = load_family(named) if named and named not in KINDS else None
    _refuse_other_kinds(signature)
    _, height, width = signature.image_input()
    _refuse_dynamic_outputs(signature)
    if wanted is not None:
        reason = wanted.matches(signature)
        if reason is None:
            raise ModelError(_wrong_family(signature, wanted, height, width))
        if name == "auto":
            reason = f"The file says so (detquant.family). {reason}"
        return wanted.from_signature(signature, classes), reason
    for family in map(load_family, candidates):
        reason = family.matches(signature)
        if reason is not None:
            return family.from_signature(signature, classes), reason
    known = "; ".join(f"{key}: {load_family(key).expected(height, width)}" for key in candidates)
    none = f"no family {name}" if name in KINDS else "no known family"
    raise ModelError(
        f"The model is of {none}: found {shapes_text(signature.outputs)} for an input of {height}x{width}."
        f"{_hint(signature)} Known: {known}."
    )


def _wrong_family(signature: Signature, wanted: type[Family], height: int, width: int) -> str:
    fits = [key for key in FAMILIES if load_family(key).matches(signature) is not None]
    advice = f" Its shapes are those of {fits[0]}: use that family." if fits else _hint(signature)
    return (
        f"The model is not of family '{wanted.name}': found {shapes_text(signature.outputs)} for an input of "
        f"{height}x{width}; expected {wanted.expected(height, width)}.{advice}"
    )


def _refuse_other_kinds(signature: Signature) -> None:
    """Says so when the model has another task."""
    task = signature.metadata.get("task", TASKS[0])
    if task not in TASKS:
        raise ModelError(f"The model's metadata says its task is '{task}'; only {' and '.join(TASKS)} are taken.")


def _refuse_dynamic_outputs(signature: Signature) -> None:
    loose = {name: shape for name, shape in signature.outputs.items() if is_dynamic(shape)}
    if loose:
        raise ModelError(
            f"The model has dynamic outputs: {shapes_text(loose)}. Fixed shapes are needed: export it again "
            "with a fixed size, a batch of 1 and without NMS in the graph."
        )


def _hint(signature: Signature) -> str:
    """What a well-known foreign output is, as a sentence with a leading space; empty if not known."""
    shapes = list(signature.outputs.values())
    if len(shapes) == 1 and len(shapes[0]) == 3 and shapes[0][2] == 6:
        return " It seems to have NMS in the graph: export it again without (Ultralytics: nms=False)."
    return ""
