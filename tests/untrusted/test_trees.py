from __future__ import annotations

import json
import time

import pytest

from detquant.untrusted import parse_json, parse_yaml
from detquant.untrusted.trees import DEEPEST


def laughs(levels: int) -> str:
    """Ten aliases of ten aliases of ten ...: billions of entries from a page of text."""
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    for level in range(1, levels):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]")
    return "\n".join(lines)


def test_plain_values_are_read() -> None:
    assert parse_yaml("a: [1, 2.5, true, null, x]\nb: &b {c: d}\ne: *b") == {
        "a": [1, 2.5, True, None, "x"],
        "b": {"c": "d"},
        "e": {"c": "d"},
    }
    assert parse_yaml("base: &b {x: 1}\none:\n  <<: *b\n  y: 2") == {"base": {"x": 1}, "one": {"x": 1, "y": 2}}
    assert parse_yaml("a: 2026-13-45\nb: 2026-01-02") == {"a": "2026-13-45", "b": "2026-01-02"}
    assert parse_json('{"a": [1]}') == {"a": [1]}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (laughs(9), "more than 200000 entries"),
        ("a: &a [*a]", "'.a' stands for itself"),
        ("[" * 10_000, "nests too deeply"),
        ("- " * 10_000, "nests too deeply"),
        ("a: 1\nb: 2\na: 3", "the key 'a' stands there twice in line 3"),
        ("!!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("a: " + "9" * 6000, "number of more than 4300 digits$"),
        ("!!int x", "invalid literal"),
        ("!!float ''", "index out of range"),
        ("!!bool x", "x"),
        ("a: !!binary 'a'", "base64"),
        ("a: \0", "unacceptable character"),
        ("a: [", "line 1"),
        ("? [a]\n: b", "unhashable"),
        ("a: b\n---\nc: d", "document"),
    ],
)
def test_yaml_is_refused_in_a_sentence(text: str, words: str) -> None:
    begun = time.thread_time()
    with pytest.raises(ValueError, match=words) as refused:
        parse_yaml(text)
    assert str(refused.value).isprintable() and len(str(refused.value)) <= 160 and type(refused.value) is ValueError
    assert time.thread_time() - begun < 2


def test_nesting_up_to_the_bound() -> None:
    assert parse_yaml("[" * DEEPEST + "]" * DEEPEST)
    with pytest.raises(ValueError, match="deeply"):
        parse_yaml("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, "nests too deeply"),
        ("9" * 6000, "number of more than 4300 digits$"),
        ("{", "Expecting"),
        ("", "Expecting value"),
    ],
)
def test_json_is_refused_in_a_sentence(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        parse_json(text)
    assert type(refused.value) is ValueError


TWICE = '{"images": [1], "info": 1, "info": 2, "images": [2]}'


@pytest.mark.parametrize("text", [TWICE, f" {TWICE}\n", '{"images": {"images": 1, "images": 2}, "images": 3}'])
def test_a_key_of_json_that_is_to_be_there_once(text: str) -> None:
    with pytest.raises(ValueError, match="the key 'images' stands there twice"):
        parse_json(text, once=("annotations", "images"))


@pytest.mark.parametrize(
    "text", ['{"a": 1, "a": 2}', '{"images": {"images": 1, "images": 2}}', f"[{TWICE}]", f'{{"a": {TWICE}, "b": 1}}']
)
def test_other_keys_of_json_may_be_repeated(text: str) -> None:
    assert parse_json(text, once=("images",)) == json.loads(text)
