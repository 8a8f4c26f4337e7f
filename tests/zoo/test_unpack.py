from __future__ import annotations

import gzip
import importlib
import io
import random
import stat
import tarfile
import tracemalloc
import zipfile

import pytest

from detquant.errors import FetchError, OutputError
from detquant.zoo import unpack


@pytest.fixture
def zipped(tmp_path):
    """zipped({name: content}): a zip file; a name may be a ZipInfo."""

    def write(members):
        with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as file:
            for name, content in members:
                file.writestr(name, content)
        return tmp_path / "a.zip"

    return write


@pytest.fixture
def tarred(tmp_path):
    """tarred((name, content or type)...): a tar.gz file."""

    def write(members):
        with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as file:
            for name, content in members:
                info = tarfile.TarInfo(name)
                if isinstance(content, bytes) and len(content) > 1:
                    info.size = len(content)
                    file.addfile(info, io.BytesIO(content))
                else:
                    info.type, info.linkname = content, "../../outside"
                    file.addfile(info)
        return tmp_path / "a.tar.gz"

    return write


def nothing_else(tmp_path, archive):
    assert list(tmp_path.iterdir()) == [archive]


def test_a_good_zip(zipped, tmp_path):
    archive = zipped([("val/", b""), ("val/a.jpg", b"picture"), ("labels/a.txt", b"0 1 2 3 4")])
    unpack(archive, tmp_path / "out", record="{}", record_name=".r.json")
    found = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert found == {"val/a.jpg", "labels/a.txt", ".r.json"}
    assert (tmp_path / "out/val/a.jpg").read_bytes() == b"picture"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zip", "out"]


def test_a_good_tar(tarred, tmp_path):
    unpack(tarred([("ssd", tarfile.DIRTYPE), ("./ssd/graph.pb", b"graph")]), tmp_path / "out")
    assert (tmp_path / "out/ssd/graph.pb").read_bytes() == b"graph"


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "..\\evil", "C:/evil"])
@pytest.mark.parametrize("kind", ["zipped", "tarred"])
def test_paths_that_escape(request, tmp_path, kind, name):
    archive = request.getfixturevalue(kind)([("good.txt", b"good"), (name, b"evil")])
    with pytest.raises(FetchError, match=r"leads out of the folder.*Do not trust it"):
        unpack(archive, tmp_path / "out")
    nothing_else(tmp_path, archive)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar(tarred, tmp_path, kind):
    archive = tarred([("good.txt", b"good"), ("bad", kind)])
    with pytest.raises(FetchError, match="'bad' in it is a link or a device"):
        unpack(archive, tmp_path / "out")
    nothing_else(tmp_path, archive)


def test_a_link_in_a_zip(zipped, tmp_path):
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive = zipped([(link, "../outside")])
    with pytest.raises(FetchError, match="is a link"):
        unpack(archive, tmp_path / "out")
    nothing_else(tmp_path, archive)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice(zipped, tmp_path):
    archive = zipped([("a", b"one"), ("a", b"two")])
    with pytest.raises(FetchError, match="is there twice"):
        unpack(archive, tmp_path / "out")


def test_a_locked_zip(zipped, tmp_path):
    archive = zipped([("a", b"one")])
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)
    with pytest.raises(FetchError, match="password"):
        unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("kind", ["zipped", "tarred"])
def test_a_bomb(request, tmp_path, kind):
    archive = request.getfixturevalue(kind)([("good", b"good"), ("zeros", bytes(5_000_000))])
    with pytest.raises(FetchError, match="100 times its size"):
        unpack(archive, tmp_path / "out")
    nothing_else(tmp_path, archive)


