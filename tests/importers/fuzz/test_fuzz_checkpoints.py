"""Whatever the bytes of a checkpoint, there is a model or a sentence: soon, in little memory, and nothing is run."""

from __future__ import annotations

import io
import json
import math
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bounds import read
from hypothesis import given
from hypothesis import strategies as st
from mutations import mutated
from pickles import programs

from detquant.importers import load_model
from detquant.importers.checkpoint import Record, StoredTensor, parse_checkpoint
from detquant.importers.checkpoint.modules import find_state_dict

pytestmark = pytest.mark.usefixtures("no_export")

FILE = Path("model.pt")
STORAGES = [np.arange(4, dtype=np.float32)] * 3
STEM = {"weight": np.ones((16, 3, 3, 3), np.float32), "bias": None}
STATE = {"conv1.weight": np.ones((4, 3, 3, 3), np.float32), "linear.weight": np.ones((2, 4), np.float32)}
STATE |= {f"layer{stage}.0.conv1.weight": np.ones((1, 1, 3, 3), np.float32) for stage in (1, 2, 3)}


def conv(parameters: dict[str, Any]) -> Record:
    return Record("torch.nn.modules.conv.Conv2d", (), {"_parameters": parameters, "_buffers": {}, "stride": (2, 2)})


def detector() -> dict[str, Any]:
    """A tree as Ultralytics has it, of a network with no more than a stem."""
    layers = Record("torch.nn.modules.container.Sequential", (), {"_modules": {"0": conv(STEM)}})
    state = {"_modules": {"model": layers}, "names": {0: "cat", 1: "dog"}, "args": {"imgsz": 64}, "yaml": {"nc": 2}}
    root = Record("ultralytics.nn.tasks.DetectionModel", (), state)
    return {"epoch": 3, "model": root, "ema": None, "train_args": {"imgsz": [64, 64]}}


def look(content: bytes) -> Callable[[], object]:
    """Reads, and looks at every tensor of a state dict."""

    def reader() -> object:
        tree = parse_checkpoint(FILE, content)
        with np.errstate(all="ignore"):
            for tensor in (find_state_dict(tree) or {}).values():
                assert isinstance(tensor, StoredTensor)
                tensor.numpy().sum()
        return tree

    return reader


@given(written=programs())
def test_pickles_in_a_zip(written: bytes, zip_of) -> None:
    content = zip_of(written, STORAGES)
    read(look(content), len(content))


@given(written=programs(), keys=st.sampled_from([[], ["0"], ["0", "1", "2"], ["0", "0"], [1], "01"]), data=st.binary())
def test_pickles_in_a_stream(written: bytes, keys: object, data: bytes, as_stream, writer) -> None:
    sound = as_stream([])
    begun = sound.index(b"](e.") if b"](e." in sound else len(sound)
    content = sound[:begun] + written + type(writer)().pickled(keys) + data
    read(look(content), len(content))


trees = st.recursive(
    st.one_of(
        *(st.none(), st.booleans(), st.integers(-(2**40), 2**40), st.floats(), st.text(max_size=5)),
        st.sampled_from([(), (2,), (2, 2), (0, 3), (1, 1, 1, 1)]).map(lambda shape: np.ones(shape, np.float32)),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(
            st.sampled_from(["model", "ema", "state_dict", "_modules", "_parameters", "names", "args", "a", 0, 1]),
            inner,
            max_size=4,
        ),
        st.builds(
            lambda name, state: Record(name, (), state),
            st.sampled_from(["ultralytics.nn.tasks.DetectionModel", "torch.nn.modules.conv.Conv2d", "models.yolo.X"]),
            st.dictionaries(
                st.sampled_from(["_modules", "_parameters", "_buffers", "names", "args"]), inner, max_size=3
            ),
        ),
    ),
    max_leaves=12,
)


@given(tree=trees)
def test_trees_of_any_form(tree: object, writer, tmp_path, zip_of) -> None:
    fresh = type(writer)()
    path = tmp_path / "model.pt"
    path.write_bytes(zip_of(fresh.pickled(tree), fresh.storages))
    read(lambda: load_model(path), path.stat().st_size)


