from __future__ import annotations

import os
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from detquant.importers import load_model
from detquant.importers.checkpoint import export_cache
from detquant.importers.checkpoint.export_cache import cache_folder, kept_or_made, remembered

EXPORTER = {"torch": "2"}


class Exports:
    """Counts what is made."""

    def __init__(self, content: bytes = b"onnx") -> None:
        self.content, self.made = content, 0

    def __call__(self) -> bytes:
        self.made += 1
        return self.content


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("DETQUANT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(export_cache, "_exporter", lambda: EXPORTER)
    return tmp_path / "cache" / "exports"


def test_an_export_is_made_once(folder: Path) -> None:
    exports = Exports()
    for _ in range(3):
        assert remembered(b"weights", [1], exports) == b"onnx"
    assert exports.made == 1
    [file] = folder.iterdir()
    assert file.suffix == ".onnx" and file.read_bytes().endswith(b"onnx")


def test_other_content_is_kept_beside(folder: Path, monkeypatch) -> None:
    made = Exports(b"a program")
    for parts in ([1, "x"], [1, "x"], [2, "x"]):
        assert kept_or_made("others/{key}", parts, made) == b"a program"
    assert made.made == 2 and len(list((folder.parent / "others").iterdir())) == 2
    monkeypatch.setenv("DETQUANT_CACHE", "")
    assert kept_or_made("others/{key}", [1, "x"], made) == b"a program" and made.made == 3


def test_all_that_it_depends_on_is_in_the_key(folder: Path, monkeypatch) -> None:
    exports = Exports()
    remembered(b"weights", [1], exports)
    remembered(b"weightz", [1], exports)
    remembered(b"weights", [2], exports)
    monkeypatch.setattr(export_cache, "_exporter", lambda: {"torch": "3"})
    remembered(b"weights", [1], exports)
    assert exports.made == 4


@pytest.mark.parametrize(
    "change", [lambda c: b"", lambda c: c[:-1], lambda c: c + b"x", lambda c: c[:40], lambda c: b"x"]
)
def test_a_damaged_file_is_made_anew(folder: Path, change) -> None:
    exports = Exports(b"onnx" * 9)
    remembered(b"weights", [1], exports)
    [file] = folder.iterdir()
    whole = file.read_bytes()
    file.write_bytes(change(whole))
    assert remembered(b"weights", [1], exports) == b"onnx" * 9
    assert exports.made == 2 and file.read_bytes() == whole


def test_what_was_used_longest_ago_goes_first(folder: Path, monkeypatch) -> None:
    monkeypatch.setattr(export_cache, "MAX_BYTES", 3 * 1032 + 500)
    for number in range(3):
        remembered(b"%d" % number, [], Exports(bytes(1000)))
    (folder / ".partial-x").write_bytes(bytes(400))  # of a run that was killed
    for age, file in enumerate(sorted(folder.iterdir(), key=lambda file: file.stat().st_mtime), start=1):
        os.utime(file, (age, age))
    os.utime(folder / ".partial-x", (0, 0))
    again = Exports(bytes(1000))
    remembered(b"0", [], again)  # used: now the youngest
    remembered(b"3", [], Exports(bytes(1000)))
    assert again.made == 0 and len(list(folder.iterdir())) == 3
    remembered(b"0", [], again)
    assert again.made == 0
    remembered(b"1", [], again)
    assert again.made == 1


def test_an_export_larger_than_all_is_given_and_nothing_breaks(folder: Path, monkeypatch) -> None:
    monkeypatch.setattr(export_cache, "MAX_BYTES", 10)
    assert remembered(b"weights", [], Exports(bytes(1000))) == bytes(1000)
    assert not folder.exists()


@pytest.mark.parametrize("obstacle", ["a file in its place", "a folder in the file's place", "no room"])
def test_a_folder_that_cannot_be_written_is_no_error(folder: Path, obstacle: str, monkeypatch) -> None:
    exports = Exports()
    if obstacle == "a file in its place":
        folder.parent.write_text("")
    elif obstacle == "no room":
        monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    else:
        remembered(b"weights", [1], exports)
        [file] = folder.iterdir()
        file.unlink()
        file.mkdir()
    before = exports.made
    for _ in range(2):
        assert remembered(b"weights", [1], exports) == b"onnx"
    assert exports.made == before + 2
    assert not folder.is_dir() or not list(folder.glob(".partial-*"))


def test_where_it_is(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("DETQUANT_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == tmp_path / ".cache" / "detquant"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == tmp_path / ".cache" / "detquant"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "detquant"
    monkeypatch.setenv("DETQUANT_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
    monkeypatch.setenv("DETQUANT_CACHE", "")
    assert cache_folder() is None


def test_without_a_folder_or_torch_nothing_is_kept(folder: Path, monkeypatch) -> None:
    exports = Exports()
    monkeypatch.setattr(export_cache, "_exporter", lambda: None)
    remembered(b"weights", [1], exports)
    monkeypatch.setattr(export_cache, "_exporter", lambda: EXPORTER)
    monkeypatch.setenv("DETQUANT_CACHE", "")
    remembered(b"weights", [1], exports)
    assert exports.made == 2 and not folder.exists()


@pytest.mark.usefixtures("one_thread")
@pytest.mark.skipif(not find_spec("torch") or not find_spec("onnxscript"), reason="needs torch")
def test_a_checkpoint_is_exported_once(tmp_path, monkeypatch, safetensors) -> None:
    from detquant.architectures import export, load_architecture

    monkeypatch.setenv("DETQUANT_CACHE", str(tmp_path / "cache"))
    state = load_architecture("resnet-cifar")(1, 8, 4).state_dict()
    path = tmp_path / "resnet.safetensors"
    path.write_bytes(safetensors({name: x.numpy() for name, x in state.items() if "tracked" not in name}))
    first = load_model(path)
    monkeypatch.setattr(export, "export_onnx", None)
    begun = time.monotonic()
    again = load_model(path)
    assert time.monotonic() - begun < 5
    assert again.sha256 == first.sha256 and again.metadata == first.metadata and again.reason == first.reason
    assert [node.name for node in again.model.graph] == [node.name for node in first.model.graph]
    with pytest.raises(TypeError):  # another size is another export
        load_model(path, 64)
