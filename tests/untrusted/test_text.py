from __future__ import annotations

from pathlib import Path

import pytest

from detquant.untrusted import one_line, printable, read_text, shown


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_text_is_read_by_its_mark(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes("names: [größe]".encode(encoding))
    assert read_text(path, 100) == "names: [größe]"


def test_what_is_not_utf8_is_said_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes("größe".encode("cp1252"))
    with pytest.raises(ValueError, match="byte 2 is not UTF-8 text: save the file as UTF-8"):
        read_text(path, 100)


def test_values_are_shown_short_and_on_one_line() -> None:
    assert shown("a\nb") == r"'a\nb'" and shown(1.5) == "1.5"
    assert shown("\ud800") == r"'\ud800'" and len(shown("x" * 999)) == 60
    assert shown(list(range(99))) == "a list of 99 entries"
    assert shown(1 << 99999) == "a int too large to show"
    assert one_line("a\n\tb\0") == "a b\ufffd" and printable("é\x1b\ud800") == "é\ufffd\ufffd"
