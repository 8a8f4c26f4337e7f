from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from detquant.errors import FetchError, OutputError
from detquant.zoo import download
from detquant.zoo.connection import connect

HTTP = ("http",)
MEGABYTE = 1_024_000


@pytest.fixture
def get(web, tmp_path):
    """get(known...): downloads the server's file; `get.file` is where to."""

    def run(progress=None, timeout=5.0, **known):
        return download(web.source(**known), run.file, progress=progress, timeout=timeout, schemes=HTTP)

    run.file = tmp_path / "models" / "m.onnx"
    run.partial = run.file.with_name("m.onnx.partial")
    return run


@pytest.fixture
def cut(web, get):
    """A first attempt that ended after 300000 bytes."""
    web.cut = 300_000
    with pytest.raises(FetchError, match=r"was cut after 0.3 MB of 1.0 MB .* same command again, it goes on"):
        get()
    assert not get.file.exists() and get.partial.stat().st_size == 300_000
    web.cut = None


def digest(web) -> str:
    import hashlib

    return hashlib.sha256(web.content).hexdigest()


def names(get) -> list[str]:
    return sorted(path.name for path in get.file.parent.iterdir())


def test_a_whole_file(web, get):
    told = []
    came = get(lambda *how_far: told.append(how_far), sha256=digest(web))
    assert get.file.read_bytes() == web.content and names(get) == ["m.onnx"]
    assert came.sha256 == digest(web) and came.checked == "sha256" and not came.already
    assert came.size_bytes == MEGABYTE and told[-1] == ("fetching m.onnx, kB", 1024, 1024)


def test_a_file_of_the_users_that_is_called_partial(web, get):
    get.partial.parent.mkdir()
    get.partial.write_text("mine")
    with pytest.raises(OutputError, match=r"m\.onnx\.partial' is there and was not left by detquant"):
        get()
    assert get.partial.read_text() == "mine" and names(get) == ["m.onnx.partial"]


def test_a_second_time_nothing_is_fetched(web, get):
    get()
    came = get(sha256=digest(web))
    assert came.already and came.checked == "sha256" and len(web.asked) == 1


def test_another_file_of_that_name_is_left_alone(web, get):
    get.file.parent.mkdir()
    get.file.write_text("mine")
    with pytest.raises(FetchError, match="is there, but is another file"):
        get(sha256=digest(web))
    assert get.file.read_text() == "mine" and not web.asked
    get.file.unlink()
    get.file.mkdir()
    with pytest.raises(FetchError, match="is a folder"):
        get()


def test_a_cut_download_is_resumed(web, get, cut):
    came = get(sha256=digest(web))
    assert web.asked[1]["Range"] == "bytes=300000-" and web.asked[1]["If-Range"] == '"one"'
    assert get.file.read_bytes() == web.content and not came.already and names(get) == ["m.onnx"]


def test_a_server_that_ignores_ranges(web, get, cut):
    web.knows_ranges = False
    get(sha256=digest(web))
    assert get.file.read_bytes() == web.content


def test_a_file_that_changed_meanwhile_starts_anew(web, get, cut):
    web.etag, web.content = '"two"', web.content[::-1]
    get(sha256=digest(web))
    assert get.file.read_bytes() == web.content


def test_a_redirect_keeps_what_was_asked_for(web, tmp_path):
    web.cut = 300_000
    with pytest.raises(FetchError, match="was cut"):
        download(web.source("moved"), tmp_path / "m", schemes=HTTP)
    web.cut = None
    download(web.source("moved", sha256=digest(web)), tmp_path / "m", schemes=HTTP)
    assert web.asked[-1]["Range"] == "bytes=300000-" and len(web.asked) == 4


@pytest.mark.parametrize("tag", ["", 'W/"weak"'])
def test_without_a_strong_tag_there_is_no_resuming(web, get, tag):
    web.etag, web.cut = tag, 300_000
    with pytest.raises(FetchError, match="it starts anew"):
        get()
    web.cut = None
    get(sha256=digest(web))
    assert "Range" not in web.asked[1]


def test_the_beginning_of_something_else_is_not_gone_on_from(web, get, cut):
    record = get.partial.with_name("m.onnx.partial.json")
    record.write_text(record.read_text().replace("http:", "https:"))
    get(sha256=digest(web))
    assert "Range" not in web.asked[1]


def test_a_whole_partial_file_needs_no_server(web, get, cut):
    get.partial.write_bytes(web.content)
    get(sha256=digest(web))
    assert len(web.asked) == 1 and names(get) == ["m.onnx"]


def test_a_partial_file_longer_than_the_servers_starts_anew(web, get, cut):
    get.partial.write_bytes(web.content + b"more")
    get(sha256=digest(web))
    assert len(web.asked) == 3 and get.file.read_bytes() == web.content


@pytest.mark.parametrize("known", [{"sha256": "0" * 64}, {"sha256_start": "01234567"}])
def test_a_wrong_checksum(web, get, known):
    with pytest.raises(FetchError, match=f"expected 0.*found {digest(web)}.*removed"):
        get(**known)
    assert names(get) == []


def test_the_first_digits(web, get):
    assert get(sha256_start=digest(web)[:8]).checked == "first 8 digits of sha256"


def test_no_checksum(web, get):
    came = get()
    assert came.checked is None and came.sha256 == digest(web)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (403, "refuses the file"),
        (404, "look for it on the publisher's page"),
        (429, "too many requests"),
        (500, "wait some minutes"),
        (204, "not expected"),
        (418, "not expected"),
    ],
)
def test_other_answers(web, get, status, words):
    web.status = status
    with pytest.raises(FetchError, match=words) as caught:
        get()
    assert str(status) in str(caught.value) and not get.file.parent.exists()


