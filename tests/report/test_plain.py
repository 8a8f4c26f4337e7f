from __future__ import annotations

import os

import pytest

from detquant.report.plain import plain


@pytest.mark.parametrize("text", ["", "plain", "größer \u00e9 \U0001f600", "\\xe9"])
def test_what_is_text_stays(text):
    assert plain(text) == text


def test_bytes_that_are_no_text_are_written_out():
    assert plain(os.fsdecode(b"caf\xe9.jpg")) == r"caf\xe9.jpg"


@pytest.mark.parametrize("code", [0xD800, 0xDBFF, 0xDC00, 0xDC7F, 0xDC80, 0xDCFF, 0xDD00, 0xDFFF])
def test_no_surrogate_is_left(code):
    assert plain(f"a{chr(code)}b").encode("utf-8").startswith(b"a\\")
