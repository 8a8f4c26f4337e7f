"""Whatever is in a param or a bin, there is a model or a sentence."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import onnx_ir as ir
from bounds import read
from hypothesis import given
from hypothesis import strategies as st
from mutations import mutated
from onnx import helper, numpy_helper

from detquant.importers import load_model
from detquant.targets import load_target


@cache
def files() -> dict[str, bytes]:
    """A small net as it is written."""
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Clip", ["a", "low", "high"], ["b"]),
        helper.make_node("Sigmoid", ["b"], ["c"]),
        helper.make_node("Mul", ["b", "c"], ["d"]),
        helper.make_node("Concat", ["c", "d"], ["e"], axis=1),
        helper.make_node("Transpose", ["e"], ["f"], perm=[0, 2, 3, 1]),
        helper.make_node("Add", ["f", "k"], ["y"]),
    ]
    weights = {
        "w": rng.normal(size=(4, 3, 3, 3)).astype(np.float32),
        "k": rng.normal(size=(4, 8)).astype(np.float32),
        "low": np.float32(0),
        "high": np.float32(6),
    }
    ends = [[helper.make_tensor_value_info(name, 1, shape)] for name, shape in (("x", [1, 3, 8, 8]), ("y", None))]
    graph = helper.make_graph(
        nodes, "net", *ends, [numpy_helper.from_array(np.asarray(w), n) for n, w in weights.items()]
    )
    model = ir.from_proto(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))
    model.metadata_props.update({"names": "{0: 'cat'}"})
    return dict(load_target("ncnn").lower_float(model, "fp32").files)


@given(data=st.data())
def test_a_sound_file_that_was_changed(data: st.DataObject, tmp_path) -> None:
    contents = files().copy()
    name = data.draw(st.sampled_from(sorted(contents)))
    contents[name] = data.draw(mutated(contents[name]))
    for name, content in contents.items():
        Path(tmp_path, name).write_bytes(content)
    with np.errstate(all="ignore"):
        read(lambda: load_model(Path(tmp_path, "model.param")), sum(map(len, contents.values())) + 10_000, factor=4000)
