"""Whatever an NN Archive is, there is a model or a sentence, and nothing was written but in a place that is gone."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import tarfile
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutations import EDGES, mutated
from onnx import helper

from detquant.errors import DetquantError
from detquant.importers import load_model

PACKINGS = {".tar": lambda content: content, ".tar.gz": gzip.compress, ".tar.xz": lzma.compress}
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.sampled_from(EDGES), st.text(max_size=6)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=6,
)


@cache
def model() -> bytes:
    ends = [[helper.make_tensor_value_info(name, 1, [1, 3, 8, 8])] for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "net", *ends)
    content: bytes = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    ).SerializeToString()
    assert onnx.load_model_from_string(content).graph.node
    return content


def config(**preprocessing: Any) -> dict[str, Any]:
    image = {"name": "x", "input_type": "image", "shape": [1, 3, 8, 8], "preprocessing": preprocessing}
    head = {"metadata": {"classes": ["a", "b"]}}
    model = {"metadata": {"path": "model.onnx"}, "inputs": [image], "outputs": [{"name": "y"}], "heads": [head]}
    return {"config_version": "1.0", "model": model}


def packed(members: Mapping[str, bytes], end: str = ".tar.xz") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return PACKINGS[end](file.getvalue())


def read(content: bytes, end: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = folder / "temporary"
    place.mkdir(exist_ok=True)
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    path = folder / f"a{end}"
    path.write_bytes(content)
    try:
        load_model(path)
    except DetquantError as error:
        assert str(error).isprintable() and len(str(error)) < 1200
        assert str(place) not in str(error)
    assert [one.name for one in folder.iterdir() if one != path and one != place] == []
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("end", PACKINGS)
@given(data=st.data())
def test_a_sound_archive_whose_bytes_were_changed(
    data: st.DataObject, end: str, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = {"model.onnx": model(), "config.json": json.dumps(config(mean=[0, 0, 0])).encode()}
    content = packed(members, ".tar")
    if data.draw(st.booleans()):
        changed = PACKINGS[end](data.draw(mutated(content)))
    else:
        changed = data.draw(mutated(PACKINGS[end](content)))
    read(changed, end, tmp_path, monkeypatch)


@given(said=st.dictionaries(st.sampled_from(["mean", "scale", "dai_type", "reverse_channels", "resize_mode"]), values))
def test_a_configuration_that_says_anything(said: dict[str, Any], tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    read(
        packed({"model.onnx": model(), "config.json": json.dumps(config(**said)).encode()}),
        ".tar.xz",
        tmp_path,
        monkeypatch,
    )


@given(
    written=st.one_of(
        values,
        st.fixed_dictionaries({"model": values}),
        st.fixed_dictionaries(
            {"model": st.fixed_dictionaries({"metadata": values, "inputs": values, "heads": values})}
        ),
    ),
)
def test_a_configuration_that_is_anything(written: Any, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    read(packed({"model.onnx": model(), "config.json": json.dumps(written).encode()}), ".tar.xz", tmp_path, monkeypatch)


@given(
    name=st.one_of(
        st.sampled_from(["../a", "/etc/passwd", ".", "", "a/../model.onnx", "x" * 5000, "config.json"]),
        st.text(max_size=8),
    )
)
def test_a_model_that_is_said_to_be_anywhere(name: str, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = config()
    said["model"]["metadata"]["path"] = name
    read(packed({"model.onnx": model(), "config.json": json.dumps(said).encode()}), ".tar.xz", tmp_path, monkeypatch)
