"""What a Keras file says its model is, judged before TensorFlow sees the file.

The description is JSON: `config.json` in the ZIP archive of a .keras, the attribute `model_config` of an .h5. It
names classes and modules that Keras would import. Refused are

1. files that are no ZIP archive or HDF5, are damaged, or hold weights only;
2. archives whose contents are absurdly larger than the file;
3. HDF5 files that take data from other files;
4. layers that carry code (Lambda), or that load another model (TFSMLayer, TorchModuleWrapper, JaxLayer);
5. layers and functions of modules other than Keras;
6. layers of a size that no memory holds, and HDF5 files whose arrays are absurdly larger than the file.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detquant.errors import MissingExtra, ModelError
from detquant.untrusted import one_line
from detquant.zoo.archives import check_directory

_LARGEST_CONFIG = 64 << 20
_LARGEST_ARCHIVE = 4 << 30
_LARGEST_RATIO = 200
_DEEPEST, _MOST_ENTRIES = 200, 1_000_000
_SMALL = 1 << 20

_LARGEST_SIZE = 1 << 20  # of a dimension: Keras takes memory for what a layer says before it looks at the weights
_SIZES = (
    *("units", "filters", "output_dim", "input_dim", "depth_multiplier", "kernel_size", "pool_size", "size"),
    *("target_shape", "batch_shape", "batch_input_shape", "shape", "padding", "cropping", "height", "width"),
)

_CARRY_CODE = ("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "__lambda__")
_MODULES = ("keras", "tf_keras", "tensorflow.keras", "tensorflow.python.keras", "builtins")


@dataclass(frozen=True, slots=True)
class Description:
    """A summary of the description that was found.

    Attributes:
        name: name of the model.
        layers: how many layers the description lists.
    """

    name: str
    layers: int


def read_description(path: Path) -> Description:
    """Reads and judges the description.

    Raises:
        ModelError: for the cases at the top of this file.
        MissingExtra: h5py, which comes with TensorFlow, is not installed.
    """
    text = _from_archive(path) if zipfile.is_zipfile(path) else _from_hdf5(path)
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"'{path}' is damaged: its description of the model is no JSON.") from error
    for entry in _dicts(path, tree):
        _judge(path, entry)
        _judge_sizes(path, entry)
    config = tree.get("config") if isinstance(tree, dict) else None
    layers = config.get("layers") if isinstance(config, dict) else None
    name = config.get("name") if isinstance(config, dict) else None
    return Description(str(name)[:80] if name else "?", len(layers) if isinstance(layers, list) else 0)


def _from_archive(path: Path) -> str:
    """The description in a .keras; cases 1 and 2 are refused."""
    try:
        check_directory(path)
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            whole, packed = sum(entry.file_size for entry in entries), path.stat().st_size
            if whole > _LARGEST_ARCHIVE or (whole > _SMALL and whole > _LARGEST_RATIO * packed):
                raise ModelError(f"'{path}' is a ZIP archive of {packed} bytes that holds {whole}: this is refused.")
            names = {entry.filename: entry for entry in entries}
            if "config.json" not in names or "model.weights.h5" not in names:
                shown = ", ".join(sorted(names)[:5]) or "nothing"
                raise ModelError(
                    f"'{path}' is a ZIP archive but not a Keras model: found {shown}; expected config.json and "
                    "model.weights.h5."
                )
            if names["config.json"].file_size > _LARGEST_CONFIG:
                raise ModelError(f"'{path}' has a config.json of {names['config.json'].file_size} bytes: too many.")
            with archive.open("config.json") as file:
                return file.read(_LARGEST_CONFIG).decode("utf-8")
    except ModelError:
        raise
    except (OSError, ValueError, RuntimeError, NotImplementedError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ModelError(f"'{path}' is a damaged Keras archive: copy or save it again.") from error


def _from_hdf5(path: Path) -> str:
    """The description in an .h5; cases 1 and 3 are refused."""
    try:
        import h5py
    except ImportError as error:
        raise MissingExtra("h5py", "tensorflow") from error
    if not h5py.is_hdf5(path):
        size = path.stat().st_size
        kind = "is empty (0 bytes)" if not size else f"is neither HDF5 nor a ZIP archive, or is damaged ({size} bytes)"
        raise ModelError(f"'{path}' {kind}: expected a Keras model; copy or save it again.")
    try:
        with h5py.File(path, "r") as file:
            _refuse_foreign_data(path, file, h5py)
            text = file.attrs.get("model_config")
    except ModelError:
        raise
    except Exception as error:  # h5py raises many kinds for damaged files
        raise ModelError(f"'{path}' is a truncated or damaged HDF5 file: copy or save it again.") from error
    if text is None:
        raise ModelError(
            f"'{path}' holds weights without a model: save the whole model (model.save), or export it to ONNX."
        )
    return text.decode("utf-8") if isinstance(text, bytes) else str(text)


def _refuse_foreign_data(path: Path, root: Any, h5py: Any) -> None:
    """Refuses an HDF5 file that takes data from other files (case 3) or has arrays far larger than it (case 6)."""
    pending, seen, left = [root], 0, max(_SMALL, _LARGEST_RATIO * path.stat().st_size)
    while pending:
        group = pending.pop()
        for name in group:
            seen += 1
            if seen > _MOST_ENTRIES:
                raise ModelError(f"'{path}' has more than {_MOST_ENTRIES} entries: this is no Keras model.")
            link = group.get(name, getlink=True)
            if isinstance(link, (h5py.ExternalLink, h5py.SoftLink)):
                raise ModelError(f"'{path}' takes '{name}' from elsewhere (a link): this is refused.")
            member = group[name]
            if isinstance(member, h5py.Group):
                pending.append(member)
            elif member.external or member.is_virtual:
                raise ModelError(f"'{path}' takes '{name}' from another file: this is refused.")
            else:
                left -= member.size * member.dtype.itemsize if member.size else 0
                if left < 0:
                    raise ModelError(f"'{path}' is an HDF5 file whose arrays are absurdly larger than it: refused.")


def _dicts(path: Path, tree: object) -> Iterator[dict[str, Any]]:
    """Goes through all dicts of a tree, without recursion, for the tree may be deep on purpose."""
    pending: list[tuple[object, int]] = [(tree, 0)]
    while pending:
        value, depth = pending.pop()
        if depth > _DEEPEST:
            raise ModelError(f"'{path}' has a description nested deeper than {_DEEPEST}: this is refused.")
        if isinstance(value, dict):
            yield value
        members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        pending.extend((member, depth + 1) for member in members)


def _judge_sizes(path: Path, entry: dict[str, Any]) -> None:
    """Refuses a layer of a size that no memory holds (case 6)."""
    for key in _SIZES:
        sizes = entry.get(key)
        for size in sizes if isinstance(sizes, list) else [sizes]:
            if isinstance(size, (int, float)) and not abs(size) <= _LARGEST_SIZE:
                raise ModelError(
                    f"'{path}' has a layer whose {key} is {one_line(str(size)) if size < 10**60 else 'absurd'}: no "
                    f"detector has more than {_LARGEST_SIZE}."
                )


def _judge(path: Path, entry: dict[str, Any]) -> None:
    """Refuses a layer that carries code or another model (case 4), or is of another module than Keras (case 5)."""
    kind = entry.get("class_name")
    kind = kind if isinstance(kind, str) else ""
    if kind.rpartition(">")[2] in _CARRY_CODE:
        raise ModelError(
            f"'{path}' has a {kind[:60]} layer, which carries code or another model; nothing in a model file is "
            "executed here. Replace it by layers of Keras and save the model again, or export it to ONNX."
        )
    module = entry.get("module")
    foreign = isinstance(module, str) and not any(module == one or module.startswith(f"{one}.") for one in _MODULES)
    if kind and (foreign or ">" in kind):
        whose = f"of the module '{str(module)[:60]}'" if foreign else "that was registered by its author"
        raise ModelError(
            f"'{path}' has a {kind[:60]} {whose}, which is not Keras's own: only layers of Keras are built. Export the "
            "model to ONNX and give that file."
        )
