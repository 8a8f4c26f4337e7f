from __future__ import annotations

import hashlib
import json
import os
import sys

import numpy as np
import pytest

from detquant.cli import main
from detquant.errors import TargetError
from detquant.graph import prepare
from detquant.targets import load_target
from detquant.targets.edgetpu.compiler import PROGRAM
from detquant.targets.edgetpu.split import Split, predict

pytest.importorskip("ai_edge_litert", reason="the extra tflite is not installed")
from given_codes import as_planned
from layers import quantised

TARGET = load_target("edgetpu")
RNG = np.random.default_rng(4)


def net(build, rows, weights=None, size=16):
    """A convolution, the rows from "f" to "g", and a head."""
    taps = {"first": RNG.standard_normal((8, 3, 3, 3)), "last": RNG.standard_normal((4, 8, 1, 1)), **(weights or {})}
    around = {"pads": [1, 1, 1, 1], "name": "first"}
    nodes = [("Conv", ["x", "first"], ["f"], around), *rows, ("Conv", ["g", "last"], ["y"], {"name": "head"})]
    stored = {name: array if array.dtype == np.int64 else np.asarray(array, np.float32) for name, array in taps.items()}
    return prepare(build(nodes, {"x": [1, 3, size, size]}, {"y": None}, stored))


def lowered(model, feeds):
    qdq = quantised(TARGET.rewrite(model), feeds, target=TARGET).qdq()
    return qdq, TARGET.lower(qdq)


def test_all_of_a_net_is_predicted_on_the_chip(small_net, images):
    _, artefact = lowered(small_net, images())
    split = predict(artefact.files["model.tflite"])
    assert not split.left and not split.reasons and split.mapped["CONV_2D"] == 4
    assert 300 < split.parameter_bytes < 2000  # 8x3x3x3, 8x8, 8x16, 4x8 weights, and 28 biases of four bytes
    told = TARGET.remarks(TARGET.open(artefact))
    assert "Edge TPU itself was not run" in told[0] and "all 9 operators" in told[1] and "of the 8 MB" in told[2]


def test_leaky_relu_runs_as_one_that_the_chip_has(build, images):
    model = net(build, [("LeakyRelu", ["f"], ["g"], {"alpha": 0.1, "name": "leaky"})])
    qdq, artefact = lowered(model, images())
    assert predict(artefact.files["model.tflite"]).mapped == {"CONV_2D": 2, "PRELU": 1}
    found, expected = TARGET.open(artefact).run(images(1)[0])["y"], as_planned(qdq).run(images(1)[0])["y"]
    step = np.unique(np.diff(np.unique(expected))).min()
    assert np.abs(found - expected).max() < 4 * step and np.ptp(expected) > 50 * step


def test_a_learned_upsampling_and_a_lone_batchnorm_are_on_the_chip(build, images):
    rows = [
        ("ConvTranspose", ["f", "up"], ["u"], {"name": "up", "strides": [2, 2]}),
        ("PRelu", ["u", "slopes"], ["p"], {"name": "prelu"}),
        ("BatchNormalization", ["p", "gain", "move", "mean", "spread"], ["g"], {"name": "bn"}),
    ]
    stored = {"up": RNG.standard_normal((8, 8, 2, 2)) / 3, "slopes": np.full((8, 1, 1), 0.2)}
    stored |= {name: RNG.uniform(0.5, 1.5, 8) for name in ("gain", "move", "mean", "spread")}
    qdq, artefact = lowered(net(build, rows, stored), images())
    split = predict(artefact.files["model.tflite"])
    assert split.mapped == {"CONV_2D": 2, "TRANSPOSE_CONV": 1, "PRELU": 1, "DEPTHWISE_CONV_2D": 1} and not split.left
    found, expected = TARGET.open(artefact).run(images(1)[0])["y"], as_planned(qdq).run(images(1)[0])["y"]
    step = np.unique(np.diff(np.unique(expected))).min()
    assert np.abs(found - expected).max() < 4 * step and np.ptp(expected) > 50 * step


def test_a_shuffled_net_with_linear_resizing_is_all_on_the_chip(build, images):
    linear = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    rows = [
        ("Reshape", ["f", "apart"], ["a"], {"name": "apart"}),
        ("Transpose", ["a"], ["t"], {"name": "turn", "perm": [0, 2, 1, 3, 4]}),
        ("Reshape", ["t", "whole"], ["s"], {"name": "whole"}),
        ("MaxPool", ["s"], ["p"], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "name": "pool"}),
        ("Resize", ["p", "", "half"], ["h"], {"name": "half", **linear}),
        ("Resize", ["h", "", "twice"], ["w"], {"name": "twice", **linear}),
        ("Add", ["p", "w"], ["g"], {"name": "add"}),
    ]
    sizes = {"apart": np.array([1, 2, 4, 16, 16]), "whole": np.array([1, 8, 16, 16])}
    scales = {"half": np.array([1, 1, 0.5, 0.5]), "twice": np.array([1, 1, 2.0, 2])}
    qdq, artefact = lowered(net(build, rows, sizes | scales), images())
    split = predict(artefact.files["model.tflite"])
    assert not split.left and split.mapped["AVERAGE_POOL_2D"] == split.mapped["RESIZE_NEAREST_NEIGHBOR"] == 1
    found, expected = TARGET.open(artefact).run(images(1)[0])["y"], as_planned(qdq).run(images(1)[0])["y"]
    assert np.abs(found - expected).max() < 0.05 * np.ptp(expected)