def test_a_bomb_that_lies_about_its_size(zipped, tmp_path):
    archive = zipped([("zeros", bytes(5_000_000))])
    content = archive.read_bytes()
    archive.write_bytes(content.replace((5_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    with pytest.raises(FetchError):
        unpack(archive, tmp_path / "out")
    nothing_else(tmp_path, archive)


@pytest.mark.parametrize("kind", ["zipped", "tarred"])
def test_a_broken_archive(request, tmp_path, kind):
    archive = request.getfixturevalue(kind)([("a", bytes(range(256)) * 50)])
    content = bytearray(archive.read_bytes())
    for place in range(60, 80):
        content[place] ^= 0xFF
    archive.write_bytes(content)
    with pytest.raises(FetchError, match=r"cannot be unpacked .* fetch it again"):
        unpack(archive, tmp_path / "out")
    nothing_else(tmp_path, archive)


@pytest.mark.parametrize("kind", ["zipped", "tarred"])
def test_half_an_archive(request, tmp_path, kind):
    archive = request.getfixturevalue(kind)([("a", b"first"), ("b", random.Random(0).randbytes(50_000))])
    content = archive.read_bytes()
    archive.write_bytes(content[: len(content) // 2])
    with pytest.raises(FetchError, match=r"cannot be unpacked .* fetch it again"):
        unpack(archive, tmp_path / "out")
    nothing_else(tmp_path, archive)


def test_no_archive_at_all(tmp_path):
    (tmp_path / "a.zip").write_text("<html>log in</html>")
    with pytest.raises(FetchError, match="cannot be unpacked"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_too_little_space_is_said_before_anything_is_written(zipped, tmp_path, monkeypatch):
    archive = zipped([("a", b"one")])
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 2}))
    with pytest.raises(FetchError, match="free some"):
        unpack(archive, tmp_path / "out")
    nothing_else(tmp_path, archive)


def test_a_folder_in_the_way(zipped, tmp_path):
    archive = zipped([("a", b"one")])
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine").write_text("mine")
    with pytest.raises(OutputError, match="Cannot write"):
        unpack(archive, tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zip", "out"]


def test_an_interrupt_leaves_the_archive_only(zipped, tmp_path, monkeypatch):
    archive = zipped([("a", b"one")])

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.rename", interrupt)
    with pytest.raises(KeyboardInterrupt):
        unpack(archive, tmp_path / "out")
    nothing_else(tmp_path, archive)


def test_a_name_that_is_no_text(tarred, tmp_path):
    unpack(tarred([("caf\udce9.txt", b"coffee")]), tmp_path / "out")
    assert [path.read_bytes() for path in (tmp_path / "out").iterdir()] == [b"coffee"]


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compression_whose_memory_the_archive_chooses(tmp_path, compression):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", compression) as file:
        file.writestr("a", bytes(1000))
    with pytest.raises(FetchError, match="compressed in a way that is not taken"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_a_zip_name_that_says_it_is_utf8_and_is_not(zipped, tmp_path):
    archive = zipped([("é", b"one")])
    archive.write_bytes(archive.read_bytes().replace("é".encode(), b"\xff\xfe"))
    with pytest.raises(FetchError, match="cannot be unpacked"):
        unpack(archive, tmp_path / "out")
    nothing_else(tmp_path, archive)


def header(name: bytes, size: bytes, kind: bytes) -> bytes:
    """A tar header; its sum is right."""
    block = bytearray(name.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + size.ljust(12, b"\0") + bytes(12))
    block += b" " * 8 + kind + bytes(100) + b"ustar\x0000" + bytes(247)
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


@pytest.mark.parametrize("kind", [b"L", b"x", b"g"])
@pytest.mark.parametrize("size", [b"77777777777", b"\x80" + (2**62).to_bytes(11, "big"), b"\xff" * 12])
def test_a_name_or_header_of_gigabytes_is_not_read(tmp_path, kind, size):
    archive = tmp_path / "a.tar.gz"
    with gzip.open(archive, "wb") as file:
        file.write(header(b"long", size, kind) + bytes(20_000_000))
    tracemalloc.start()
    with pytest.raises(FetchError):
        unpack(archive, tmp_path / "out")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 << 20
    nothing_else(tmp_path, archive)


def test_headers_that_announce_headers(tmp_path):
    archive = tmp_path / "a.tar"
    archive.write_bytes(header(b"more", b"00000000000", b"x") * 20_000 + bytes(1024))
    with pytest.raises(FetchError, match="cannot be unpacked"):
        unpack(archive, tmp_path / "out")


def test_more_members_than_any_data_set_has(tarred, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.import_module("detquant.zoo.unpack"), "MOST_MEMBERS", 10)
    archive = tarred([(f"{number}.txt", b"text") for number in range(11)])
    with pytest.raises(FetchError, match="more than 10 files"):
        unpack(archive, tmp_path / "out")
    nothing_else(tmp_path, archive)


def test_a_directory_of_gigabytes_is_not_read(zipped, tmp_path):
    archive = zipped([("a", b"one")])
    content = bytearray(archive.read_bytes())
    place = content.rindex(b"PK\x05\x06")
    content[place + 12 : place + 16] = (2**31).to_bytes(4, "little")
    archive.write_bytes(content)
    with pytest.raises(FetchError, match="cannot be unpacked"):
        unpack(archive, tmp_path / "out")


def test_a_path_without_end(zipped, tmp_path):
    archive = zipped([("a/" * 2000 + "b", b"one")])
    with pytest.raises(FetchError, match="a path of more than 1024 bytes"):
        unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("members", [["a", "a/"], ["a/", "a"], ["a", "a/b"], ["a/b", "a"], ["a", "./a/b"]])
def test_a_file_and_a_folder_of_one_name(zipped, tmp_path, members):
    archive = zipped([(name, b"" if name.endswith("/") else b"one") for name in members])
    with pytest.raises(FetchError, match="is there twice"):
        unpack(archive, tmp_path / "out")
    nothing_else(tmp_path, archive)
