"""What is written beside or inside a model's file about it.

1. `metadata.yaml` in the same folder, as Ultralytics writes beside its exports: names, imgsz, stride, task.
2. The `rt_info` of an IR: what the ONNX file said that it was converted from, as detquant's own IRs are, under
   "framework", and as JSON what of it XML cannot hold (`detquant.targets.openvino_metadata`); Open Model Zoo and
   OpenVINO's Model API keep the class names there, with "_" for blanks.

Files come from anyone: they are read within bounds, and what makes no sense is left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from detquant.untrusted import parse_json, parse_yaml, read_text

LARGEST = 1 << 20
"""Bytes of metadata that are read; names of thousands of classes fit."""

_LABELS = ["model_info", "labels"]
_OF_ONNX = "framework"
OTHERS = ["detquant", "metadata"]
"""Where detquant's IRs have the entries that XML cannot hold."""


def beside(folder: Path) -> dict[str, str]:
    """Case 1; empty where there is no such file."""
    try:
        return as_texts(parse_yaml(read_text(folder / "metadata.yaml", LARGEST)))
    except (OSError, ValueError):
        return {}


def as_texts(tree: object) -> dict[str, str]:
    """Entries as ONNX's metadata has them: Python literals, lists of numbers among them."""
    if not isinstance(tree, dict):
        return {}
    named = tree.get("names")
    if isinstance(named, dict) and all(isinstance(key, str) and key.isdecimal() for key in named):  # as JSON has them
        tree = tree | {"names": {int(key): name for key, name in named.items()}}
    texts: dict[str, str] = {}
    for key, value in tree.items():
        try:
            texts[str(key)] = value if isinstance(value, str) else str(value)
        except (ValueError, RecursionError):  # a number of thousands of digits, or nested without end
            continue
    return texts


def inside(model: Any, known: Mapping[str, str]) -> dict[str, str]:
    """Case 2, as far as it is not known.

    Args:
        model: an `openvino.Model`.
        known: metadata that there is already.
    """
    told = {key: text for key, text in (_of_onnx(model) | _others(model)).items() if key not in known}
    if "names" in known or "names" in told or "detquant.classes" in told or not model.has_rt_info(_LABELS):
        return told
    labels = str(model.get_rt_info(_LABELS).value).split()
    names = {"detquant.classes": json.dumps([label.replace("_", " ") for label in labels])} if labels else {}
    return told | names


def _of_onnx(model: Any) -> dict[str, str]:
    """The metadata_props of the ONNX file that an IR was converted from."""
    if not model.has_rt_info(_OF_ONNX):
        return {}
    tree = model.get_rt_info(_OF_ONNX).value
    if not isinstance(tree, dict):
        return {}
    texts = {str(key): getattr(entry, "value", entry) for key, entry in tree.items()}
    return {key: text for key, text in texts.items() if isinstance(text, str) and len(text) <= LARGEST}


def _others(model: Any) -> dict[str, str]:
    """What a file of detquant has as JSON."""
    if not model.has_rt_info(OTHERS):
        return {}
    text = model.get_rt_info(OTHERS).value
    try:
        tree = parse_json(text) if isinstance(text, str) else None
    except ValueError:
        return {}
    entries = tree if isinstance(tree, dict) else {}
    return {key: entry for key, entry in entries.items() if isinstance(entry, str)}
