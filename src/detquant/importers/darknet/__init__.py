"""Darknet: a .cfg that tells the layers, and a .weights file with their numbers.

The user names either; the other lies beside it. What comes out is an ONNX graph whose outputs are the raw maps in
front of each [yolo] section, with BatchNorm as nodes of its own and each node called by its layer in Darknet's
count (`layer_012/conv`). What the [yolo] sections say about decoding goes into the metadata, see
`detquant.families.yolo_heads`.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from detquant.families.yolo_heads import KEY
from detquant.importers._base import ImportedModel
from detquant.importers.darknet.cfg import read_cfg
from detquant.importers.darknet.layers import build
from detquant.importers.darknet.names import read_names
from detquant.importers.darknet.pair import find_pair
from detquant.importers.darknet.weights import fill

__all__ = ["load", "matches"]


def matches(path: Path) -> bool:
    """Whether the file is named .cfg or .weights."""
    return path.suffix.lower() in (".cfg", ".weights")


def load(path: Path, imgsz: int | None = None) -> ImportedModel:
    """Read a Darknet detector.

    Args:
        path: the .cfg or the .weights file.
        imgsz: not used: the cfg has width and height.

    Returns:
        The model; its digest is that of the .cfg followed by the .weights, whichever was named.

    Raises:
        ModelError: one of the two is missing, damaged, does not fit the other, or says what is not known here.
    """
    pair = find_pair(path)
    sections, text = read_cfg(pair.cfg)
    network, heads = build(sections)
    content = fill(network.parameters, pair)
    metadata = {"detquant.family": "yolov4", KEY: heads.to_json()}
    names = read_names(pair.cfg, heads.classes)
    if names is not None:
        metadata["detquant.classes"] = json.dumps(names)
    model = network.model()
    model.metadata_props.update(metadata)
    digest = hashlib.sha256(text)
    digest.update(content)
    return ImportedModel(
        model=model, path=path, sha256=digest.hexdigest(), size_bytes=len(text) + len(content), metadata=metadata
    )
