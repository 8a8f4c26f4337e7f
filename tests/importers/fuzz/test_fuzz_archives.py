"""Whatever an archive is, it becomes a folder, or there is a sentence and nothing was written."""

from __future__ import annotations

import io
import itertools
import tarfile
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutations import EDGES, mutated

from detquant.errors import FetchError, OutputError
from detquant.zoo import unpack

names = st.one_of(
    st.sampled_from(["a", "a/b", "./a", "../a", "/a", "a/../../b", "C:/a", "a\\b", ".", "", "a//b", "x" * 300, "é漢"]),
    st.text(max_size=8),
)
special = [tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.FIFOTYPE, b"x", b"L", b"S", b"Z"]
kinds = st.sampled_from([tarfile.REGTYPE] * 6 + special)
counter = itertools.count()


def becomes(content: bytes, folder: Path) -> bool:
    """Whether it was unpacked."""
    place = folder / str(next(counter))
    place.mkdir()
    archive = place / "archive"
    archive.write_bytes(content)
    begun = time.thread_time()
    try:
        unpack(archive, place / "out", record="{}", record_name=".record")
    except (FetchError, OutputError) as error:
        sentence = str(error)
        assert sentence.isprintable() and len(sentence) < 1000
        assert [path.name for path in place.iterdir()] == ["archive"]
        return False
    finally:
        assert time.thread_time() - begun < 10
    assert sorted(path.name for path in place.iterdir()) == ["archive", "out"]
    assert not any(path.is_symlink() for path in place.rglob("*"))
    return True


@pytest.mark.filterwarnings("ignore:Duplicate name")
@given(
    members=st.lists(st.tuples(names, st.binary(max_size=60)), max_size=5),
    compression=st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]),
)
def test_a_zip_of_any_members(members: list[tuple[str, bytes]], compression: int, tmp_path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name) if "\0" not in name else "a\0b", content)
    becomes(file.getvalue(), tmp_path)


@given(members=st.lists(st.tuples(names, kinds, st.binary(max_size=600), st.sampled_from(EDGES)), max_size=5))
def test_a_tar_of_any_members(members: list[tuple[str, bytes, bytes, int]], tmp_path) -> None:
    file = io.BytesIO()
    for name, kind, content, lie in members:
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.size = kind, "../outside", lie if lie % 7 == 0 else len(content)
        file.write(info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape"))
        file.write(content.ljust(-(-len(content) // 512) * 512, b"\0"))
    becomes(file.getvalue() + bytes(1024), tmp_path)


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("val/", "val/a.jpg", "labels/a.txt"):
            archive.writestr(name, b"" if name.endswith("/") else bytes(range(200)))
    return file.getvalue()


def tarred(mode: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        for name in ("val/a.jpg", "labels/" + "long" * 60 + ".txt"):
            info = tarfile.TarInfo(name)
            info.size = 200
            archive.addfile(info, io.BytesIO(bytes(range(200))))
    return file.getvalue()


SOUND = {"zip": zipped(), "tar": tarred("w:"), "tar.gz": tarred("w:gz")}


@pytest.mark.parametrize("kind", SOUND)
def test_what_is_changed_below_is_sound(kind: str, tmp_path) -> None:
    assert becomes(SOUND[kind], tmp_path)


@pytest.mark.parametrize("kind", SOUND)
@given(data=st.data())
def test_a_sound_archive_that_was_changed(data: st.DataObject, kind: str, tmp_path) -> None:
    becomes(data.draw(mutated(SOUND[kind])), tmp_path)


@given(content=st.binary(max_size=300), head=st.sampled_from([b"", b"PK\x03\x04", b"\x1f\x8b\x08", b"PK\x05\x06"]))
def test_any_bytes(content: bytes, head: bytes, tmp_path) -> None:
    becomes(head + content, tmp_path)
