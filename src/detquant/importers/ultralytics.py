"""Checkpoints of detectors by Ultralytics, YOLOv5 and YOLOv7: whole pickled networks, of which nothing is run.

    {"epoch", "model": DetectionModel, "ema": DetectionModel or None, "train_args": {"imgsz", ...}, ...}

A YOLOv8 is recognised by the kinds of its modules, then by the names and shapes of its tensors, and only these are
taken. Others are written module by module, by what each says of itself (`yolo_modules`). Where there is an average of
the weights ("ema") it is taken, as Ultralytics does.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import onnx
import onnx_ir as ir

from detquant.architectures.export_metadata import detector_metadata
from detquant.errors import ModelError
from detquant.importers._base import ImportedModel
from detquant.importers.checkpoint import DAMAGES, Record, StoredTensor, looks_like_checkpoint, parse_checkpoint, shown
from detquant.importers.checkpoint._base import Flaw
from detquant.importers.checkpoint.modules import walk
from detquant.importers.checkpoint.network import Network, Tensors, checked_side, export, imported, read_file
from detquant.importers.state_dicts import yolov8
from detquant.importers.yolo_modules import KINDS, write

# Ultralytics', and YOLOv5's before there was a package: the beginnings of the names of their classes.
_PACKAGES = (b"ultralytics.nn", b"models.yolo")

_DETECTOR = "DetectionModel"
_DETECTORS = frozenset({_DETECTOR, "Model", "YOLOv10DetectionModel"})
_FAMILIES = ("ultralytics.nn.", "models.yolo.")
_SIDE, _STRIDE = 640, 32
# What YOLOv8 is made of. Its siblings for other tasks and its successors have other kinds.
_KINDS = frozenset(
    {
        *(_DETECTOR, "Sequential", "ModuleList", "Conv", "Conv2d", "BatchNorm2d", "SiLU", "C2f", "Bottleneck"),
        *("SPPF", "MaxPool2d", "Upsample", "Concat", "Detect", "DFL", "Identity"),
    }
)
# What no shape tells, and our architecture has fixed: attributes of modules, by kind.
_SETTINGS: dict[str, dict[str, object]] = {
    "BatchNorm2d": {"eps": 1e-3},
    "Conv2d": {"dilation": (1, 1), "groups": 1, "padding_mode": "zeros"},
    "MaxPool2d": {"kernel_size": 5, "stride": 1, "padding": 2},
    "SPPF": {"n": 3, "add": False},
    "Upsample": {"scale_factor": 2, "size": None, "mode": "nearest"},
    "Concat": {"d": 1},
}
_HALVING = frozenset(f"model.{layer}.conv" for layer in (0, 1, 3, 5, 7, 16, 19))
_ADDING = tuple(f"model.{layer}." for layer in (2, 4, 6, 8))


def matches(path: Path) -> bool:
    """Whether the file is a checkpoint that names classes of Ultralytics or YOLOv5."""
    if not looks_like_checkpoint(path):
        return False
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return any(content.find(package) >= 0 for package in _PACKAGES)
    except (OSError, ValueError):  # an empty file cannot be mapped
        return False


def load(path: Path, imgsz: int | None = None) -> ImportedModel:
    """Read a checkpoint.

    Args:
        path: the file.
        imgsz: side of the input, pixels; by default that of the training, else 640.

    Raises:
        ModelError: the file is damaged, or of another network.
        MissingExtra: torch is not installed.
    """
    content = read_file(path)
    tree = parse_checkpoint(path, content)
    source, model = _model(path, tree)
    try:
        members = list(walk(model))
    except Flaw as flaw:
        raise ModelError(f"'{path}' {flaw}.") from flaw
    modules = [(name, member) for name, member in members if isinstance(member, Record)]
    kinds = {module.kind for _, module in modules}
    if not (model.kind == _DETECTOR and model.name.startswith("ultralytics.") and kinds <= _KINDS):
        _check_kinds(path, model, kinds - {model.kind})
        return _by_modules(path, content, tree, source, model, imgsz)
    _check_settings(path, modules)
    tensors = {name: member for name, member in members if isinstance(member, StoredTensor)}
    network = _network(path, tensors)
    side = imgsz or _side(tree, model) or network.side
    exported = export(path, content, network, tensors, side, _names(model, network.options["classes"]))
    reason = f"'{source}' is {shown(model.name)}, with the names and shapes of {network.title}"
    return imported(path, content, exported, reason, _facts(tree, network))


def _model(path: Path, tree: object) -> tuple[str, Record]:
    """The network, and under which name it was found."""
    if isinstance(tree, Record):
        return "the file", tree
    if isinstance(tree, dict):
        for source in ("ema", "model"):
            found = tree.get(source)
            if isinstance(found, Record):
                return source, found
    raise ModelError(f"'{path}' holds no network: expected 'model' or 'ema' in it, as Ultralytics writes.")


def _check_kinds(path: Path, model: Record, kinds: set[str]) -> None:
    """Says what a network is of which some module is not read."""
    foreign = sorted(kinds - KINDS)
    if model.kind not in _DETECTORS or not model.name.startswith(_FAMILIES) or foreign:
        other = f" with {', '.join(map(shown, foreign[:8]))}" if foreign else ""
        raise ModelError(
            f"'{path}' is not a detector that is read: found {shown(model.name)}{other}; "
            "expected YOLOv5, YOLOv7, YOLOv8, YOLOv10, YOLO11 or YOLO26. Export it to ONNX and give that file."
        )


def _by_modules(
    path: Path, content: bytes, tree: object, source: str, model: Record, imgsz: int | None
) -> ImportedModel:
    """A network written module by module."""
    title = f"{shown(model.name)}, written by its modules"
    like = Network(title=f"a {shown(model.kind)}", architecture="", options={}, side=_SIDE, multiple=_STRIDE)
    side = checked_side(path, like, imgsz or _side(tree, model) or _SIDE)
    try:
        written = write(model, side)
    except Flaw as flaw:
        raise ModelError(f"'{path}' {flaw}. Export it to ONNX and give that file.") from flaw
    except (*DAMAGES, onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelError(f"'{path}' is damaged, or changed: its modules do not make up a network.") from error
    entries = detector_metadata(_names(model, written.classes), side)
    entries |= {"end2end": "True"} if written.end_to_end else {}
    written.model.metadata_props.update(entries)
    exported = ir.to_proto(written.model).SerializeToString(deterministic=True)
    return imported(path, content, exported, f"'{source}' is {title}", _epoch(tree))


def _check_settings(path: Path, modules: list[tuple[str, Record]]) -> None:
    """Says where a YOLOv8 was changed in ways that its weights do not show."""
    for name, module in modules:
        expected = dict(_SETTINGS.get(module.kind, {}))
        if module.kind == "Conv2d":
            expected["stride"] = (2, 2) if name in _HALVING else (1, 1)
        elif module.kind == "Bottleneck":
            expected["add"] = name.startswith(_ADDING)
        for key, value in expected.items():
            if module.state.get(key, value) != value:
                raise ModelError(
                    f"'{path}' has a {module.kind}, '{shown(name)}', whose {key} is not {value} as YOLOv8's is: "
                    "export it to ONNX and give that file."
                )


def _network(path: Path, tensors: Tensors) -> Network:
    network = yolov8(tensors)
    if network is None:
        raise ModelError(
            f"'{path}' is not a YOLOv8 detector of a scale that is known: its modules are YOLOv8's, but not its "
            "layers or widths. Export it to ONNX and give that file."
        )
    return network


def _side(tree: object, model: Record) -> int | None:
    """The side that the network was trained with, pixels."""
    for args in _arguments(tree, model):
        imgsz = args.get("imgsz")
        sides = imgsz if isinstance(imgsz, list) else [imgsz]
        whole = [side for side in sides if type(side) is int and 0 < side < 2**31]
        if whole and len(whole) == len(sides):
            return max(whole)
    return None


def _arguments(tree: object, model: Record) -> Iterator[Mapping[Any, Any]]:
    """Goes through the arguments of the training, kept as a dict or as an object that has them as attributes."""
    held = [tree.get("train_args")] if isinstance(tree, dict) else []
    for args in (*held, model.state.get("args")):
        if isinstance(args, Record):
            yield args.state
        elif isinstance(args, dict):
            yield args


def _names(model: Record, classes: int) -> tuple[str, ...]:
    """Names of the classes by class_id; numbers where the file has no proper names."""
    names = model.state.get("names")
    listed = list(names.values()) if isinstance(names, dict) else names
    if isinstance(names, dict) and list(names) != list(range(classes)):
        listed = None
    if not isinstance(listed, list) or len(listed) != classes or not all(isinstance(name, str) for name in listed):
        return tuple(map(str, range(classes)))
    return tuple(map(shown, listed))


def _facts(tree: object, network: Network) -> dict[str, str]:
    """The metadata that the checkpoint knows and that Ultralytics does not write into its exports."""
    return {"scale": str(network.options["scale"])} | _epoch(tree)


def _epoch(tree: object) -> dict[str, str]:
    epoch = tree.get("epoch") if isinstance(tree, dict) else None
    return {"epoch": str(epoch)} if type(epoch) is int and abs(epoch) < 2**31 else {}
