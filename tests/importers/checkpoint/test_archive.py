from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from detquant.errors import DetquantError, ModelError
from detquant.importers.checkpoint import Record, StoredTensor, parse_checkpoint
from detquant.importers.checkpoint.modules import find_state_dict, walk

FILE = Path("model.pt")
TREE = {"epoch": 3, "model": {"conv.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "n": np.array(7)}}


def refused(content: bytes) -> str:
    with pytest.raises(ModelError) as error:
        parse_checkpoint(FILE, content)
    sentence = str(error.value)
    assert "\n" not in sentence and FILE.name in sentence
    return sentence


def entries(**files: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def test_a_checkpoint(as_zip):
    tree = parse_checkpoint(FILE, as_zip(TREE))
    assert tree["epoch"] == 3
    assert tree["model"]["conv.weight"].numpy().tolist() == [[0, 1, 2], [3, 4, 5]]
    assert tree["model"]["n"].numpy() == 7


def test_compressed_entries_are_never_unpacked(zip_of):
    bomb = zip_of(b"\x80\x02" + b"N" * 10**7, compression=zipfile.ZIP_DEFLATED)
    assert len(bomb) < 20_000
    assert "compressed entry 'model/data.pkl'" in refused(bomb)


def test_a_size_that_is_a_lie(as_zip):
    content = as_zip(TREE)
    lie = content.replace((24).to_bytes(4, "little") * 2, (2**31).to_bytes(4, "little") * 2)
    assert lie != content
    assert "not where the directory says" in refused(lie)


@pytest.mark.parametrize("name", ["../../escape", "/etc/escape", "a\\..\\escape", "model/data/../../x"])
def test_names_that_leave_the_archive(name):
    assert "twice or outside the archive" in refused(entries(**{"model/data.pkl": b"\x80\x02N.", name: b""}))


def test_a_name_that_is_there_twice():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("model/data.pkl", b"\x80\x02N.")
        archive.writestr("model/data.pkl", b"\x80\x02].")
    assert "twice" in refused(file.getvalue())


def test_truncated_archives(as_zip):
    content = as_zip(TREE)
    for end in range(4, len(content) - 1, 7):
        assert "truncated or damaged" in refused(content[:end])


def test_other_archives(as_zip):
    assert "not a checkpoint: expected one data.pkl" in refused(entries(**{"word/document.xml": b"<x/>"}))
    script = {"model/data.pkl": b"\x80\x02N.", "model/code/__torch__.py": b"", "model/constants.pkl": b""}
    assert "TorchScript" in refused(entries(**script))
    assert "big-endian" in refused(as_zip(TREE).replace(b"little", b"bigend"))


def test_other_kinds_of_file():
    assert "not one that torch.save wrote" in refused(b"\x80\x04N.")
    assert "Git LFS" in refused(b"version https://git-lfs.github.com/spec/v1\n")
    assert "HTML" in refused(b"<!DOCTYPE html>")
    assert "0.1.10" in refused(b"\0" * 257 + b"ustar" + b"\0" * 300)
    assert "empty" in refused(b"")
    assert "is not a checkpoint" in refused(b"hello, world")


def test_more_entries_than_any_detector_has():
    assert "entries" in refused(entries(**{"model/data.pkl": b"PK\x01\x02" * 100_001}))


def consume(content: bytes) -> None:
    tree = parse_checkpoint(FILE, content)
    for tensor in (find_state_dict(tree) or {}).values():
        tensor.numpy().sum()
    model = tree.get("model") if isinstance(tree, dict) else None
    if isinstance(model, Record):
        for _, member in walk(model):
            assert isinstance(member, (Record, StoredTensor))


@pytest.mark.parametrize("kind", ["zip", "stream", "safetensors", "modules"])
def test_bytes_changed_at_random(kind, as_zip, as_stream, safetensors):
    """Whatever the bytes, there is a tree or a sentence: no other error, no hang."""
    conv = Record("torch.nn.modules.conv.Conv2d", (), {"_parameters": TREE["model"], "_buffers": {}})
    root = Record("ultralytics.nn.tasks.DetectionModel", (), {"_modules": {"0": conv, "1": conv}})
    writers = {"zip": as_zip, "stream": as_stream, "safetensors": safetensors, "modules": as_zip}
    content = writers[kind]({"model": root} if kind == "modules" else TREE["model"])
    rng = np.random.default_rng(0)
    refusals = 0
    for _ in range(2000):
        changed = np.frombuffer(content, np.uint8).copy()
        places = rng.integers(len(changed), size=rng.integers(1, 5))
        changed[places] = rng.integers(256, size=len(places))
        try:
            with np.errstate(all="ignore"):
                consume(changed.tobytes())
        except DetquantError:
            refusals += 1
    assert refusals > 500
