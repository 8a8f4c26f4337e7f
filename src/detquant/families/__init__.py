"""Families of detectors, and classifiers: what goes into a network, and what its raw outputs mean."""

from __future__ import annotations

from dataclasses import replace

from detquant.errors import ModelError, load_named
from detquant.families._base import CONFIDENCE, THRESHOLD, Detections, Family
from detquant.families.besides import Besides, apart
from detquant.families.class_names import COCO_NAMES
from detquant.families.geometry import Geometry
from detquant.families.reading import written_reading
from detquant.families.signature import Inside, Signature, is_dynamic, shapes_text
from detquant.families.strangers import advice, nearest_families

__all__ = [
    "COCO_NAMES",
    "CONFIDENCE",
    "FAMILIES",
    "TASKS",
    "THRESHOLD",
    "Detections",
    "Family",
    "Geometry",
    "Inside",
    "Signature",
    "also_fitting",
    "find_family",
    "load_family",
]

FAMILIES = {
    "nanodet": "detquant.families.nanodet:NanoDet",
    "yolov8-obb": "detquant.families.yolov8_obb:YOLOv8OBB",
    "yolov8": "detquant.families.yolov8:YOLOv8",
    "yolov5-maps": "detquant.families.yolov5_maps:YOLOv5Maps",
    "yolov8-maps": "detquant.families.yolov8_maps:YOLOv8Maps",
    "yolov6-maps": "detquant.families.yolov6_maps:YOLOv6Maps",
    "rtmdet-maps": "detquant.families.rtmdet_maps:RTMDetMaps",
    "ppyoloe-maps": "detquant.families.ppyoloe_maps:PPYOLOEMaps",
    "damo-yolo-maps": "detquant.families.damo_yolo_maps:DAMOYOLOMaps",
    "yolov6": "detquant.families.yolov6:YOLOv6",
    "yolox": "detquant.families.yolox:YOLOX",
    "yolov5": "detquant.families.yolov5:YOLOv5",
    "nanodet-plus": "detquant.families.nanodet_plus:NanoDetPlus",
    "picodet": "detquant.families.picodet:PicoDet",
    "end-to-end": "detquant.families.end_to_end:EndToEnd",
    "efficient-nms": "detquant.families.found_apart:EfficientNMS",
    "rt-detr": "detquant.families.rt_detr:RTDETR",
    "detr-topk": "detquant.families.detr_topk:DETRTopK",
    "yolo-fastestv2": "detquant.families.yolo_fastestv2:YOLOFastestV2",
    "fastestdet": "detquant.families.fastestdet:FastestDet",
    "yunet": "detquant.families.yunet:YuNet",
    "scrfd": "detquant.families.scrfd:SCRFD",
    "retinaface": "detquant.families.retinaface:RetinaFace",
    "yolov4": "detquant.families.yolov4:YOLOv4",
    "ssd-raw": "detquant.families.ssd_raw:SSDRaw",
    "ssd-mobilenet": "detquant.families.ssd_mobilenet:SSDMobileNet",
    "ssd-postprocessed": "detquant.families.ssd_postprocessed:SSDPostprocessed",
    "ssd300": "detquant.families.ssd300:SSD300",
    "ultraface": "detquant.families.ultraface:UltraFace",
    "detr": "detquant.families.detr:DETR",
    "paddle": "detquant.families.paddle:Paddle",
    "dets-labels": "detquant.families.found_apart:DetsLabels",
    "ppyoloe": "detquant.families.boxes_scores:PPYOLOE",
    "damo-yolo": "detquant.families.boxes_scores:DAMOYOLO",
    "classifier": "detquant.families.classifier:Classifier",
}

KINDS = {"ssd": ("ssd-raw", "ssd-mobilenet", "ssd-postprocessed", "ssd300")}
"""Names that stand for several families: the one whose shapes fit is meant."""

TASKS = ("detect", "classify", "segment", "pose", "obb")
"""Tasks that a file's metadata may name; of the last three the boxes are scored."""


