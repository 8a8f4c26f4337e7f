"""The zip that `torch.export.save` writes: a graph in JSON, tensors in raw bytes, and what the user put beside them.

torch's own reader unpickles without limits (inputs of the example, tensors of other classes, objects), and loads what
was compiled to machine code. Here nothing but JSON and raw bytes is read, and `torch.save`'s pickles of tensors by the
reader that follows them by hand (`importers.checkpoint`). Three layouts, F the folder of the archive::

    since 2.9    F/models/N.json, F/data/{weights,constants}/N_{weights,constants}_config.json, raw bytes beside them
    2.8          F/models/N.json, F/data/{weights,constants}/N.pt
    until 2.7    serialized_exported_program.json, serialized_{state_dict,constants}.pt

Refused are

1. archives with compressed entries, entries twice, or without a program (`importers.checkpoint.archive`);
2. several programs in one, and programs compiled to machine code alone;
3. tensors that are kept as pickles of objects, and whatever does not fill its shape.

Inputs of the example are left out unread.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from detquant.importers.checkpoint import StoredTensor
from detquant.importers.checkpoint._base import Flaw, Storage, shown
from detquant.importers.checkpoint.archive import entries_of, read_archive
from detquant.importers.torch_export.arguments import as_dict, as_list, as_text, only, size, whole
from detquant.importers.torch_export.schema import Graph, read_graph
from detquant.untrusted import parse_json

Array = npt.NDArray[Any]

MOST_JSON = 32 << 20
_MOST_FACTS = 8 << 20

DTYPES: Mapping[int, str] = {
    1: "|u1",
    2: "|i1",
    3: "<i2",
    4: "<i4",
    5: "<i8",
    6: "<f2",
    7: "<f4",
    8: "<f8",
    12: "|b1",
    13: "bfloat16",
}
"""Element types by their numbers in torch's schema, as `importers.checkpoint` names them."""

_OLD = "serialized_exported_program.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """The program that an archive holds.

    Attributes:
        graph: the operators, inputs and outputs.
        tensors: weights and constants by their names in the graph; views of the file.
        extra: files that the user put beside the program, by name.
        torch: version of torch that wrote it.
    """

    graph: Graph
    tensors: Mapping[str, StoredTensor]
    extra: Mapping[str, bytes]
    torch: str


def read_program(content: bytes) -> Program:
    """The program in an archive.

    Args:
        content: bytes of the file.

    Raises:
        Flaw: for the cases at the top of this file, or those of `schema`.
        zipfile.BadZipFile, ValueError, LookupError, TypeError: it is damaged.
    """
    entries = entries_of(content)
    if _OLD in entries:
        parts = {kind: _pickled(entries.get(f"serialized_{name}.pt")) for kind, name in _OLD_PARTS.items()}
        written, beside = entries[_OLD], "extra_files/"
    else:
        root, name = _model(entries)
        parts = {kind: _part(entries, f"{root}data/{kind}/", name, kind) for kind in ("weights", "constants")}
        written, beside = entries[f"{root}models/{name}.json"], f"{root}extra/"
    program = _json(written)
    graph = read_graph(program)
    tensors = {}
    for inner, (kind, outer) in graph.held.items():
        found = parts[kind].get(outer)
        if found is None:
            found = parts["weights"].get(outer) or parts["constants"].get(outer)
        if not isinstance(found, StoredTensor):
            raise Flaw(f"is damaged: its tensor '{shown(outer)}' is missing")
        tensors[inner] = found
    extra = {
        entry.removeprefix(beside): bytes(view)
        for entry, view in entries.items()
        if entry.startswith(beside) and len(view) <= _MOST_FACTS
    }
    return Program(graph=graph, tensors=tensors, extra=extra, torch=str(program.get("torch_version", "")))


_OLD_PARTS = {"weights": "state_dict", "constants": "constants"}


def _model(entries: Mapping[str, memoryview]) -> tuple[str, str]:
    """The folder of the archive with its slash, and the name of its one program (case 2)."""
    found = [entry for entry in entries if entry.endswith(".json") and entry.split("/")[1:-1] == ["models"]]
    compiled = any("/data/aotinductor/" in entry for entry in entries)
    if len(found) == 1:
        root, _, name = found[0].partition("/models/")
        return f"{root}/", name.removesuffix(".json")
    if found:
        raise Flaw(f"holds {len(found)} programs: expected one, as torch.export.save writes")
    if compiled:
        raise Flaw(
            "holds a program that was compiled to machine code (AOTInductor), which is not run: give the ONNX file or "
            "checkpoint that it was made from"
        )
    raise Flaw("is a ZIP archive, but no program of torch.export: expected models/model.json in it")


def _json(content: memoryview) -> Mapping[str, Any]:
    if len(content) > MOST_JSON:
        raise Flaw(f"has a description of {len(content)} bytes, more than any detector needs ({MOST_JSON}): refused")
    return as_dict(parse_json(bytes(content).decode("utf-8")))


def _part(entries: Mapping[str, memoryview], folder: str, name: str, kind: str) -> Mapping[str, object]:
    """The weights or the constants."""
    whole_file, config = f"{folder}{name}.pt", f"{folder}{name}_{kind}_config.json"
    if whole_file in entries:
        return _pickled(entries[whole_file])
    if config not in entries:
        raise Flaw(f"is damaged: expected '{shown(config)}' in it")
    storages = dict[tuple[str, str], Storage]()
    read = _json(entries[config])["config"]
    return {key: _tensor(key, as_dict(meta), entries, folder, storages) for key, meta in as_dict(read).items()}


def _pickled(content: memoryview | None) -> Mapping[str, object]:
    """Reads what `torch.save` wrote, followed by hand; see `importers.checkpoint.pickled`."""
    if content is None or not len(content):
        return {}
    return as_dict(read_archive(bytes(content)))


def _tensor(
    key: str,
    meta: Mapping[str, Any],
    entries: Mapping[str, memoryview],
    folder: str,
    storages: dict[tuple[str, str], Storage],
) -> StoredTensor:
    """A tensor as a view of the file; one kept as a pickle of an object is refused (case 3)."""
    path, facts = as_text(meta["path_name"]), meta.get("tensor_meta")
    if meta.get("use_pickle") or facts is None:
        raise Flaw(
            f"keeps '{shown(key)}' as a pickle of an object, which is not followed: save it as a plain tensor, or "
            "export the model to ONNX and give that file"
        )
    dtype = DTYPES.get(whole(as_dict(facts)["dtype"]))
    if dtype is None or facts.get("layout", 7) != 7:
        raise Flaw(f"keeps '{shown(key)}' as numbers of a kind that is not read: save it as float32")
    shape = tuple(size(_number(one)) for one in as_list(facts["sizes"]))
    strides = tuple(size(_number(one)) for one in as_list(facts["strides"]))
    if f"{folder}{path}" not in entries:
        raise Flaw(f"is damaged: its tensor '{shown(key)}' is missing")
    content = entries[f"{folder}{path}"]
    if (path, dtype) not in storages:
        width = 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize
        storages[path, dtype] = Storage(path, dtype, len(content) // width)
        storages[path, dtype].fill(content)
    if not math.prod(shape):
        return StoredTensor(storages[path, dtype], 0, shape, strides)
    return StoredTensor(storages[path, dtype], size(_number(facts["storage_offset"])), shape, strides)


def _number(value: Any) -> Any:
    kind, held = only(value)
    if kind != "as_int":
        raise Flaw("is damaged: a tensor that it holds has no fixed size")
    return held