def test_what_is_behind_an_operator_that_is_not_taken_runs_on_the_cpu(build, images):
    rows = [
        ("Resize", ["f", "", "thrice"], ["p"], {"mode": "linear", "name": "larger"}),
        ("Relu", ["p"], ["g"], {"name": "relu"}),
    ]
    _, artefact = lowered(net(build, rows, {"thrice": np.array([1, 1, 3.0, 3])}), images())
    split = predict(artefact.files["model.tflite"])
    assert split.mapped == {"CONV_2D": 1} and split.left == {"RESIZE_BILINEAR": 1, "RELU": 1, "CONV_2D": 1}
    told = list(split.sentences())
    assert told[0] == "Predicted from Coral's list: 1 of 4 operators on the Edge TPU, 3 behind them on the CPU."
    assert "RESIZE_BILINEAR" in told[1] and "half-pixel centres" in told[1] and len(told) == 3


def test_a_pool_of_what_is_never_negative_pads_with_zeros(build, images):
    rows = [
        ("Relu", ["f"], ["r"], {"name": "relu"}),
        ("MaxPool", ["r"], ["g"], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "name": "pool"}),
    ]
    qdq, artefact = lowered(net(build, rows), images())
    assert predict(artefact.files["model.tflite"]).mapped == {"CONV_2D": 2, "PAD": 1, "MAX_POOL_2D": 1}
    found, expected = TARGET.open(artefact).run(images(1)[0])["y"], as_planned(qdq).run(images(1)[0])["y"]
    assert np.abs(found - expected).max() < 0.03 * np.ptp(expected)


def test_a_model_of_which_nothing_would_run_there_is_refused(build, images):
    nodes = [("Conv", ["x", "first"], ["y"], {"group": 1, "dilations": [1, 2], "name": "only"})]
    weights = {"first": np.asarray(RNG.standard_normal((8, 3, 3, 3)), np.float32)}
    model = prepare(build(nodes, {"x": [1, 3, 16, 16]}, {"y": None}, weights))
    with pytest.raises(TargetError, match=r"Nothing of this model would run on the Edge TPU: CONV_2D .*same dilation"):
        lowered(model, images())


def test_parameters_beyond_the_chips_memory_are_told():
    split = Split(mapped={"CONV_2D": 3}, left={}, reasons={}, parameter_bytes=11 << 20)
    assert list(split.sentences())[1].startswith(
        "Its parameters are 11.0 MB and the chip holds 8 MB: the rest is stream"
    )


@pytest.mark.skipif(os.name != "posix", reason="the stand-in is a shell script")
def test_from_the_command_line_with_the_compiler(square_model, square_data, tmp_path, monkeypatch, capsys):
    script = tmp_path / PROGRAM
    script.write_text(
        f"#!{sys.executable}\nimport pathlib, sys\n"
        "pathlib.Path(sys.argv[3], 'model_edgetpu.tflite').write_bytes(b'for the chip')\n"
        "print('CONV_2D    1    Mapped to Edge TPU')\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    out = tmp_path / "out"
    asked = ["quantize", str(square_model), "--data", str(square_data()), "--target", "edgetpu", "--out", str(out)]
    assert main(asked) == 0
    assert (out / "model_edgetpu.tflite").read_bytes() == b"for the chip"
    told = json.loads((out / "report.json").read_text())
    assert [one["file"] for one in told["files"]] == ["model.tflite", "decode.onnx", "model_edgetpu.tflite"]
    for one in told["files"]:
        content = (out / one["file"]).read_bytes()
        assert one["size_bytes"] == len(content) and one["sha256"] == hashlib.sha256(content).hexdigest()
    scored = sum(one["size_bytes"] for one in told["files"][:2])
    assert told["quantized"]["size_bytes"] == scored  # what ran is what is compared
    digest = hashlib.sha256(b"for the chip").hexdigest()
    assert f"| model\\_edgetpu.tflite | 12 | {digest} |" in (out / "report.md").read_text()
    printed = capsys.readouterr().out
    assert "mapped 1 of 1 operators" in printed and "Edge TPU itself was not run" in printed
    assert "times as long as the float model" not in printed  # the chip's latency is not known


def test_the_target_is_listed_and_takes_no_float():
    assert "not run by detquant" in (TARGET.missing() or "")
    with pytest.raises(TargetError, match="the Edge TPU computes in 8-bit integers only"):
        TARGET.require("fp32")
