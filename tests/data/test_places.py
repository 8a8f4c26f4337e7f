from __future__ import annotations

from pathlib import Path

import pytest

from detquant.data.places import find_named, is_absolute, last_parts
from detquant.untrusted import is_file


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("val/a.png", "odd\\b.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("name", "found", "by_parts"),
    [
        ("val/a.png", "val/a.png", False),
        ("val\\a.png", "val/a.png", False),
        ("odd\\b.png", "odd\\b.png", False),
        ("C:\\data\\set\\val\\a.png", "val/a.png", True),
        ("/home/who/set/val/a.png", "val/a.png", True),
        ("\\\\server\\share\\val\\a.png", "val/a.png", True),
    ],
)
def test_what_is_found(root: Path, name: str, found: str, by_parts: bool) -> None:
    place = find_named(name, [root / "gone", root], is_file)
    assert place is not None and place.path == root / found and place.by_parts == by_parts


@pytest.mark.parametrize("name", ["set/val/a.png", "a.png", "C:\\gone.png", "a\0.png", "x" * 9999, ""])
def test_what_is_not(root: Path, name: str) -> None:
    assert find_named(name, [root], is_file) is None


def test_relative_paths_by_their_last_parts_where_that_is_asked_for(root: Path) -> None:
    place = find_named("set/val/a.png", [root], is_file, any_parts=True)
    assert place is not None and place.by_parts and place.path == root / "val/a.png"


def test_the_ends_of_paths() -> None:
    assert list(last_parts("C:\\a\\images")) == ["a/images"]
    assert list(last_parts("../../a/b")) == ["a/b", "b"]
    assert is_absolute("D:/x") and is_absolute("\\\\server\\x") and not is_absolute("a/b")
