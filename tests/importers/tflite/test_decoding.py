"""Files of integers only that detquant wrote, read with the decoding that lies beside them."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from detquant.calibration import Collector, calibrate
from detquant.cli import main
from detquant.graph.running import OrtRunner
from detquant.importers import load_model
from detquant.recipes import load_recipe, plan
from detquant.targets import load_target

pytest.importorskip("openvino", reason="the extra openvino is not installed")
pytest.importorskip("ai_edge_litert", reason="the extra tflite is not installed")
TARGET = load_target("tflite-integer")


@pytest.fixture
def written(small_net, images, tmp_path):
    """The folder of the small net in integers, and the QDQ graph that it was made from."""
    decided = plan(small_net, load_recipe("w8a8"), TARGET.capability, ranges={"x": (0.0, 1.0)})
    feeds = images()
    statistics = Collector(model=small_net, plan=decided).collect(lambda which: (feeds[k] for k in which), len(feeds))
    qdq = calibrate(small_net, decided, statistics, TARGET.capability).qdq()
    for name, content in TARGET.lower(qdq).files.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path, qdq


def test_both_are_one_model_again(written, images):
    folder, qdq = written
    found, feed = load_model(folder / "model.tflite"), images(1)[0]
    assert found.reason.endswith("with decode.onnx behind it")
    assert [value.name for value in found.model.graph.outputs] == ["scores"]
    # without fused kernels: where a processor lacks VNNI these saturate
    expected, result = (OrtRunner(one, optimisation="basic").run(feed)["scores"] for one in (qdq, found.model))
    assert expected.shape == result.shape and np.abs(expected - result).max() < 0.03


def test_without_decoding_the_maps_are_given_out(written):
    folder, _ = written
    (folder / "decode.onnx").unlink()
    found = load_model(folder / "model.tflite")
    [logits] = found.model.graph.outputs
    assert logits.name == "logits" and "decode" not in found.reason
    assert tuple(logits.shape) == (1, 4, 16, 16)  # as the model had them, whatever lies in the file


def test_another_models_decoding_is_left_alone(written):
    folder, _ = written
    decode = onnx.load(folder / "decode.onnx")
    decode.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 5
    decode.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 5
    onnx.save(decode, folder / "decode.onnx")
    assert [value.name for value in load_model(folder / "model.tflite").model.graph.outputs] == ["logits"]


def test_damaged_decoding_is_a_sentence(written, capsys):
    folder, _ = written
    (folder / "decode.onnx").write_bytes(b"\x08\x07 cut short")
    assert main(["inspect", str(folder / "model.tflite")]) == 2
    assert "decode.onnx" in capsys.readouterr().err


def test_the_file_is_evaluated_as_the_family_that_it_is(square_model, square_data, tmp_path, capsys):
    out, data = tmp_path / "out", str(square_data())
    assert main(["quantize", str(square_model), "--data", data, "--target", "tflite-integer", "--out", str(out)]) == 0
    assert main(["evaluate", str(out / "model.tflite"), "--data", data]) == 0
    assert "yolov8" in capsys.readouterr().out
