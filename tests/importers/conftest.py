from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detquant.importers.checkpoint import Record
from detquant.importers.checkpoint.stream import STREAM

STORAGES = {"f4": "FloatStorage", "f2": "HalfStorage", "f8": "DoubleStorage", "i8": "LongStorage", "i1": "CharStorage"}


class Writer:
    """Writes a tree as torch does, without torch: arrays become tensors, Records objects."""

    def __init__(self) -> None:
        self.storages: list[np.ndarray] = []

    def pickled(self, tree: Any) -> bytes:
        return b"\x80\x02" + self.put(tree) + b"."

    def put(self, value: Any) -> bytes:
        if isinstance(value, np.ndarray):
            return self.tensor(value)
        if isinstance(value, Record):
            module, _, name = value.name.rpartition(".")
            return b"c%s\n%s\n)\x81" % (module.encode(), name.encode()) + self.put(value.state) + b"b"
        if isinstance(value, dict):
            return b"}(" + b"".join(self.put(key) + self.put(entry) for key, entry in value.items()) + b"u"
        if isinstance(value, list):
            return b"](" + b"".join(map(self.put, value)) + b"e"
        if isinstance(value, tuple):
            return b"(" + b"".join(map(self.put, value)) + b"t"
        return pickle.dumps(value, protocol=2)[2:-1]

    def tensor(self, array: np.ndarray, **changes: Any) -> bytes:
        facts = {"numel": array.size, "offset": 0, "shape": array.shape} | changes
        facts.setdefault(
            "strides", tuple(step // array.itemsize for step in np.zeros(array.shape, array.dtype).strides)
        )
        key = str(len(self.storages))
        self.storages.append(array)
        kind = STORAGES[array.dtype.str[1:]].encode()
        reference = b"(X\x07\0\0\0storagectorch\n%s\n" % kind + b"".join(map(self.put, (key, "cpu", facts["numel"])))
        parts = b"".join(self.put(facts[name]) for name in ("offset", "shape", "strides"))
        return b"ctorch._utils\n_rebuild_tensor_v2\n(" + reference + b"tQ" + parts + b"\x89}tR"


def archive(written: bytes, storages: list[np.ndarray], name: str = "model", **options: Any) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as entries:
        entries.writestr(f"{name}/data.pkl", written)
        entries.writestr(f"{name}/byteorder", "little")
        for key, array in enumerate(storages):
            entries.writestr(f"{name}/data/{key}", array.tobytes())
    return file.getvalue()


@pytest.fixture
def writer() -> Writer:
    return Writer()


@pytest.fixture
def as_zip(writer: Writer) -> Callable[[Any], bytes]:
    """A tree as torch's zip."""
    return lambda tree: archive(writer.pickled(tree), writer.storages)


@pytest.fixture
def zip_of() -> Callable[..., bytes]:
    """A pickle as it stands in torch's zip."""
    return lambda written, storages=(), **options: archive(written, list(storages), **options)


@pytest.fixture
def as_stream(writer: Writer) -> Callable[[Any], bytes]:
    """A tree in torch's older format."""

    def write(tree: Any) -> bytes:
        machine = {"protocol_version": 1001, "little_endian": True}
        written = writer.pickled(tree)
        keys = [str(key) for key in range(len(writer.storages))]
        heads = b"".join(pickle.dumps(value, protocol=2) for value in (1001, machine))
        data = b"".join(struct.pack("<q", array.size) + array.tobytes() for array in writer.storages)
        return STREAM + heads + written + pickle.dumps(keys, protocol=2) + data

    return write


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A file that exists if anything of a checkpoint was run."""
    return tmp_path / "sprung"


@pytest.fixture(scope="session")
def one_thread():
    """Small tensors: threads would wait for each other."""
    if not find_spec("torch"):
        yield
        return
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def safetensors() -> Callable[[dict[str, np.ndarray]], bytes]:
    """Arrays as a safetensors file."""

    def write(arrays: dict[str, np.ndarray]) -> bytes:
        header, data = {"__metadata__": {"format": "pt"}}, b""
        for name, array in arrays.items():
            kind = {"f": "F", "i": "I"}[array.dtype.kind] + str(8 * array.itemsize)
            offsets = [len(data), len(data) + array.nbytes]
            header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": offsets}
            data += array.tobytes()
        text = json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + data

    return write
