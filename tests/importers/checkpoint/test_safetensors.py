from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from detquant.errors import ModelError
from detquant.importers.checkpoint import parse_checkpoint

FILE = Path("model.safetensors")


def content(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def test_tensors_are_views_of_the_file(safetensors):
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array(7), "c": np.zeros((0, 4), np.float16)}
    tree = parse_checkpoint(FILE, safetensors(arrays))
    assert list(tree) == ["a", "b", "c"]
    for name, array in arrays.items():
        np.testing.assert_array_equal(tree[name].numpy(), array)
        assert tree[name].numpy().dtype == array.dtype


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 9]}}, "outside the file"),
        ({"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}, "has 8 bytes where 3 × 4"),
        ({"a": {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}}, "outside the file"),
        ({"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}}, "outside the file"),
        ({"a": {"dtype": "F32", "shape": [1] * 99, "data_offsets": [0, 4]}}, "outside the file"),
        ({"a": {"dtype": "F32", "shape": [2**80, 0], "data_offsets": [0, 0]}}, "outside the file"),
        ({"a": {"dtype": "F8_E4M3", "shape": [8], "data_offsets": [0, 8]}}, "of type 'F8_E4M3'"),
        ({"a": {"dtype": "F32", "shape": [2]}}, "does not describe 'a'"),
        ({"a": [1]}, "does not describe 'a'"),
        (b"{" + b'"a":[' * 100_000, "damaged"),
        (b"{ not json", "damaged"),
        (b"{\xff", "damaged"),
    ],
)
def test_headers_that_lie(header, words):
    with pytest.raises(ModelError, match=words) as error:
        parse_checkpoint(FILE, content(header, bytes(8)))
    assert "\n" not in str(error.value)


def test_a_header_larger_than_any_detectors_has():
    with pytest.raises(ModelError, match=r"its header claims 3000\d+ bytes"):
        parse_checkpoint(FILE, content(b'{"a":[' + b"[]," * 1_000_000 + b"1]}"))


def test_a_header_longer_than_the_file():
    with pytest.raises(ModelError, match="its header claims"):
        parse_checkpoint(FILE, struct.pack("<Q", 2**60) + b"{}")
