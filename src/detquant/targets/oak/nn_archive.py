"""The NN Archive of Luxonis: a model and what DepthAI has to know of it, in one ``.tar.xz``.

Written is config version 1.0 (Luxonis documentation, "NN Archive"; schema in ``luxonis_ml.nn_archive``): how the
image goes in, which outputs there are, and how they are decoded.
"""

from __future__ import annotations

import io
import json
import lzma
import tarfile
from collections.abc import Mapping
from typing import Any

from detquant.families import CONFIDENCE, Family, Signature
from detquant.families.yolov8_maps import YOLOv8Maps

LAYOUTS = {2: "NC", 3: "NCD", 4: "NCHW"}
RESIZES = {"stretch": "STRETCH", "stretch-from-corner": "STRETCH", "crop": "CROP"}  # all others keep the aspect
PARSERS = {"yolov8-maps": "YOLO", "classifier": "ClassificationParser"}
"""Parsers by family: what decodes it on the camera's host, in DepthAI and its nodes."""


def parser_of(family: Family) -> str | None:
    """The parser that decodes the outputs of a model; None where there is none."""
    raw = isinstance(family, YOLOv8Maps) and not family.is_for_oak
    return None if raw else PARSERS.get(family.name)


def nn_archive(model: str, content: bytes, family: Family, signature: Signature) -> bytes:
    """The archive's bytes; the same model, the same bytes.

    Args:
        model: file name of the model within the archive.
        content: bytes of the model's file.
        family: family of the model.
        signature: signature of the model.
    """
    config = json.dumps(archive_config(model, family, signature), indent=2).encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in ((model, content), ("config.json", config)):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return lzma.compress(packed.getvalue(), preset=6)


def archive_config(model: str, family: Family, signature: Signature) -> dict[str, Any]:
    """The archive's ``config.json`` as plain values."""
    form = family.form
    image = {
        "name": family.input_name,
        "dtype": "float32",
        "input_type": "image",
        "shape": [1, 3, family.height, family.width],
        "layout": "NCHW",
        "preprocessing": {
            "mean": list(form.mean),
            "scale": list(form.std),
            "dai_type": "RGB888p" if form.rgb else "BGR888p",
            "resize_mode": RESIZES.get(form.resize, "LETTERBOX"),
        },
    }
    outputs = [
        {"name": name, "dtype": "float32", "shape": list(shape), "layout": LAYOUTS.get(len(shape))}
        for name, shape in signature.outputs.items()
    ]
    return {
        "config_version": "1.0",
        "model": {
            "metadata": {"name": family.name, "path": model, "precision": "float16"},
            "inputs": [image],
            "outputs": outputs,
            "heads": [_head(family, signature)],
        },
    }


def _head(family: Family, signature: Signature) -> dict[str, Any]:
    """How the outputs are decoded; a family without a parser has a name that no parser has, for the host's own code."""
    return {
        "name": family.name,
        "parser": parser_of(family) or f"detquant-{family.name}",
        "outputs": list(signature.outputs),
        "metadata": {
            "classes": list(family.classes),
            "n_classes": family.num_classes,
            **(_of_classifier(signature) if family.task == "classify" else _of_detector(family, signature)),
        },
    }


def _of_classifier(signature: Signature) -> Mapping[str, Any]:
    return {"is_softmax": all(signature.ends.get(name) == "Softmax" for name in signature.outputs)}


def _of_detector(family: Family, signature: Signature) -> Mapping[str, Any]:
    thresholds = {"iou_threshold": family.nms_iou, "conf_threshold": CONFIDENCE, "max_det": family.max_detections}
    yolo = {"subtype": "yolov8", "yolo_outputs": list(signature.outputs)} if parser_of(family) == "YOLO" else {}
    return {**thresholds, **yolo}
