from __future__ import annotations

import os

import pytest

from detquant.pipeline.memory import CACHED, FOLDER, peak_rss_mb, remembered


def test_what_one_run_decides_the_next_one_reads(tmp_path):
    with remembered(tmp_path, "key") as memory:
        assert memory.decisions == {}
        memory.decisions["placement"] = {"conv": "faster in float"}
    with remembered(tmp_path, "key") as memory:
        assert memory.decisions == {"placement": {"conv": "faster in float"}}
        assert memory.statistics == tmp_path / FOLDER / "key.npz"


def test_another_key_and_another_processor_start_anew(tmp_path, monkeypatch):
    with remembered(tmp_path, "key") as memory:
        memory.decisions["placement"] = {}
    with remembered(tmp_path, "other") as memory:
        assert memory.decisions == {}
    monkeypatch.setattr("platform.machine", lambda: "m68k/020")
    with remembered(tmp_path, "key") as memory:
        assert memory.decisions == {}


@pytest.mark.parametrize("content", ["", "{", "\x00\x01", "[1, 2]", "null", '"text"'])
def test_a_file_that_is_not_what_was_written_is_ignored(tmp_path, content):
    with remembered(tmp_path, "key") as memory:
        memory.decisions["placement"] = {}
    [file] = (tmp_path / FOLDER).iterdir()
    file.write_text(content)
    with remembered(tmp_path, "key") as memory:
        assert memory.decisions == {}


def test_bytes_that_are_no_text_are_ignored(tmp_path):
    with remembered(tmp_path, "key") as memory:
        memory.decisions["placement"] = {}
    [file] = (tmp_path / FOLDER).iterdir()
    file.write_bytes(b"\xff\xfe\xff")
    with remembered(tmp_path, "key") as memory:
        assert memory.decisions == {}


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with remembered(None, "key") as memory:
        memory.decisions["placement"] = {}
        assert memory.statistics is None
    assert not list(tmp_path.iterdir())


def test_without_a_decision_nothing_is_written(tmp_path):
    with remembered(tmp_path, "key"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_run_that_fails_decides_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), remembered(tmp_path, "key") as memory:
        memory.decisions["placement"] = {}
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_peak_memory_is_in_megabytes():
    assert 20 < peak_rss_mb() < 20_000


# ---------------------------------------------------------------- the user's cache


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DETQUANT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / CACHED


def test_decisions_are_found_from_another_folder_and_from_none(tmp_path, cache):
    with remembered(tmp_path / "a", "key") as memory:
        memory.decisions["placement"] = {"a": 1}
    for work in (tmp_path / "b", None):
        with remembered(work, "key") as memory:
            assert memory.decisions == {"placement": {"a": 1}}


def test_those_of_the_folder_come_first(tmp_path, cache):
    with remembered(tmp_path / "a", "key") as memory:
        memory.decisions["placement"] = {"a": 1}
    with remembered(None, "key") as memory:
        memory.decisions["placement"] = {"b": 1}
    with remembered(tmp_path / "a", "key") as memory:
        assert memory.decisions == {"placement": {"a": 1}}


@pytest.mark.parametrize(
    "change",
    [
        lambda patch: patch.setattr("detquant.pipeline.memory.__version__", "0"),
        lambda patch: patch.setattr("detquant.pipeline.memory._version", lambda _: "0"),
        lambda patch: patch.setattr("detquant.pipeline.memory.processor_name", lambda: "another"),
        lambda patch: patch.setattr("detquant.pipeline.memory.processor_features", lambda: "avx1024"),
        lambda patch: patch.setattr("platform.machine", lambda: "m68k"),
    ],
)
def test_another_version_and_another_processor_start_anew(cache, monkeypatch, change):
    with remembered(None, "key") as memory:
        memory.decisions["placement"] = {}
    change(monkeypatch)
    with remembered(None, "key") as memory:
        assert memory.decisions == {}


def test_another_runtime_starts_anew(cache):
    with remembered(None, "key", "onnxruntime") as memory:
        memory.decisions["placement"] = {}
    with remembered(None, "key", "openvino") as memory:
        assert memory.decisions == {}


@pytest.mark.parametrize("place", ["/dev/null/x", "/proc/x"])
def test_a_cache_that_cannot_be_written_is_none(monkeypatch, place):
    monkeypatch.setenv("DETQUANT_CACHE", place)
    with remembered(None, "key") as memory:
        memory.decisions["placement"] = {}


def test_what_was_used_longest_ago_makes_room(cache, monkeypatch):
    monkeypatch.setattr("detquant.pipeline.memory.MOST_CACHED", 3)
    for number in range(5):
        with remembered(None, f"key{number}") as memory:
            memory.decisions["placement"] = {"number": number}
        for file in cache.iterdir():
            os.utime(file, (number + (f"key{number}" in file.name), number + (f"key{number}" in file.name)))
    assert len(list(cache.iterdir())) == 3
    with remembered(None, "key4") as memory:
        assert memory.decisions == {"placement": {"number": 4}}
