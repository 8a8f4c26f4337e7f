from __future__ import annotations

import onnx
import pytest
from onnx import helper

from detquant.importers import load_model
from detquant.importers.metadata import LONGEST, MOST, bounded


@pytest.mark.parametrize("text", ["", "a", "é漢🎈", "\x00\n", "\ufffd\ufeff"])
def test_text_stays_as_it_is(text):
    assert bounded({text: text}) == ({text: text}, 0)


def test_what_is_no_character_is_replaced_and_the_rest_stays():
    kept, _ = bounded({"na\udcffme": "\ud800🎈\udc00"})
    assert kept == {"na�me": "�🎈�"}
    [text] = kept.values()
    assert text.encode()


def test_what_is_too_long_is_left_out_and_counted():
    entry = "x" * (LONGEST - 10)
    many = {str(number): entry for number in range(20)}
    kept, left_out = bounded({"a": "b", "long": "x" * (LONGEST + 1), **many})
    assert kept["a"] == "b" and "long" not in kept and sum(map(len, kept.values())) <= MOST
    assert len(kept) + left_out == 22


def test_a_file_with_endless_metadata_is_read_without_it_and_that_is_said(tmp_path, square_proto):
    helper.set_model_props(square_proto, {"names": "x" * (LONGEST + 1), "stride": "32"})
    onnx.save(square_proto, tmp_path / "model.onnx")
    imported = load_model(tmp_path / "model.onnx")
    assert dict(imported.metadata) == dict(imported.model.metadata_props) == {"stride": "32"}
    assert "1 of its metadata entries left out as too long" in imported.reason
