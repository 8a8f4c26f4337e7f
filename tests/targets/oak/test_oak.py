from __future__ import annotations

import io
import json
import sys
import tarfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest

import detquant
from detquant.cli import main
from detquant.errors import TargetError
from detquant.pipeline.export import export
from detquant.targets import Artefact, load_target
from detquant.targets.oak.blob import command

sys.path.append(str(Path(__file__).parents[2] / "families"))
from yolo_networks.table import NETWORKS

TARGET = load_target("oak")


def opened(artefact: Artefact) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(artefact.files["model.tar.xz"])) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar}


def head_of(artefact: Artefact) -> dict:
    [head] = json.loads(opened(artefact)["config.json"])["model"]["heads"]
    return head


@pytest.fixture(scope="module")
def pico():
    return export("yolov8-pico", "oak")


def test_yolov8_gives_the_maps_that_a_camera_decodes(pico):
    artefact = pico.artefact
    model = onnx.load_from_string(artefact.files["model.onnx"])
    onnx.checker.check_model(model, full_check=True)
    shapes = [tuple(dim.dim_value for dim in one.type.tensor_type.shape.dim) for one in model.graph.output]
    assert shapes == [(1, 15, 32, 32), (1, 15, 16, 16), (1, 15, 8, 8)]
    assert [one.version for one in model.opset_import] == [13]
    assert pico.difference < 1e-2 and pico.precision == "fp16"
    scales = {node.input[2] for node in model.graph.node if node.op_type == "Resize"}
    weights = {one.name: one.data_type for one in model.graph.initializer if one.name not in scales}
    assert set(weights.values()) == {onnx.TensorProto.FLOAT16, onnx.TensorProto.INT64}


def test_the_archive_holds_the_model_and_what_is_to_be_known_of_it(pico):
    artefact = pico.artefact
    inside = opened(artefact)
    assert inside["model.onnx"] == artefact.files["model.onnx"]
    config = json.loads(inside["config.json"])
    model = config["model"]
    assert config["config_version"] == "1.0" and model["metadata"]["path"] == "model.onnx"
    [image] = model["inputs"]
    assert image["shape"] == [1, 3, 256, 256] and image["layout"] == "NCHW" and image["input_type"] == "image"
    assert image["preprocessing"] == {
        "mean": [0, 0, 0],
        "scale": [255, 255, 255],
        "dai_type": "RGB888p",
        "resize_mode": "LETTERBOX",
    }
    names = [f"output{number}_yolov6r2" for number in (1, 2, 3)]
    assert [one["name"] for one in model["outputs"]] == names
    head = head_of(artefact)
    assert head["parser"] == "YOLO" and head["outputs"] == head["metadata"]["yolo_outputs"] == names
    assert head["metadata"]["subtype"] == "yolov8" and head["metadata"]["n_classes"] == 10
    assert head["metadata"].keys() >= {"classes", "iou_threshold", "conf_threshold", "max_det"}


def test_a_classifier():
    exported = export("resnet-pico", "oak")
    artefact = exported.artefact
    head = head_of(artefact)
    assert head["parser"] == "ClassificationParser" and head["metadata"]["is_softmax"] is False
    assert head["metadata"]["n_classes"] == len(head["metadata"]["classes"]) == 10
    assert any("ClassificationParser" in note for note in exported.notes)


def test_a_yolov8_with_another_head_keeps_its_outputs(square_model):
    exported = export(square_model, "oak")
    artefact = exported.artefact
    head = head_of(artefact)
    assert head["outputs"] == ["output0"] and head["parser"] == "detquant-yolov8"
    assert any("no parser for yolov8" in note for note in exported.notes)


