from __future__ import annotations

import os
from pathlib import Path

import pytest

from detquant.errors import OutputError
from detquant.report.together import together, write_whole

FULL = OSError(28, "No space left on device")


def everything(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def replace(monkeypatch):
    """replace(fails_at): os.replace, which fails at a call, counted from 1; later ones work again."""
    calls, real = [], os.replace

    def start(fails_at, error=FULL):
        def replacing(source, target):
            calls.append(target)
            if len(calls) == fails_at:
                raise error
            real(source, target)

        monkeypatch.setattr("detquant.report.together.os.replace", replacing)

    return start


@pytest.mark.parametrize("fails_at", [1, 2, 3])
@pytest.mark.parametrize("error", [FULL, KeyboardInterrupt()])
def test_where_one_cannot_have_its_name_all_is_as_before(tmp_path, replace, fails_at, error):
    (tmp_path / "b").write_bytes(b"old b")
    (tmp_path / "c").write_bytes(b"old c")
    replace(fails_at, error)
    with pytest.raises(OutputError if isinstance(error, OSError) else KeyboardInterrupt), together() as batch:
        for name in "abc":
            batch.add(tmp_path / name, b"new")
    assert everything(tmp_path) == {"b": b"old b", "c": b"old c"}


def test_where_links_are_not_known_copies_do(tmp_path, replace, monkeypatch):
    def refuse(*_):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr("detquant.report.together.os.link", refuse)
    (tmp_path / "a").write_bytes(b"old")
    replace(2)
    with pytest.raises(OutputError), together() as batch:
        for name in "ab":
            batch.add(tmp_path / name, b"new")
    assert everything(tmp_path) == {"a": b"old"}


def test_what_was_there_is_replaced_and_nothing_else_is_left(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    with together() as batch:
        batch.add(tmp_path / "a", b"new")
        batch.add(tmp_path / "deep" / "er" / "b", b"new")
    assert everything(tmp_path) == {"a": b"new", "deep/er/b": b"new"}


def test_folders_that_were_made_go_with_what_failed(tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(RuntimeError), together() as batch:
        batch.add(tmp_path / "there" / "a", b"")
        batch.add(tmp_path / "made" / "deep" / "b", b"")
        raise RuntimeError
    assert [path.name for path in tmp_path.rglob("*")] == ["there"]


def test_a_folder_that_is_in_the_way_is_found_and_the_rest_taken_back(tmp_path):
    (tmp_path / "b").mkdir()
    with pytest.raises(OutputError, match=r"Cannot write '.*b'"), together() as batch:
        batch.add(tmp_path / "a", b"")
        batch.add(tmp_path / "b", b"")
    assert [path.name for path in tmp_path.rglob("*")] == ["b"]


def test_the_longest_name_that_a_file_can_have(tmp_path):
    name = "x" * 250 + ".onnx"
    write_whole(tmp_path / name, b"1")
    assert everything(tmp_path) == {name: b"1"}


def test_a_name_that_is_no_text(tmp_path):
    name = os.fsdecode(b"caf\xe9")
    write_whole(tmp_path / name, b"1")
    write_whole(tmp_path / name, b"2")
    assert Path(tmp_path, name).read_bytes() == b"2" and len(list(tmp_path.iterdir())) == 1
