"""What detquant writes into a file that it makes, so that it can be read again without being told anything."""

from __future__ import annotations

import json

import onnx_ir as ir

from detquant._version import __version__
from detquant.families import THRESHOLD
from detquant.families.class_names import SUPPOSED
from detquant.families.fed import form_entry
from detquant.pipeline.detector import Detector
from detquant.report.plain import plain


def label(qdq: ir.Model, detector: Detector, recipe: str, target: str) -> None:
    """Writes family, classes, image size and recipe into the file, beside the exporter's own metadata."""
    family = detector.family
    told = detector.imported.metadata
    qdq.metadata_props.update(told)
    if told.get("detquant.recipe") != recipe:  # the threshold of other roundings
        qdq.metadata_props.pop(THRESHOLD, None)
    qdq.metadata_props.update(
        {
            "detquant.version": __version__,
            "detquant.family": family.name,
            "detquant.classes": json.dumps(list(family.classes)),
            **({SUPPOSED: "true"} if family.names_supposed else {}),
            "detquant.imgsz": json.dumps([family.height, family.width]),
            "detquant.recipe": recipe,
            "detquant.target": target,
            **family.written(),
            **(form_entry(family.form) if family.adapted and not family.input_key else {}),
        }
    )
    words = {plain(key): plain(text) for key, text in qdq.metadata_props.items()}  # no format takes lone surrogates
    qdq.metadata_props.clear()
    qdq.metadata_props.update(words)
