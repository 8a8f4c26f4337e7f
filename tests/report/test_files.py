from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from detquant._version import __version__
from detquant.errors import OutputError
from detquant.report.files import require_writable, require_writable_file, staged, to_json, write_json
from detquant.report.owned import RECORD


def test_files_appear_together_at_the_end(tmp_path):
    out = tmp_path / "a" / "b"
    with staged(out) as put:
        put("one.txt", "ä")
        put("two.bin", b"\0")
        assert not list(out.glob("[!.]*"))
    assert sorted(path.name for path in out.iterdir()) == [RECORD, "one.txt", "two.bin"]
    assert (out / "one.txt").read_text(encoding="utf-8") == "ä"


def test_a_run_that_fails_leaves_the_old_files(tmp_path):
    (tmp_path / "one.txt").write_text("old")
    with pytest.raises(RuntimeError), staged(tmp_path) as put:
        put("one.txt", "new")
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == ["one.txt"]
    assert (tmp_path / "one.txt").read_text() == "old"


def test_an_interrupt_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), staged(tmp_path) as put:
        put("one.txt", "new")
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_others_may_read_what_is_written(tmp_path):
    before = os.umask(0o022)
    try:
        write_json(tmp_path / "f.json", {})
    finally:
        os.umask(before)
    assert (tmp_path / "f.json").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("below", ["", "out", "out/deeper"])
def test_a_file_is_no_folder(tmp_path, below):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is not a folder"):
        require_writable(tmp_path / "file" / below)
    with pytest.raises(OutputError, match="Cannot write"), staged(tmp_path / "file" / below) as put:
        put("x", "")


def test_the_check_leaves_nothing(tmp_path):
    require_writable(tmp_path / "a" / "b")
    require_writable_file(tmp_path / "a" / "f.json")
    assert not list(tmp_path.iterdir())


def test_a_relative_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    require_writable("out")
    require_writable_file("figures.json")
    write_json("figures.json", {"a": 1})
    assert json.loads((tmp_path / "figures.json").read_text()) == {"detquant_version": __version__, "a": 1}


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(OutputError, match="it is a folder"):
        require_writable_file(tmp_path)


def test_json_is_json(tmp_path):
    content = {
        "a": float("inf"),
        "b": np.float32(0.5),
        "c": (1, np.int64(2)),
        "d": tmp_path,
        3: None,
        "e": True,
    }
    expected = {"a": None, "b": 0.5, "c": [1, 2], "d": str(tmp_path), "3": None, "e": True}
    assert json.loads(to_json(content)) == expected


def test_folders_within_the_folder(tmp_path):
    with staged(tmp_path / "out") as put:
        put("w8a8/model.onnx", b"1")
        put("report.md", "2")
    assert (tmp_path / "out/w8a8/model.onnx").read_bytes() == b"1"
    found = sorted(path.name for path in (tmp_path / "out").rglob("*"))
    assert found == [RECORD, "model.onnx", "report.md", "w8a8"]


def test_text_that_utf8_does_not_hold_is_written_out(tmp_path):
    with staged(tmp_path) as put:
        put("report.md", "caf\udce9 \ud83d ä")
    assert (tmp_path / "report.md").read_text(encoding="utf-8") == "caf\\xe9 \\ud83d ä"
    write_json(tmp_path / "f.json", {"\udce9": ["\ud83d", Path("caf\udce9")]})
    assert json.loads((tmp_path / "f.json").read_bytes())["\\xe9"] == ["\\ud83d", "caf\\xe9"]


def test_a_pipe_takes_figures_and_stays_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor(1) as pool:
        text = pool.submit((tmp_path / "pipe").read_text)
        require_writable_file(tmp_path / "pipe")
        write_json(tmp_path / "pipe", {"a": 1})
        assert json.loads(text.result(10))["a"] == 1
    assert (tmp_path / "pipe").is_fifo()


def test_the_null_device_stays_one():
    write_json("/dev/null", {"a": 1})
    assert Path("/dev/null").is_char_device()


def test_what_an_earlier_run_left_in_a_folder_within_goes(tmp_path):
    out = tmp_path / "out"
    with staged(out) as put:
        for name in ("first.txt", "mem/one.mem", "mem/two.mem", "mem/deep/three.mem", "mem/read.mem", "other/four.mem"):
            put(name, name)
    (out / "mem/changed.mem").write_text("of the user")
    (out / "mem/two.mem").write_text("changed since")
    with staged(out) as put:
        put("other/five.mem", "5")
    with staged(out, [out / "mem/read.mem"], whole=True) as put:
        put("mem/new.mem", "new")
    kept = (
        "first.txt",
        "mem/changed.mem",
        "mem/new.mem",
        "mem/read.mem",
        "mem/two.mem",
        "other/five.mem",
        "other/four.mem",
    )
    assert tuple(sorted(path.relative_to(out).as_posix() for path in out.rglob("[!.]*.*"))) == kept


def test_what_goes_comes_back_where_the_new_files_cannot_be_written(tmp_path, monkeypatch):
    with staged(tmp_path) as put:
        put("mem/one.mem", "1")
        put("mem/two.mem", "2")
    before, real = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}, os.replace

    def replacing(source, target):
        if Path(source).name == "two.mem":
            raise OSError(28, "No space left on device")
        real(source, target)

    with (
        monkeypatch.context() as patch,
        pytest.raises(OutputError, match="No space left"),
        staged(tmp_path, whole=True) as put,
    ):
        put("mem/new.mem", "new")
        patch.setattr(os, "replace", replacing)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["mem/../../kept.txt", "mem/link/kept.txt"])
def test_a_record_that_names_files_elsewhere_takes_none_of_them(tmp_path, name):
    out, elsewhere = tmp_path / "out", tmp_path / "kept.txt"
    elsewhere.write_text("kept")
    with staged(out) as put:
        put("mem/one.mem", "1")
    (out / "mem/link").symlink_to(tmp_path)
    record = json.loads((out / RECORD).read_text())
    record["files"][name] = [hashlib.sha256(b"kept").hexdigest()]
    (out / RECORD).write_text(json.dumps(record))
    with staged(out, whole=True) as put:
        put("mem/two.mem", "2")
    assert elsewhere.read_text() == "kept" and not (out / "mem/one.mem").exists()
