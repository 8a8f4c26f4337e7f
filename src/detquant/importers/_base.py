"""The model that an importer gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

LARGEST = 4 << 30
"""Most bytes of a model's file that are read; the largest detectors have some hundred million."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnFile:
    """How a file runs in the runtime that it was written for, and gives there what the imported graph gives.

    Attributes:
        target: the place that runs it, a key of `detquant.targets.TARGETS`.
        runtime: what people call its runtime.
        path: path of the file.
        tensors: names of tensors of the file, one for each output of the graph; none where they are its own outputs.
        factors: what the graph multiplies an output by, behind the file, by the output's name.
        decode: an ONNX file behind it, whose outputs are the graph's.
    """

    target: str
    runtime: str
    path: Path
    tensors: tuple[str, ...] = ()
    factors: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    decode: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedModel:
    """A model as it was read, before anything is changed.

    Attributes:
        model: the graph with all weights in memory.
        path: the file that was named.
        sha256: digest of the file, followed by its external data where there is any, in hexadecimal.
        size_bytes: size of the file in bytes and of its external data.
        metadata: what the exporter wrote about the model, such as "names", "stride", "imgsz".
        reason: which importer read the file, and why that one.
        own: how the file itself runs; None where it is the graph, or nothing that runs.
        turned: whether the file was made by a converter that turned the channels of the first layer's weights, so
            that the graph reads BGR for a network that reads RGB, or the other way round.
    """

    model: ir.Model
    path: Path
    sha256: str
    size_bytes: int
    metadata: Mapping[str, str]
    reason: str | None = None
    own: OwnFile | None = None
    turned: bool = False