@pytest.mark.parametrize("kind", ["zip", "stream", "safetensors", "ultralytics"])
@given(data=st.data())
def test_sound_files_that_were_changed(
    data: st.DataObject, kind: str, writer, zip_of, safetensors, as_stream, tmp_path
):
    fresh = type(writer)()
    if kind == "safetensors":
        sound = safetensors(STATE)
    elif kind == "stream":
        sound = SOUND.setdefault(kind, as_stream({"state_dict": STATE, "epoch": 3}))
    else:
        written = fresh.pickled(STATE if kind == "zip" else detector())
        sound = zip_of(written, fresh.storages)
    path = tmp_path / "model.pt"
    path.write_bytes(data.draw(mutated(sound)))
    read(lambda: load_model(path), path.stat().st_size)


SOUND: dict[str, bytes] = {}  # `as_stream` numbers its storages once a test

entries = st.tuples(
    st.sampled_from(
        ["m/data.pkl", "data.pkl", "m/data/0", "m/byteorder", "m/code/x", "../x", "/x", "m/version", "é/\0"]
    ),
    st.one_of(st.just(b"\x80\x02}."), st.just(b"little"), st.binary(max_size=40)),
    st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@given(data=st.data(), members=st.lists(entries, max_size=5))
def test_archives_of_any_members(data: st.DataObject, members: list[tuple[str, bytes, int]]) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content, compression in members:
            archive.writestr(name, content, compression)
    content = data.draw(st.one_of(st.just(file.getvalue()), mutated(file.getvalue())))
    read(look(content), len(content))


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=4)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=6,
)
sizes = st.one_of(st.integers(0, 4), st.sampled_from([-1, 2**31, 2**39, 2**62, 2**64]))
described = st.fixed_dictionaries(
    {},
    optional={
        "dtype": st.one_of(st.sampled_from(["F32", "F16", "BF16", "I8", "BOOL", "F8"]), values),
        "shape": st.one_of(st.lists(sizes, max_size=5), values),
        "data_offsets": st.one_of(st.tuples(sizes, sizes), values),
    },
)


@given(
    header=st.dictionaries(
        st.one_of(st.sampled_from([*STATE, "__metadata__"]), st.text(max_size=5)),
        st.one_of(described, values),
        max_size=5,
    ),
    data=st.binary(max_size=64),
    lie=st.one_of(st.just(0), st.integers(-9, 9), st.sampled_from([2**20, 2**63])),
)
def test_headers_of_safetensors(header: dict[str, Any], data: bytes, lie: int, tmp_path) -> None:
    text = json.dumps(header).encode()
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", (len(text) + lie) % 2**64) + text + data)
    read(lambda: load_model(path), path.stat().st_size)


# By whose names and shapes a network is told.
TOLD = {
    "yolov8": ("model.0.conv.weight", "model.22.cv3.0.2.weight", "model.22.dfl.conv.weight"),
    "cifar": ("conv1.weight", "linear.weight", *(f"layer{stage}.0.conv1.weight" for stage in (1, 2, 3))),
    "torchvision": ("conv1.weight", "fc.weight", *(f"layer{stage}.0.conv1.weight" for stage in (1, 2, 3, 4))),
    "ssd300": (
        *("feature_extractor.feature_extractor.0.weight", "feature_extractor.feature_extractor.4.0.conv3.weight"),
        "conf.0.bias",
    ),
}
sides = st.sampled_from([0, 0, 1, 2, 4, 8, 16, 162, 2**16, 2**31, 2**39])
kernels = st.sampled_from([(3, 3), (7, 7), (1, 1), (0, 7), ()])


@pytest.mark.parametrize("names", TOLD.values(), ids=TOLD)
@given(data=st.data())
def test_networks_of_any_widths(data: st.DataObject, names: tuple[str, ...], tmp_path) -> None:
    header = {}
    for name in names:
        shape = [*data.draw(st.lists(sides, min_size=1, max_size=2)), *data.draw(kernels)]
        size = 4 * math.prod(shape)
        shape, size = (shape, size) if size < 2**22 else ([0, *shape[1:]], 0)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [0, size]}
    text = json.dumps(header).encode()
    longest = max(entry["data_offsets"][1] for entry in header.values())
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(longest))
    read(lambda: load_model(path), path.stat().st_size + 10**5)


@given(content=st.binary(max_size=200), head=st.sampled_from([b"", b"PK\x03\x04", b"\x80\x02", b"\x08\x07", b"{"]))
def test_any_bytes(content: bytes, head: bytes, tmp_path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(head + content)
    read(lambda: load_model(path), path.stat().st_size)