def load_family(name: str) -> type[Family]:
    """The class of a family in FAMILIES.

    Raises:
        ModelError: there is none of that name.
    """
    family: type[Family] = load_named("family", name, FAMILIES, ModelError, also=KINDS)
    return family


def find_family(signature: Signature, name: str = "auto", classes: tuple[str, ...] | None = None) -> tuple[Family, str]:
    """Tells a model's family: the one named, else the one the file names, else the one its shapes fit.

    Args:
        signature: signature of the model.
        name: a key of FAMILIES or KINDS, or "auto".
        classes: class names that overrule the file's.

    Returns:
        The family for this model, read as its metadata tells, and a sentence saying why it is that one.

    Raises:
        ModelError: the model has another task than `TASKS`, has dynamic dimensions, is not of the family named, or
            is of none; or its metadata tells a reading that cannot be understood.
    """
    candidates = KINDS.get(name, tuple(FAMILIES))
    named = signature.metadata.get("detquant.family", "") if name == "auto" else name
    wanted = load_family(named) if named and named not in KINDS else None
    _refuse_other_kinds(signature)
    _, height, width = signature.image_input()
    signature, besides = apart(signature)
    if wanted is not None:
        signature = replace(signature, metadata={**signature.metadata, "detquant.family": wanted.name})
        reason = wanted.matches(signature)
        if reason is None:
            _refuse_dynamic_outputs(signature)
            raise ModelError(_wrong_family(signature, wanted, height, width))
        if name == "auto":
            reason = f"The file tells its family. {reason}"
        return _found(wanted, signature, classes, besides, reason)
    for family in map(load_family, candidates):
        reason = family.matches(signature)
        if reason is not None:
            return _found(family, signature, classes, besides, reason)
    _refuse_dynamic_outputs(signature)
    none = f"no family {name}" if name in KINDS else "no known family"
    near = nearest_families(signature, [load_family(key) for key in candidates])
    raise ModelError(
        f"The model is of {none}: found {shapes_text(signature.outputs) or 'no outputs'} for an input of "
        f"{height}x{width}. Nearest: {'; '.join(f'{one.name}: {one.expected(height, width)}' for one in near)}. "
        f"{advice(signature)}"
    )


def also_fitting(signature: Signature, taken: str) -> dict[str, str]:
    """The other families whose outputs have the same shapes, and what would tell them.

    Args:
        signature: signature of the model.
        taken: name of the family that it was taken for.
    """
    others = [load_family(name) for name in FAMILIES if name != taken]
    blind = replace(apart(signature)[0], joined={}, sample=None)
    said = {family: replace(blind, metadata={"detquant.family": family.name}) for family in others}
    return {family.name: family.mark for family in others if family.matches(said[family]) is not None}


def _found(
    family: type[Family], signature: Signature, classes: tuple[str, ...] | None, besides: Besides | None, reason: str
) -> tuple[Family, str]:
    """The family as its metadata tells, which leaves out what is not scored, and why it is that one."""
    made = _as_told(family, signature, classes)
    made.besides = besides or made.besides
    return made, f"{reason} {made.besides.sentence}" if made.besides else reason


def _as_told(family: type[Family], signature: Signature, classes: tuple[str, ...] | None) -> Family:
    """The family with the reading that the metadata tells; words that it does not heed say nothing of it."""
    made = family.from_signature(signature, classes)
    said = written_reading(signature.metadata).items()
    return made.read_as({kind: word for kind, word in said if made.heeds(kind, word)})


def _wrong_family(signature: Signature, wanted: type[Family], height: int, width: int) -> str:
    unsaid = {key: value for key, value in signature.metadata.items() if key != "detquant.family"}
    signature = replace(signature, metadata=unsaid)
    fits = [key for key in FAMILIES if load_family(key).matches(signature) is not None]
    hint = f"Its shapes are those of {fits[0]}: use that family." if fits else advice(signature)
    return (
        f"The model is not of family '{wanted.name}': found {shapes_text(signature.outputs)} for an input of "
        f"{height}x{width}; expected {wanted.expected(height, width)}. {hint}"
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
