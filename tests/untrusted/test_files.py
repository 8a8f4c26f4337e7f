from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from detquant.untrusted import FileRefused, check_file, in_units, is_file, read_bytes, read_start


def test_a_file_within_the_limit_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    (tmp_path / "link").symlink_to(path)
    assert read_bytes(path, 3) == read_bytes(tmp_path / "link", 3) == b"abc"
    assert check_file(path, 3) == 3 and is_file(path)
    with pytest.raises(FileRefused, match="it has 3 bytes, and no more than 2 bytes are read"):
        read_bytes(path, 2)


def test_the_start_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc" * 100_000)
    assert read_start(path, 10**6, 4) == b"abca" and read_start(path, 10**6, 10**6) == b"abc" * 100_000
    with pytest.raises(FileRefused, match="300 kB"):
        read_start(path, 1000, 4)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_what_is_no_file_is_refused_by_its_kind(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tmp_path / "socket"))
    kinds = {tmp_path / "pipe": "a named pipe", tmp_path / "folder": "a folder", tmp_path / "socket": "a socket"}
    for path, kind in {**kinds, Path("/dev/zero"): "a device"}.items():
        with pytest.raises(FileRefused, match=f"it is {kind}, not a file") as refused:
            read_bytes(path, 10)
        assert refused.value.strerror == f"it is {kind}, not a file" and not is_file(path)


def test_a_hole_of_terabytes_is_refused_by_its_size(tmp_path: Path) -> None:
    with (tmp_path / "hole").open("wb") as file:
        file.truncate(2 * 10**12)
    with pytest.raises(FileRefused, match="it has 2 TB, and no more than 5 MB are read"):
        check_file(tmp_path / "hole", 5_000_000)


@pytest.mark.skipif(not is_file("/proc/self/status"), reason="the system has no /proc")
def test_a_file_that_is_more_than_it_says_is_not_read_to_its_end() -> None:
    with pytest.raises(FileRefused, match="more than the 3 bytes"):
        read_bytes("/proc/self/status", 3)


@pytest.mark.parametrize("name", ["a\0b", "gone", "x" * 5000, "\udcff\ud800"])
def test_what_cannot_be_there_is_an_oserror(name: str, tmp_path: Path) -> None:
    with pytest.raises(OSError) as error:
        read_bytes(tmp_path / name, 10)
    assert error.value.strerror and not is_file(tmp_path / name)


def test_sizes_are_told_in_units() -> None:
    assert [in_units(size) for size in (0, 999, 1500, 10**9)] == ["0 bytes", "999 bytes", "1.5 kB", "1 GB"]
