from __future__ import annotations

import hashlib
import io
import json
import zipfile

import pytest

import detquant.zoo
from detquant.cli import main
from detquant.errors import FetchError
from detquant.zoo import Entry, fetch


def entry(*sources, name="thing"):
    return Entry(name=name, kind="detector", licence="MIT", page="https://example.org", sources=sources)


@pytest.fixture
def get(tmp_path):
    def run(one, **options):
        return fetch(one, tmp_path / "zoo", schemes=("http",), timeout=5, **options)

    return run


def digest(web):
    return hashlib.sha256(web.content).hexdigest()


def test_one_file(web, get, tmp_path):
    found = get(entry(web.source("m.onnx")))
    assert found.path == tmp_path / "zoo/m.onnx" and found.path.is_file()


def test_several_files_go_into_a_folder(web, get, tmp_path):
    found = get(entry(web.source("m.cfg"), web.source("m.weights", sha256=digest(web))))
    assert sorted(path.name for path in (tmp_path / "zoo/thing").iterdir()) == ["m.cfg", "m.weights"]
    assert [one.checked for one in found.files] == [None, "sha256"]


def test_an_archive_becomes_a_folder_once(web, get, tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("val/a.txt", "text")
    web.content = packed.getvalue()
    found = get(entry(web.source("data.zip", sha256=digest(web))))
    assert (found.path / "val/a.txt").read_text() == "text"
    assert [path.name for path in (tmp_path / "zoo").iterdir()] == ["thing"]
    again = get(entry(web.source("data.zip", sha256=digest(web))))
    assert again.files[0].already and len(web.asked) == 1
    with pytest.raises(FetchError, match="comes from another file"):
        get(entry(web.source("data.zip", sha256="0" * 64)))
    (found.path / ".fetched.json").unlink()
    with pytest.raises(FetchError, match="was not made by fetch"):
        get(entry(web.source("data.zip")))


def test_an_archive_that_was_here_before_stays(web, get, tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("val/a.txt", "text")
    web.content = packed.getvalue()
    (tmp_path / "zoo").mkdir()
    (tmp_path / "zoo/data.zip").write_bytes(web.content)
    found = get(entry(web.source("data.zip", sha256=digest(web))))
    assert (found.path / "val/a.txt").is_file() and (tmp_path / "zoo/data.zip").read_bytes() == web.content


def test_the_users_checksum(web, get):
    pair = entry(web.source("m.cfg"), web.source("m.weights", sha256=digest(web)))
    assert get(pair, sha256=digest(web).upper()).files[0].checked == "sha256"
    with pytest.raises(FetchError, match="64 hex digits"):
        get(pair, sha256="abc")
    with pytest.raises(FetchError, match="has 2 files"):
        get(entry(web.source("a"), web.source("b")), sha256="0" * 64)
    with pytest.raises(FetchError, match="begins with 12345678"):
        get(entry(web.source("m.pth", sha256_start="12345678")), sha256="0" * 64)


def test_the_command(web, tmp_path, monkeypatch, capsys):
    found = entry(web.source("m.onnx"))
    monkeypatch.setitem(detquant.zoo.ENTRIES, "thing", found)
    monkeypatch.setattr(detquant.zoo, "fetch", lambda *a, **k: fetch(*a, **k, schemes=("http",)))
    arguments = ["fetch", "thing", "--out", str(tmp_path / "zoo"), "--json", str(tmp_path / "f.json")]
    assert main(arguments) == 0
    shown = capsys.readouterr()
    assert "gives no checksum" in shown.out and digest(web) in shown.out and "licence MIT" in shown.out
    assert "fetching m.onnx, kB 1024/1024" in shown.err
    assert json.loads((tmp_path / "f.json").read_text())["files"][0]["sha256"] == digest(web)
    assert main(arguments) == 0 and "was here already" in capsys.readouterr().out


def test_the_list(tmp_path, capsys):
    assert main(["zoo", "--json", str(tmp_path / "z.json")]) == 0
    out = capsys.readouterr().out
    for words in ("yolov8n", "AGPL-3.0", "37.3", "11ad3fa6…", "https://s3.amazonaws.com/images.cocodataset.org"):
        assert words in out
    assert len(json.loads((tmp_path / "z.json").read_text())["entries"]) == len(detquant.zoo.ENTRIES)


def test_what_is_typed_wrong(tmp_path, capsys):
    assert main(["fetch", "yolov8nn", "--out", str(tmp_path / "zoo")]) == 2
    assert "did you mean 'yolov8n'?" in capsys.readouterr().err and not (tmp_path / "zoo").exists()
    assert main(["fetch"]) == 2 and "NAME" in capsys.readouterr().err


def test_an_interrupted_fetch_says_how_to_go_on(web, tmp_path, monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(detquant.zoo, "fetch", interrupt)
    assert main(["fetch", "yolov8n", "--out", str(tmp_path)]) == 130
    assert "run the same command again to resume" in capsys.readouterr().err
