from __future__ import annotations

import pytest

from detquant.pipeline.memory import FOLDER, peak_rss_mb, remembered


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
