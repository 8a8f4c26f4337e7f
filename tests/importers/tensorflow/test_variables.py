"""Tables of variables that are not what they should be; OpenVINO would read beyond their end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import graph_defs as written
import numpy as np
import pytest
from graph_defs import field, node

from detquant.errors import ModelError
from detquant.importers import load_model
from detquant.importers.tensorflow.variables import Entries, _read, _written

pytest.importorskip("openvino", reason="the extra openvino is not installed")

WEIGHTS = np.random.default_rng(0).normal(size=(3, 3, 3, 4)).astype(np.float32)
FLOAT = written.kind(written.FLOAT)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A SavedModel of one layer, whose weights are a variable."""
    same = {"strides": written.numbers([1, 2, 2, 1]), "padding": written.text("SAME")}
    nodes = [
        node("Placeholder", "x", dtype=FLOAT, shape=written.sizes([1, 8, 8, 3])),
        node("VarHandleOp", "v", dtype=FLOAT, shape=written.sizes(WEIGHTS.shape), shared_name=written.text("v")),
        node("ReadVariableOp", "w", ["v"], dtype=FLOAT),
        node("Conv2D", "c", ["x", "w"], T=FLOAT, data_format=written.text("NHWC"), **same),
    ]
    (tmp_path / "saved_model.pb").write_bytes(written.saved_model(written.graph_def(nodes), {"x": "x:0"}, {"y": "c:0"}))
    written.write_variables(tmp_path / "variables", {"v": WEIGHTS})
    return tmp_path


def test_a_sound_folder(folder: Path) -> None:
    [found] = [one for one in load_model(folder).model.graph.initializers.values() if len(one.shape or ()) == 4]
    np.testing.assert_array_equal(found.const_value.numpy(), WEIGHTS.transpose(3, 2, 0, 1))


def changed(name: bytes, number: int, value: int | bytes) -> Callable[[Entries], Entries]:
    """Another value of a field in an entry: in protobuf the last of several counts."""
    return lambda entries: [(key, entry + field(number, value) if name in key else entry) for key, entry in entries]


DAMAGED: dict[str, Callable[[Entries], Entries]] = {
    "names out of order": lambda entries: [entries[0], *entries[:0:-1]],
    "a name twice": lambda entries: [*entries, entries[-1]],
    "no header": lambda entries: entries[1:],
    "a place behind the data": changed(b"v/", 4, 2**40),
    "more than the data": changed(b"v/", 5, 2**40),
    "a string longer than the data": changed(b"_CHECK", 5, 2**62),
    "a file that is not there": changed(b"v/", 3, 7),
    "another type": changed(b"v/", 1, 2),
    "a shape of billions": lambda entries: [
        (key, entry.replace(written.shape_of(WEIGHTS.shape), written.shape_of([2**20, 2**20])[:16]))
        if key.startswith(b"v/")
        else (key, entry)
        for key, entry in entries
    ],
    "an entry that is no message": lambda entries: [
        (key, entry[:-1] + b"\xff" if key else entry) for key, entry in entries
    ],
}


@pytest.mark.parametrize("what", DAMAGED)
def test_a_table_that_does_not_fit_its_data(what: str, folder: Path) -> None:
    index = folder / "variables" / "variables.index"
    entries = _read(index)
    other = DAMAGED[what](entries)
    assert other != entries
    index.write_bytes(_written(other))
    with pytest.raises(ModelError, match=r"(does not fit its data|damaged).*copy or export the SavedModel again"):
        load_model(folder)


@pytest.mark.parametrize("byte", range(0, 100, 3))
def test_a_table_of_which_a_byte_is_another(byte: int, folder: Path) -> None:
    index = folder / "variables" / "variables.index"
    content = bytearray(index.read_bytes())
    content[byte] ^= 0x55
    index.write_bytes(content)
    try:
        load_model(folder)
    except ModelError as error:
        assert str(error).isprintable()
