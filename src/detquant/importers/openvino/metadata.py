"""The metadata that is written beside or inside a model's file.

1. `metadata.yaml` in the same folder, as Ultralytics writes beside its exports: names, imgsz, stride, task.
2. The `rt_info` of an IR: what the ONNX file said that it was converted from, as detquant's own IRs are, under
   "framework", and as JSON what of it XML cannot hold (`detquant.targets.openvino_metadata`); Open Model Zoo and
   OpenVINO's Model API keep the class names there, with "_" for blanks.
3. The Model API also keeps there how an image is prepared in front of the file, unless it has been put into the graph
   ("embedded_processing"): x' = (x - mean_values) / scale_values, of RGB if "reverse_input_channels", else of BGR.

Files come from anyone: they are read within bounds, and what makes no sense is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from detquant.families.fed import form_entry
from detquant.families.input_form import Triple, WholeImage
from detquant.untrusted import parse_json, parse_yaml, read_text

LARGEST = 1 << 20
"""Most bytes of metadata that are read; names of thousands of classes fit."""

_INFO = "model_info"
_LABELS = [_INFO, "labels"]
_NUMBER = re.compile(r"-?\d{1,9}(?:\.\d{1,9})?")
_LONGEST = 200
OF_ONNX = "framework"
"""Name in an IR of the tree of an ONNX file's metadata."""
OTHERS = ["detquant", "metadata"]
"""Path in an IR of detquant's to the entries that XML cannot hold."""


def beside(folder: Path) -> dict[str, str]:
    """The entries of the `metadata.yaml` in a folder (case 1); empty where there is no such file."""
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
    """The entries in the `rt_info` of a model that are not known already (cases 2 and 3).

    Args:
        model: an `openvino.Model`.
        known: metadata that there is already.
    """
    found = _of_onnx(model) | _others(model) | _of_input(model)
    told = {key: text for key, text in found.items() if key not in known}
    if "names" in known or "names" in told or "detquant.classes" in told or not model.has_rt_info(_LABELS):
        return told
    labels = str(model.get_rt_info(_LABELS).value).split()
    names = {"detquant.classes": json.dumps([label.replace("_", " ") for label in labels])} if labels else {}
    return told | names


def _of_input(model: Any) -> dict[str, str]:
    """The entry about the input that the Model API's preprocessing comes to (case 3)."""
    said = {key: _model_info(model, key) for key in ("mean_values", "scale_values", "reverse_input_channels")}
    if not any(said.values()) or _is_yes(_model_info(model, "embedded_processing")):
        return {}
    mean, std = _triple(said["mean_values"], 0.0), _triple(said["scale_values"], 1.0)
    if mean is None or std is None or 0 in std:
        return {}
    return form_entry(WholeImage(rgb=_is_yes(said["reverse_input_channels"]), mean=mean, std=std))


def _model_info(model: Any, key: str) -> str:
    place = [_INFO, key]
    return str(model.get_rt_info(place).value)[:_LONGEST] if model.has_rt_info(place) else ""


def _is_yes(text: str) -> bool:
    return text.strip().lower() in ("true", "yes", "1")


def _triple(text: str, otherwise: float) -> Triple | None:
    """Three numbers, or one for all channels; None for any other text."""
    numbers = [float(one) for one in _NUMBER.findall(text)] or [otherwise]
    if len(numbers) not in (1, 3):
        return None
    first, second, third = numbers * (3 // len(numbers))
    return first, second, third


def _of_onnx(model: Any) -> dict[str, str]:
    """The metadata_props of the ONNX file that an IR was converted from."""
    if not model.has_rt_info(OF_ONNX):
        return {}
    tree = model.get_rt_info(OF_ONNX).value
    if not isinstance(tree, dict):
        return {}
    texts = {str(key): getattr(entry, "value", entry) for key, entry in tree.items()}
    return {key: text for key, text in texts.items() if isinstance(text, str) and len(text) <= LARGEST}


def _others(model: Any) -> dict[str, str]:
    """The entries of detquant's own IRs that are kept as JSON, since XML cannot hold them."""
    if not model.has_rt_info(OTHERS):
        return {}
    text = model.get_rt_info(OTHERS).value
    try:
        tree = parse_json(text) if isinstance(text, str) else None
    except ValueError:
        return {}
    entries = tree if isinstance(tree, dict) else {}
    return {key: entry for key, entry in entries.items() if isinstance(entry, str)}
