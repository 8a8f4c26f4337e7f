"""What PaddleDetection's exporter writes beside a model, in `infer_cfg.yml`: how images are prepared, and class names.

Where it is none, or says something else, nothing is taken from it: the model is read without.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from detquant.families.paddle_input import KEY
from detquant.untrusted import parse_yaml, read_text

NAME = "infer_cfg.yml"
LARGEST = 1 << 20
"""Most bytes of such a file that are read."""
GREY_LEVELS = 255.0


def metadata_beside(path: Path) -> dict[str, str]:
    """Entries for the metadata of a model's file; none where no such file lies beside it.

    Args:
        path: path of the model.
    """
    try:
        content = parse_yaml(read_text(path.with_name(NAME), LARGEST))
    except (OSError, ValueError):
        return {}
    if not isinstance(content, Mapping):
        return {}
    return {**_names(content.get("label_list")), **_input(content.get("Preprocess"))}


def _names(found: Any) -> dict[str, str]:
    fits = isinstance(found, list) and found and all(isinstance(one, str) for one in found)
    return {"names": json.dumps(found)} if fits else {}


def _input(steps: Any) -> dict[str, str]:
    """The entry on the input, of the steps NormalizeImage and Resize."""
    if not isinstance(steps, list) or not all(isinstance(one, Mapping) for one in steps):
        return {}
    by_type = {one.get("type"): one for one in steps}
    resize, normal = by_type.get("Resize", {}), by_type.get("NormalizeImage")
    numbers: tuple[Any, Any] = [0.0] * 3, [1.0] * 3
    scale = 1.0
    if normal is not None:
        if normal.get("norm_type", "mean_std") != "none":
            numbers = normal.get("mean"), normal.get("std")
        scale = GREY_LEVELS if normal.get("is_scale", True) is True else 1.0
    mean, std = (_scaled(one, scale) for one in numbers)
    if mean is None or std is None:
        return {}
    keeps = resize.get("keep_ratio", False) is True
    return {KEY: json.dumps({"mean": mean, "std": std, "keep_ratio": keeps})}


def _scaled(values: Any, scale: float) -> list[float] | None:
    if not isinstance(values, list) or len(values) != 3 or not all(isinstance(one, (int, float)) for one in values):
        return None
    return [round(one * scale, 4) for one in values]
