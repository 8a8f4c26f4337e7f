"""A checkpoint's weights in one of detquant's own architectures, as an ONNX file.

The names and shapes are compared with those of the architecture before any tensor is made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir

from detquant.architectures import load_architecture
from detquant.errors import ModelError
from detquant.importers._base import LARGEST, ImportedModel
from detquant.importers.checkpoint._base import StoredTensor, shown
from detquant.importers.checkpoint.export_cache import remembered
from detquant.untrusted import read_bytes

MIN_SIDE, MAX_SIDE = 32, 4096
# Counts the batches seen in training; older checkpoints lack it, and nothing depends on it.
_COUNTER = "num_batches_tracked"
_FLOATS = frozenset({"<f8", "<f4", "<f2", "bfloat16"})

Tensors = Mapping[str, StoredTensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A network of one of detquant's own architectures, as the shapes in a checkpoint tell it.

    Attributes:
        title: for sentences, such as "a YOLOv8n of 80 classes".
        architecture: a key of ARCHITECTURES.
        options: arguments of the architecture's class.
        side: side of the square input where neither the file nor the user names one, pixels.
        multiple: number that the side must be a multiple of.
        resizable: whether the network works at other sides too.
        outputs: names of the network's outputs.
        preprocess: preprocessing of a classifier, by its name in `detquant.families.preprocessing`; None of a detector.
    """

    title: str
    architecture: str
    options: Mapping[str, Any]
    side: int
    multiple: int = 1
    resizable: bool = True
    outputs: tuple[str, ...] = ("output0",)
    preprocess: str | None = None


def read_file(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        ModelError: it cannot be read.
    """
    try:
        return read_bytes(path, LARGEST)
    except OSError as error:
        raise ModelError(f"'{path}' cannot be read: {error.strerror}.") from error


def export(
    path: Path,
    content: bytes,
    network: Network,
    tensors: Tensors,
    side: int | None = None,
    names: tuple[str, ...] = (),
) -> bytes:
    """The network with these weights as an ONNX file, made now or kept from before (`export_cache`).

    Args:
        path: for the sentences only.
        content: bytes of the checkpoint.
        network: what the weights are of.
        tensors: the state dict.
        side: side of the square input, pixels; by default the network's.
        names: names of a detector's classes; without any, the file has no metadata.

    Raises:
        ModelError: the weights are not those of the network, or it cannot have that side.
        MissingExtra: torch or onnxscript is not installed.
    """
    pixels = checked_side(path, network, side or network.side)

    def make() -> bytes:
        module = fit(path, network, tensors)
        from detquant.architectures.export import export_onnx  # torch, which fit has found
        from detquant.architectures.export_metadata import detector_metadata

        metadata = detector_metadata(names, pixels) if names else None
        return export_onnx(module, (1, 3, pixels, pixels), metadata, network.outputs)

    return remembered(content, [asdict(network), pixels, names], make)


def imported(path: Path, content: bytes, exported: bytes, reason: str, facts: Mapping[str, str]) -> ImportedModel:
    """A model whose file is the checkpoint and whose graph was exported from it.

    Args:
        path: path of the checkpoint.
        content: bytes of the checkpoint.
        exported: the ONNX file.
        reason: what the checkpoint is, and how that was told.
        facts: added to the metadata.
    """
    proto = onnx.load_model_from_string(exported)
    metadata = {entry.key: entry.value for entry in proto.metadata_props} | dict(facts)
    return ImportedModel(
        model=ir.from_proto(proto),
        path=path,
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        metadata=metadata,
        reason=reason,
    )


def fit(path: Path, network: Network, tensors: Tensors) -> Any:
    """The network as a torch module in evaluation mode, with these weights.

    Raises:
        ModelError: a tensor is missing, extra, of another shape or type, or not finite.
        MissingExtra: torch is not installed.
    """
    architecture = load_architecture(network.architecture)
    import torch

    with torch.device("meta"):  # names and shapes, without the weights
        module = architecture(**network.options)
    expected = module.state_dict()
    _compare(path, network, tensors, {name: tuple(tensor.shape) for name, tensor in expected.items()})
    state = {}
    for name, like in expected.items():
        if name.endswith(_COUNTER):
            state[name] = torch.zeros((), dtype=torch.int64)
        else:
            state[name] = torch.from_numpy(_values(path, name, tensors[name])).to(like.dtype)
    module.load_state_dict(state, strict=True, assign=True)
    return module.eval()


def checked_side(path: Path, network: Network, side: int) -> int:
    """The side of an input, where the network can have it.

    Raises:
        ModelError: it cannot.
    """
    if not network.resizable and side != network.side:
        raise ModelError(
            f"'{path}' is {network.title}, whose input has {network.side} pixels and cannot have {shown(str(side))}: "
            "leave --imgsz out."
        )
    if not MIN_SIDE <= side <= MAX_SIDE or side % network.multiple:
        multiple = f"a multiple of {network.multiple} " if network.multiple > 1 else ""
        raise ModelError(
            f"'{path}' is {network.title}, which cannot have an input of {shown(str(side))} pixels: "
            f"pass --imgsz with {multiple}from {MIN_SIDE} to {MAX_SIDE}."
        )
    return side


def _compare(path: Path, network: Network, tensors: Tensors, expected: Mapping[str, tuple[int, ...]]) -> None:
    """Refuses tensors of which one is missing, extra or of another shape, and names the first such."""
    given = {name: tensor.shape for name, tensor in tensors.items() if not name.endswith(_COUNTER)}
    wanted = {name: shape for name, shape in expected.items() if not name.endswith(_COUNTER)}
    missing, extra = wanted.keys() - given.keys(), given.keys() - wanted.keys()
    shapes = {name for name in wanted.keys() & given.keys() if wanted[name] != given[name]}
    complaint = ""
    if missing:
        complaint = f"'{min(missing)}' is missing{_and_more(missing)}"
    elif extra:
        complaint = f"'{shown(min(extra))}' has no place in it{_and_more(extra)}"
    elif shapes:
        name = min(shapes)
        complaint = f"'{name}' has shape {list(given[name])} instead of {list(wanted[name])}{_and_more(shapes)}"
    if complaint:
        raise ModelError(
            f"'{path}' looks like {network.title}, but {complaint}: "
            "expected that network unchanged; for another one, export it to ONNX and give that file."
        )


def _and_more(names: set[str]) -> str:
    return f" (and {len(names) - 1} more)" if len(names) > 1 else ""


def _values(path: Path, name: str, tensor: StoredTensor) -> np.ndarray[Any, Any]:
    """A tensor's numbers, in memory of their own."""
    if tensor.storage.dtype not in _FLOATS:
        raise ModelError(
            f"'{path}' holds '{name}' as {np.dtype(tensor.storage.dtype)}: expected floating-point weights, "
            "so give the checkpoint of the float model."
        )
    values = tensor.numpy().astype(np.float32)
    if not np.isfinite(values).all():
        raise ModelError(f"'{path}' holds values in '{name}' that are not finite: its training has diverged.")
    return values
