"""Whatever the bytes of a TFLite file or an IR, there is a model or a sentence, and OpenVINO, which reads it, lives."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
from bounds import read
from hypothesis import given
from hypothesis import strategies as st
from mutations import mutated
from onnx import helper, numpy_helper

from detquant.errors import ModelError
from detquant.importers import load_model
from detquant.importers.tflite.verifying import verify
from detquant.targets import load_target


@cache
def files(target: str) -> Mapping[str, bytes]:
    """A small net as a target writes it."""
    pytest.importorskip("openvino", reason="the extra openvino is not installed")
    if target == "tflite":
        pytest.importorskip("ai_edge_litert", reason="the extra tflite is not installed")
    kernel = np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Sigmoid", ["b"], ["c"]),
        helper.make_node("Mul", ["b", "c"], ["y"]),
    ]
    ends = [[helper.make_tensor_value_info(name, 1, shape)] for name, shape in (("x", [1, 3, 8, 8]), ("y", None))]
    graph = helper.make_graph(nodes, "net", *ends, [numpy_helper.from_array(kernel, "w")])
    model = ir.from_proto(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))
    model.metadata_props.update({"names": "{0: 'cat'}", "\x01": "odd"})
    written = load_target(target).lower_float(model, "fp32").files
    return {name: written[name] for name in written}


@pytest.mark.parametrize("target", ["tflite", "openvino"])
@given(data=st.data())
def test_a_sound_file_that_was_changed(data: st.DataObject, target: str, tmp_path) -> None:
    contents = dict(files(target))
    first = next(iter(contents))
    if target == "tflite" or data.draw(st.booleans()):
        contents[first] = data.draw(mutated(contents[first]))
    else:
        contents["model.bin"] = data.draw(mutated(contents["model.bin"]))
    for name, content in contents.items():
        Path(tmp_path, name).write_bytes(content)
    with np.errstate(all="ignore"):
        read(lambda: load_model(Path(tmp_path, first)), sum(map(len, contents.values())) + 10_000, factor=4000)


@given(data=st.data())
def test_offsets_of_a_flatbuffer(data: st.DataObject) -> None:
    content = data.draw(mutated(files("tflite")["model.tflite"], most=3))
    try:
        verify(Path("model.tflite"), content)
    except ModelError as error:
        assert str(error).isprintable()