def test_a_yolov8_cut_before_its_decoding_gets_the_cameras_maps_too(tmp_path):
    onnx.save(NETWORKS["yolov8 raw"].make(64), tmp_path / "raw.onnx")
    original = detquant.load(tmp_path / "raw.onnx")
    artefact = export(original, "oak").artefact
    assert head_of(artefact)["parser"] == "YOLO" and original.family.reading["scores"] == "logits"
    (tmp_path / "model.onnx").write_bytes(artefact.files["model.onnx"])
    found = detquant.load(tmp_path / "model.onnx")
    assert found.family.is_for_oak and found.family.reading["scores"] == "chances"
    feed, _ = original.family.preprocess(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    one, two = (each.open().run({each.family.input_name: feed}) for each in (original, found))
    np.testing.assert_allclose(found.family.scores(two), original.family.scores(one), atol=0.02)
    np.testing.assert_allclose(found.family.boxes(two), original.family.boxes(one), atol=0.5)


def test_the_same_model_gives_the_same_bytes(square_model):
    first, second = (export(square_model, "oak").artefact for _ in range(2))
    assert first.digest() == second.digest()


def test_the_file_is_evaluated_like_any_other(pico, tmp_path):
    artefact = pico.artefact
    (tmp_path / "model.onnx").write_bytes(artefact.files["model.onnx"])
    found, original = detquant.load(tmp_path / "model.onnx"), detquant.load("yolov8-pico")
    assert found.family.name == "yolov8-maps" and found.family.classes == original.family.classes
    from detquant.data import open_dataset
    from detquant.pipeline.evaluate import evaluate

    scenes = open_dataset("scenes")
    half, full = (evaluate(one, scenes, val_limit=12).accuracy.figures()["ap"] for one in (found, original))
    assert abs(half - full) < 1.0


def test_int8_is_refused_with_the_reason(square_model, square_data, capsys):
    with pytest.raises(TargetError, match="takes no INT8 model: the MyriadX in OAK cameras computes in FP16 only"):
        detquant.quantize(square_model, square_data(), target="oak")
    assert main(["plan", str(square_model), "--target", "oak"]) == 2
    assert "detquant export MODEL --target oak --precision fp16" in capsys.readouterr().err


def test_without_blobconverter_the_command_is_given(pico):
    assert list(pico.artefact.files) == ["model.onnx", "model.tar.xz"]
    [told] = [note for note in pico.notes if "blobconverter --onnx-model model.onnx" in note]
    assert "--scale_values=[255,255,255] --reverse_input_channels" in told


def test_a_model_of_bgr_is_not_reversed():
    from detquant.families.nanodet import NanoDet

    told = command("model.onnx", NanoDet.form)
    assert "reverse" not in told and "--mean_values=[103.53,116.28,123.675]" in told


@pytest.fixture
def converter(monkeypatch):
    """Stands for the package blobconverter, whose server cannot be reached from tests."""
    calls = []

    def from_onnx(**options):
        calls.append(options)
        if calls[0].get("fails"):
            raise OSError("no route to host")
        made = f"{options['output_dir']}/model_openvino_2022.1_6shave.blob"
        with open(options["model"], "rb") as model, open(made, "wb") as blob:
            blob.write(b"blob of " + model.read()[:4])
        return made

    module = SimpleNamespace(from_onnx=from_onnx, __spec__=SimpleNamespace(name="blobconverter"))
    monkeypatch.setitem(sys.modules, "blobconverter", module)
    return calls


def test_blobconverter_adds_the_blob(converter, square_model):
    exported = export(square_model, "oak")
    artefact = exported.artefact
    assert artefact.files["model.blob"] == b"blob of " + artefact.files["model.onnx"][:4]
    assert "model.blob" in exported.figures()["files"] and any(
        "compiled it for 6 SHAVEs" in note for note in exported.notes
    )
    [options] = converter
    assert options["data_type"] == "FP16" and options["version"] == "2022.1"
    assert "--reverse_input_channels" in options["optimizer_params"]


def test_a_server_that_does_not_answer_leaves_the_rest(converter, square_model):
    converter.append({"fails": True})
    exported = export(square_model, "oak")
    artefact = exported.artefact
    assert "model.blob" not in artefact.files and "model.onnx" in artefact.files
    assert any("did not compile it (no route to host)" in note for note in exported.notes)


def test_half_precision_is_what_it_is(pico):
    artefact = pico.artefact
    family = detquant.load("yolov8-pico").family
    noise = np.random.default_rng(3).integers(0, 256, (100, 200, 3), np.uint8)
    found = TARGET.open(artefact).run({"images": family.preprocess(noise)[0]})
    assert all(array.dtype == np.float32 for array in found.values())
    assert any(np.abs(array - array.astype(np.float16)).max() == 0 for array in found.values())
