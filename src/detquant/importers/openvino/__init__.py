"""OpenVINO IR: an .xml that tells the operations, and a .bin with their numbers. Needs the extra `openvino`.

The user names the .xml, or the folder that it is in, as Ultralytics exports it. Halves become float32; an IR that
NNCF has quantised keeps its 8-bit weights and gets QuantizeLinear and DequantizeLinear for its FakeQuantize.
"""

from __future__ import annotations

import html
import re
from pathlib import Path

from detquant.errors import ModelError, UnsupportedOperator
from detquant.importers._base import LARGEST, ImportedModel, OwnFile
from detquant.importers.digest import digest
from detquant.importers.openvino.detection_output import KIND, without_detection_output
from detquant.importers.openvino.finishing import to_onnx
from detquant.importers.openvino.first_weights import channels_were_turned
from detquant.importers.openvino.metadata import beside, inside
from detquant.importers.openvino.operators import LOOP, LOOPS
from detquant.importers.openvino.reading import read
from detquant.importers.openvino.ssd_heads import entries
from detquant.untrusted import check_file, read_bytes

__all__ = ["load", "matches"]

_HEAD = 4096
_LARGEST_XML = 256 << 20
_OLDEST = 10
_TYPE = re.compile(rb"\btype\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_VERSION = re.compile(rb"<net\b[^>]*?\bversion\s*=\s*[\"']([0-9]{1,9})[\"']")


def matches(path: Path) -> bool:
    """Whether the file is named .xml, or is a folder with one .xml and its .bin."""
    return _only_ir(path) is not None if path.is_dir() else path.suffix.lower() == ".xml"


def load(path: Path, imgsz: int | None = None) -> ImportedModel:
    """Read an IR.

    Args:
        path: the .xml, or its folder.
        imgsz: side of the input in pixels, where the file leaves it open.

    Returns:
        The model; its digest is that of the .xml followed by the .bin.

    Raises:
        ModelError: a file is missing, damaged, or has what cannot be translated.
        MissingExtra: OpenVINO is not installed.
    """
    file = _only_ir(path) if path.is_dir() else path
    if file is None:
        raise ModelError(f"'{path}' is a folder without an OpenVINO IR: expected one .xml in it, and its .bin.")
    weights = file.with_suffix(".bin")
    _check(file, weights)
    _refuse_loops(file)
    metadata = beside(file.parent)
    model = read(file, "ir", imgsz, metadata)
    metadata |= inside(model, metadata)
    sha256, size = digest((file, weights))
    operations, aside = len(model.get_ops()), ""
    detection = without_detection_output(model, file)
    if detection is not None:
        model, layout = detection
        metadata, aside = {**entries(layout), **metadata}, f", {KIND} cut off"
    turned = channels_were_turned(model)
    translated = to_onnx(model, file, metadata, own_ends=True)
    return ImportedModel(
        model=translated,
        path=path,
        sha256=sha256,
        size_bytes=size,
        metadata=metadata,
        reason=f"an IR of {operations} operations{aside}",
        own=OwnFile(target="openvino", runtime="OpenVINO", path=file),
        turned=turned,
    )


def _refuse_loops(file: Path) -> None:
    """Refuses loops before OpenVINO builds the graph: it runs one of constants as soon as a shape depends on it."""
    try:
        content = read_bytes(file, _LARGEST_XML)
    except OSError as error:
        raise ModelError(f"'{file}' cannot be read: {error.strerror}.") from error
    kinds = {html.unescape((match[1] or match[2] or b"").decode(errors="replace")) for match in _TYPE.finditer(content)}
    for kind in LOOPS:
        if kind in kinds:
            raise UnsupportedOperator(f"'{file}' has the operation {kind}, and {LOOP}.")


def _only_ir(folder: Path) -> Path | None:
    try:
        found = [file for file in folder.iterdir() if file.suffix == ".xml" and file.with_suffix(".bin").is_file()]
    except OSError:
        return None
    return found[0] if len(found) == 1 else None


def _check(file: Path, weights: Path) -> None:
    """Says what is wrong before OpenVINO says it in its way."""
    try:
        check_file(file, _LARGEST_XML)
        with file.open("rb") as handle:
            head = handle.read(_HEAD)
    except OSError as error:
        raise ModelError(f"'{file}' cannot be read: {error.strerror}.") from error
    if b"<net" not in head:
        kind = "another XML file" if head.lstrip().startswith(b"<") else "another kind of file" if head else "empty"
        raise ModelError(f"'{file}' is not an OpenVINO IR but {kind}: expected <net name=... version=...> in it.")
    version = _VERSION.search(head)
    if version is not None and int(version[1]) < _OLDEST:
        raise ModelError(
            f"'{file}' is an OpenVINO IR of version {int(version[1])}, and the oldest that OpenVINO still reads is "
            f"{_OLDEST}: convert the original model again with an OpenVINO of today (ovc), fetch it anew if it is of "
            "Open Model Zoo, which has version 11, or export the model to ONNX and give that file."
        )
    if not weights.is_file():
        raise ModelError(
            f"'{file}' is one half of an OpenVINO IR, and its other half is missing: expected '{weights.name}' in the "
            "same folder; put it there."
        )
    try:
        check_file(weights, LARGEST)
    except OSError as error:
        raise ModelError(f"'{weights}' cannot be read: {error.strerror}.") from error
