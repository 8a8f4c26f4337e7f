"""What detquant wrote for ncnn is read again; what it did not write is refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import given_codes
import numpy as np
import pytest

import detquant
from detquant.errors import ModelError
from detquant.graph import prepare
from detquant.graph.running import OrtRunner
from detquant.importers import load_model
from detquant.importers.ncnn.files import MARK, split_metadata, with_metadata
from detquant.targets import load_target
from detquant.targets.ncnn.unrounded import with_unrounded_reads

TARGET = load_target("ncnn")
RNG = np.random.default_rng(5)


def draw(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def write(artefact, folder: Path) -> Path:
    for name, content in artefact.files.items():
        (folder / name).write_bytes(content)
    return folder / "model.param"


NETS = {
    "maps": (
        [
            ("Conv", ["x", "w", "b"], ["c"], {"pads": [1, 1, 1, 1], "strides": [2, 1]}),
            ("HardSwish", ["c"], ["h"], {}),
            ("Conv", ["h", "d"], ["e"], {"group": 6, "dilations": [2, 2], "pads": [2, 2, 2, 2]}),
            ("Relu", ["e"], ["r"], {}),
            ("ConvTranspose", ["r", "t"], ["f"], {"strides": [2, 2], "group": 2}),
            ("MaxPool", ["f"], ["p"], {"kernel_shape": [3, 3], "pads": [1, 0, 1, 2], "strides": [2, 2]}),
            ("AveragePool", ["p"], ["a"], {"kernel_shape": [2, 2], "pads": [1, 1, 1, 1], "count_include_pad": 1}),
            ("PRelu", ["a", "s"], ["g"], {}),
            (
                "Resize",
                ["g", "", "z"],
                ["y"],
                {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
            ),
        ],
        {
            "w": draw(6, 4, 3, 3),
            "b": draw(6),
            "d": draw(6, 1, 3, 3),
            "t": draw(6, 2, 2, 2),
            "s": draw(4, 1, 1),
            "z": np.array([1, 1, 2, 2], np.float32),
        },
    ),
    "numbers": (
        [
            ("Split", ["x"], ["a", "b"], {"axis": 1, "num_outputs": 2}),
            ("Sub", ["one", "a"], ["c"], {}),
            ("Div", ["b", "k"], ["d"], {}),
            ("Pow", ["d", "two"], ["e"], {}),
            ("Concat", ["c", "e"], ["f"], {"axis": 2}),
            ("Transpose", ["f"], ["g"], {"perm": [0, 2, 3, 1]}),
            ("Softmax", ["g"], ["h"], {"axis": 2}),
            ("ReduceMax", ["h", "axis"], ["i"], {"keepdims": 0}),
            ("Slice", ["i", "from", "to", "of"], ["j"], {}),
            ("Pad", ["j", "pads"], ["l"], {}),
            ("MatMul", ["l", "m"], ["n"], {}),
            ("Clip", ["n", "low"], ["o"], {}),
            ("Exp", ["o"], ["p"], {}),
            ("Sigmoid", ["p"], ["q"], {}),
            ("Mul", ["p", "q"], ["y"], {}),
        ],
        {
            "one": np.array([1], np.float32),
            "two": np.array([2], np.float32),
            "k": draw(2, 1, 7) + 3,
            "axis": np.array([2]),
            "from": np.array([2]),
            "to": np.array([12]),
            "of": np.array([1]),
            "pads": np.array([0, 1, 0, 0, 2, 1]),
            "m": draw(3, 5),
            "low": np.array(-0.5, np.float32),
        },
    ),
}


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("name", NETS)
def test_what_is_written_is_read_again(build, tmp_path, name, precision):
    rows, weights = NETS[name]
    model = prepare(build(rows, {"x": [1, 4, 8, 7]}, {"y": None}, weights))
    model.metadata_props["names"] = "{0: 'cat'}"
    found = load_model(write(TARGET.lower_float(model, precision), tmp_path))
    assert found.metadata["names"] == "{0: 'cat'}" and found.reason.startswith("ncnn: ")
    assert found.own.target == "ncnn" and found.size_bytes == sum(file.stat().st_size for file in tmp_path.iterdir())
    feed = {"x": draw(1, 4, 8, 7)}
    expected, again = (OrtRunner(one).run(feed)["y"] for one in (model, prepare(found.model)))
    assert again.shape == expected.shape
    np.testing.assert_allclose(again, expected, rtol=1e-4 if precision == "fp32" else 1e-2, atol=2e-2)


def test_integers_become_the_grids_that_they_were(tmp_path):
    detector, rng = detquant.load("resnet-pico"), np.random.default_rng(0)
    feeds = [{"images": rng.random((1, 3, 32, 32), np.float32)} for _ in range(2)]
    qdq = given_codes.quantised(detector.model, feeds, TARGET.capability).qdq()
    found = prepare(load_model(write(TARGET.lower(qdq), tmp_path)).model)
    counts = {op: sum(node.op_type == op for node in found.graph) for op in ("Conv", "Gemm", "DequantizeLinear")}
    assert counts["Conv"] == 21 and counts["Gemm"] == 1 and counts["DequantizeLinear"] > 2 * 22
    expected = OrtRunner(prepare(with_unrounded_reads(qdq)), optimisation="none").run(feeds[0])["output0"]
    np.testing.assert_allclose(OrtRunner(found, optimisation="none").run(feeds[0])["output0"], expected, atol=0.02)


def test_metadata_behind_weights():
    content = with_metadata(b"weights", {"b": "Käse", "a": ""})
    assert split_metadata(content) == (b"weights", {"a": "", "b": "Käse"})
    assert content == with_metadata(b"weights", {"a": "", "b": "Käse"}) and content.endswith(MARK)


@pytest.fixture
def written(small_net, tmp_path) -> Path:
    return write(TARGET.lower_float(small_net, "fp32"), tmp_path)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("7767517", "7767518", "does not begin with 7767517"),
        ("Convolution ", "Deformable ", "is a Deformable, which detquant does not write"),
        (" 6=216", " 6=217", "which its channels do not divide"),
        (" 6=216", " 6=216000", "ends .* bytes too early"),
        ("Input x 0 1 x 0=16", "Input x 0 1 x 0=-1", "has the shape"),
        (" 5=1 ", " 5=0 ", "parameter 5=0, which is 1 here"),
        (" 31=7", " 17=1 31=7", "parameter 17, which detquant does not write"),
        ("Swish ", "Swish a b", "no ncnn model that detquant can read"),
        (" 3=1 ", " 3=0 ", "parameter 3=0, which is at least 1"),
        ("Convolution ", "Pooling ", "parameter 0=8, which detquant does not write"),
        ("Convolution ", "Interp ", "parameter 0=8, which detquant does not write"),
        ("1 1 x ", "1 1 nothing ", "reads 'nothing', which no layer before it makes"),
    ],
)
def test_what_is_damaged_is_a_sentence(written, before, after, said):
    text = written.read_text()
    assert before in text
    written.write_text(text.replace(before, after, 1))
    with pytest.raises(ModelError, match=f"(?s){said}.*give the ONNX file that it was made from"):
        load_model(written)


def test_files_of_others_are_refused(written):
    weights = written.with_suffix(".bin")
    weights.write_bytes(split_metadata(weights.read_bytes())[0])
    with pytest.raises(ModelError, match=r"detquant did not write it.*give the ONNX file that it was made from"):
        load_model(written)
    weights.unlink()
    with pytest.raises(ModelError, match=r"one half of an ncnn model: expected 'model\.bin' beside it"):
        load_model(written)


def test_the_weights_are_named_with_their_layers(written):
    with pytest.raises(ModelError, match=r"weights of the ncnn model 'model\.param' beside it: give that"):
        load_model(written.with_suffix(".bin"))
