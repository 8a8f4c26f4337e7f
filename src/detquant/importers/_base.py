"""What an importer gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx_ir as ir

LARGEST = 4 << 30
"""Bytes of a file of a model that are read; the largest detectors have some hundred million."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedModel:
    """A model as it was read, before anything is changed.

    Attributes:
        model: the graph with all weights in memory.
        path: the file that was named.
        sha256: digest of the file, followed by its external data where there is any, in hexadecimal.
        size_bytes: bytes of the file and of its external data.
        metadata: what the exporter wrote about the model, such as "names", "stride", "imgsz".
        reason: which importer read the file, and why that one.
        turned: whether the file was made by a converter that turned the channels of the first layer's weights, so
            that the graph reads BGR for a network that reads RGB, or the other way round.
    """

    model: ir.Model
    path: Path
    sha256: str
    size_bytes: int
    metadata: Mapping[str, str]
    reason: str = ""
    turned: bool = False