def test_a_server_that_falls_silent(web, get):
    web.cut = 300_000
    web.silent.clear()
    with pytest.raises(FetchError, match=r"fell silent after 0.3 MB"):
        get(timeout=0.2)
    assert names(get) == ["m.onnx.partial", "m.onnx.partial.json"]


def test_a_server_that_never_answers(web, get, monkeypatch):
    web.shutdown()  # it still takes connections
    with pytest.raises(FetchError, match=r"did not answer within 0.2 s"):
        get(timeout=0.2)


def test_no_server(web, get):
    web.shutdown()
    web.server_close()
    with pytest.raises(FetchError, match="cannot be reached"):
        get()


def test_more_is_announced_than_sent(web, get):
    web.announce = MEGABYTE * 2
    with pytest.raises(FetchError, match=r"was cut after 1.0 MB of 2.0 MB"):
        get()
    assert not get.file.exists()


def test_less_is_announced_than_sent(web, get):
    web.announce = 1000
    with pytest.raises(FetchError, match="not the file that was meant"):
        get(sha256=digest(web))
    assert names(get) == []


def test_more_is_sent_than_announced_for_the_rest(web, get, cut):
    web.range_total = 400_000
    with pytest.raises(FetchError, match="instead of the 400000 that it had announced"):
        get()
    assert names(get) == []


def test_no_space(web, get, monkeypatch):
    real = Path.open

    def full(path, mode="r", *rest, **more):
        file = real(path, mode, *rest, **more)
        if mode != "ab":
            return file
        wrapped = _Full(file)
        return wrapped

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OutputError, match=r"No space left .*m.onnx'.*goes on from there"):
        get()
    monkeypatch.undo()
    monkeypatch.setenv("no_proxy", "*")
    assert not get.file.exists() and get.partial.stat().st_size > 0
    get(sha256=digest(web))
    assert "Range" in web.asked[1]


class _Full:
    """A file on a disk that takes one piece."""

    def __init__(self, file):
        self.file, self.pieces = file, 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, piece):
        if self.pieces:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.pieces += 1
        return self.file.write(piece)


def test_a_folder_that_cannot_be_made(web, get):
    get.file.parent.write_text("in the way")
    with pytest.raises(OutputError, match="Cannot write"):
        get()


def test_an_interrupt_leaves_the_partial_file(web, get):
    def interrupt(what, done, total):
        if done > 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(interrupt)
    assert names(get) == ["m.onnx.partial", "m.onnx.partial.json"]
    assert json.loads((get.file.parent / "m.onnx.partial.json").read_text())["total"] == MEGABYTE
    get(sha256=digest(web))
    assert get.file.read_bytes() == web.content


def test_only_https_unless_told_otherwise(web, tmp_path):
    with pytest.raises(FetchError, match="not https: http://127"):
        download(web.source(), tmp_path / "m.onnx")
    with pytest.raises(FetchError, match="not https"), connect("file:///etc/passwd", {}):
        pass
    assert not web.asked and not list(tmp_path.iterdir())


def test_a_redirect_that_leaves_the_scheme(web, get):
    web.status, web.location = 302, "ftp://127.0.0.1/m.onnx"
    with pytest.raises(FetchError, match="sends on to an address that is not http: ftp"):
        get()


@pytest.mark.parametrize("announce", ["", "9" * 5000, "-5", "five", "٣", "1e9", " "])
def test_a_length_that_is_none_is_as_good_as_no_length(web, get, announce):
    web.announce = announce.encode().decode("latin-1")
    came = get(sha256=digest(web))
    assert came.size_bytes == MEGABYTE and get.file.read_bytes() == web.content


@pytest.mark.parametrize("megabytes", [0.5, 2.0])
def test_a_server_that_does_not_stop(web, get, megabytes):
    web.announce, web.endless = "", True
    with pytest.raises(FetchError, match=rf"does not stop after .* MB for m.onnx, where it has {megabytes:g} MB"):
        get(megabytes=megabytes)
    assert names(get) == []


def test_a_server_that_announces_too_much_is_not_listened_to(web, get):
    web.announce, web.endless = 10**12, True
    with pytest.raises(FetchError, match=r"announces 1000000.0 MB for m.onnx, where its size is not known"):
        get()
    assert names(get) == []


def test_a_server_that_sends_a_byte_now_and_then(web, get):
    web.announce, web.drip = "", 0.05
    with pytest.raises(FetchError, match=r"had almost come to a halt after 0.0 MB"):
        get(timeout=0.2)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
@pytest.mark.parametrize("suffix", ["", ".partial", ".partial.json"])
def test_a_pipe_in_the_way_is_not_waited_for(web, get, suffix):
    get.file.parent.mkdir()
    os.mkfifo(f"{get.file}{suffix}")
    with pytest.raises((FetchError, OutputError), match=r"it is a named pipe, not a file|is there and is no file"):
        get()


@pytest.mark.parametrize("record", ["[" * 9000, "1" * 6000, "null", '{"total": "9"}', '{"total": 1e999}', "\xff"])
def test_a_record_that_makes_no_sense_is_none(web, get, record):
    get.file.parent.mkdir()
    get.partial.write_bytes(b"something")
    get.partial.with_name("m.onnx.partial.json").write_text(record, encoding="latin-1")
    assert get(sha256=digest(web)).size_bytes == MEGABYTE
