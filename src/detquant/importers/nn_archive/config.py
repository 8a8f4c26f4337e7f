"""The `config.json` of an NN Archive, version 1 (Luxonis documentation, "NN Archive"), as metadata of its model.

Heeded, as far as it is there and makes sense:

1. `model.metadata.path`: the model, inside the archive;
2. of the one image input, `preprocessing`: x' = (x - mean) / scale, in the order of the channels that the model takes:
   what `dai_type` begins with, RGB or BGR, else RGB where `reverse_channels` is true and BGR where it is false; and
   `resize_mode`;
3. of the first head that has them, the names of the `classes`.

Where mean and scale are missing, their converters take 0 and 1, and many archives leave them out all the same that take
0 to 1: nothing is concluded from that.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from detquant.errors import ModelError
from detquant.families.fed import form_entry
from detquant.families.input_form import Triple, WholeImage
from detquant.families.reading import reading_entry
from detquant.untrusted import one_line, parse_json, read_text

CONFIG = "config.json"
_LARGEST = 8 << 20
_MODELS = (".onnx", ".xml", ".tflite", ".pt2", ".pt")
_SIZES = {"LETTERBOX": "letterbox", "STRETCH": "stretch"}
_ORDERS = {"RGB": True, "BGR": False}


def read_config(path: Path, folder: Path) -> Mapping[str, Any]:
    """Reads the configuration of an unpacked archive.

    Args:
        path: path of the archive, for messages.
        folder: folder that it was unpacked into.

    Raises:
        ModelError: there is no configuration, or it is not one of an NN Archive.
    """
    file = folder / CONFIG
    if not file.is_file():
        held = sorted(one.name for one in folder.rglob("*") if one.suffix.lower() in _MODELS)
        what = f"the model in it ('{one_line(held[0])}')" if held else "the model that is in it"
        raise ModelError(
            f"'{path}' is an archive without {CONFIG}, so no NN Archive of OAK cameras: unpack it and give {what}."
        )
    try:
        config = parse_json(read_text(file, _LARGEST))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ModelError(f"'{path}' has a {CONFIG} that cannot be read: {one_line(why, 160)}.") from error
    model = _dict(config).get("model")
    if not isinstance(model, dict) or str(config.get("config_version", "1"))[:1] != "1":
        raise ModelError(f"'{path}' has a {CONFIG} that is none of an NN Archive of version 1: expected 'model' in it.")
    return model


def model_path(path: Path, folder: Path, model: Mapping[str, Any]) -> str:
    """The path of the model in the archive (case 1).

    Raises:
        ModelError: there is no such file, or it would be outside.
    """
    name = _dict(model.get("metadata")).get("path")
    if not isinstance(name, str) or not name or "\0" in name:
        raise ModelError(f"'{path}' does not say which file its model is: expected model.metadata.path in {CONFIG}.")
    try:
        inside = (folder / name).resolve()
        if inside.is_relative_to(folder.resolve()) and inside.is_file():
            return inside.relative_to(folder.resolve()).as_posix()
    except (OSError, RuntimeError, ValueError):  # no file can have this name
        pass
    raise ModelError(f"'{path}' says that its model is '{one_line(name)}', and there is no such file in it.")


def entries(model: Mapping[str, Any]) -> dict[str, str]:
    """The metadata that input and heads of the configuration come to (cases 2 and 3).

    Args:
        model: entry "model" of the configuration.
    """
    images = [one for one in _dicts(model.get("inputs")) if one.get("input_type", "image") == "image"]
    found = _of_input(_dict(images[0].get("preprocessing"))) if len(images) == 1 else {}
    for head in _dicts(model.get("heads")):
        names = _dict(head.get("metadata")).get("classes")
        if isinstance(names, list) and names and all(isinstance(name, str) for name in names):
            return {**found, "detquant.classes": json.dumps(names)}
    return found


def _of_input(said: Mapping[str, Any]) -> dict[str, str]:
    """The metadata that the preprocessing of the input comes to (case 2)."""
    rgb = _ORDERS.get(str(said.get("dai_type"))[:3])
    turned = said.get("reverse_channels")
    if rgb is None and isinstance(turned, bool):
        rgb = turned
    mean, scale = _triple(said.get("mean"), 0.0), _triple(said.get("scale"), 1.0)
    words = {"size": _SIZES[said["resize_mode"]]} if said.get("resize_mode") in list(_SIZES) else {}
    told = said.get("mean") is not None or said.get("scale") is not None
    if rgb is None or not told or mean is None or scale is None or 0 in scale:
        words |= {} if rgb is None else {"channels": "rgb" if rgb else "bgr"}
        return reading_entry(words)
    return {**form_entry(WholeImage(rgb=rgb, mean=mean, std=scale)), **reading_entry(words)}


def _triple(values: object, otherwise: float) -> Triple | None:
    """Three numbers, or one for all channels; None for anything else."""
    listed = values if isinstance(values, list) else [otherwise if values is None else values]
    if len(listed) not in (1, 3) or not all(type(one) in (int, float) for one in listed):
        return None
    try:
        first, second, third = (float(str(one)) for one in listed * (3 // len(listed)))
    except ValueError:  # thousands of digits
        return None
    return (first, second, third) if np.isfinite([first, second, third]).all() else None


def _dict(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: object) -> Iterator[Mapping[str, Any]]:
    return (one for one in value if isinstance(one, dict)) if isinstance(value, list) else iter(())
