"""The target: a folder of hardware out of a model, each step between measured, and what is refused."""

from __future__ import annotations

import hashlib
import json
import pickle
from dataclasses import replace

import numpy as np
import pytest

import detquant
from detquant.errors import OptionError, TargetError
from detquant.pipeline.outputs import REPORTS
from detquant.targets.verilog.target import NETWORK, NO_SUPPRESSION, Verilog, parse_array

RECIPE = replace(detquant.load_recipe("w8a8"), steps=())


@pytest.fixture(scope="module")
def result():
    """The embedded detector as hardware, in the quickest way."""
    wish = {"recipe": RECIPE, "target": "verilog", "array": "8x8", "formats": ["coe"], "calib": 2, "val_limit": 3}
    return detquant.quantize("yolov8-pico", "scenes", **wish)


@pytest.fixture(scope="module")
def classifier():
    """The embedded classifier as hardware, of 3 bits."""
    wish = {"recipe": "w8a8", "bits": 3, "target": "verilog", "calib": 4, "val_limit": 3}
    return detquant.quantize("resnet-pico", "crops", **wish)


@pytest.fixture(scope="module")
def folder(result, tmp_path_factory):
    where = tmp_path_factory.mktemp("hw")
    result.save(where)
    return where


def test_each_step_is_measured(result):
    titles = [row.title for row in result.report.rows]
    assert titles == [
        "float", "batch norms folded", "weights rounded, but those of the last layers", "weights rounded", NETWORK,
        NO_SUPPRESSION, "w8a8",
    ]  # fmt: skip
    before, folded, *others = (row.value("ap") for row in result.report.rows)
    assert folded == pytest.approx(before, abs=0.5) and all(abs(one - before) < 6 for one in others)
    assert not any("times as long" in one for one in result.report.warnings)  # nothing here is the engine's time
    written = "".join(result.report.figures()["runtime"])
    assert "8x8 multipliers of 8-bit weights and 8 lanes" in written and "detquant verify" in written


def test_the_folder_is_whole(folder, result):
    manifest = json.loads((folder / "manifest.json").read_text())
    for name, digest in manifest["sha256"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert manifest["engine"]["ICP"] == manifest["engine"]["OCP"] == 8
    loaded = [path for path in (folder / "mem").glob("*.bin")]
    assert manifest["engine"]["HEAD"] == 1 and (folder / "tb/vectors/found.mem").read_text().split()
    assert result.artefact.size_bytes == sum(path.stat().st_size for path in loaded)
    assert (folder / "mem/desc.coe").read_text().startswith("memory_initialization_radix")
    assert {"rtl", "tb", "mem", "pickle", "Makefile", "ARITHMETIC.md", "model.onnx", "report.md"} <= {
        path.name for path in folder.iterdir()
    }
    assert "## Step by step" in (folder / "report.md").read_text()


def test_the_arrays_are_plain_and_are_those_of_the_model(folder):
    found = {path.stem: pickle.loads(path.read_bytes()) for path in (folder / "pickle").iterdir()}
    assert set(found) == {
        "weights", "weights_bn_fused", "architecture", "weights_quantized", "activations_quantized",
    }  # fmt: skip
    original = found["weights"]
    assert {"model.0.conv.weight", "model.0.bn.weight"} <= set(original)
    first = found["architecture"][0]
    fused = found["weights_bn_fused"][first["inputs"][1]]
    assert first["type"] == "Conv" and fused.shape == original["model.0.conv.weight"].shape
    codes = found["weights_quantized"][first["name"]]
    assert codes["bits"] == 8 and codes["codes"].dtype == np.int8
    scale = codes["scale"].reshape(-1, 1, 1, 1)
    assert np.abs(codes["codes"] * scale - fused).max() <= 0.51 * scale.max()
    seen = found["activations_quantized"]["images"]
    assert seen["scale"] == np.float32(1 / 255) and not seen["signed"]


def test_the_file_beside_it_runs_as_the_engine_does(folder, result):
    again = detquant.evaluate(folder / "model.onnx", "scenes", target="verilog", val_limit=3)
    assert again.accuracy.figures()["ap"] == pytest.approx(result.report.subject.value("ap"))
    [found] = detquant.predict(folder / "model.onnx", detquant.open_dataset("scenes").validation[0], target="verilog")
    assert len(found.detections) > 0
    exported = detquant.export(folder / "model.onnx", Verilog(parse_array("4x4")))
    assert exported.precision == "integers" and b"int ICP = 4;" in exported.artefact.files["rtl/dq_config.sv"]


def test_a_classifier_is_decoded_by_the_host_and_has_one_width(classifier):
    assert [row.title for row in classifier.report.rows][-2:] == ["weights rounded", "w3a8-in-every-layer"]
    said = classifier.report.figures()["runtime"]
    assert any("left to the host" in one for one in said) and any("3-bit weights" in one for one in said)
    assert not any("fewer bits than the array's" in one or "take 4 in files" in one for one in said)
    assert "mem/weights_b3.bin" in classifier.artefact.loaded


def test_nothing_of_another_network_stays_in_the_folder(result, classifier, tmp_path):
    for one in (result, classifier):
        one.save(tmp_path)
        found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
        assert found - set(one.artefact.files) - set(one.beside) == {".detquant.json", *REPORTS}
    weights = {path for path in found if path.startswith("mem/weights")}
    assert weights == {"mem/weights_b3.bin", "mem/weights_b3.mem"} and "mem/weights_b8.bin" in result.artefact.files


@pytest.mark.parametrize(
    ("text", "size"), [("16x16", (16, 16, 8)), ("4x8", (4, 8, 4)), ("8X8x2", (8, 8, 2)), ("32x16x16", (32, 16, 16))]
)
def test_sizes_of_the_array(text, size):
    found = parse_array(text)
    assert (found.icp, found.ocp, found.lanes) == size


@pytest.mark.parametrize("text", ["16", "16x", "ax8", "8x8x8x8", "-8x8", "12x12", "8x8x16", "1000x1000"])
def test_what_is_no_size(text):
    with pytest.raises(OptionError, match=r"array|engine"):
        parse_array(text)


@pytest.mark.parametrize(
    ("given", "head"),
    [
        ({"last_layers": "float"}, ("float", "float")),
        ({"last_layers": "int"}, ("int", "int")),
        ({"nms": "float"}, ("int", "float")),
        ({"last_layers": "float", "nms": "int"}, ("float", "int")),
    ],
)
def test_what_of_the_last_part_is_in_whole_numbers(given, head):
    found = Verilog().with_options(**given)
    assert (found.head.last_layers, found.head.nms) == head
    assert Verilog().with_options(array="8x8").head is None


def test_options_that_a_place_does_not_have():
    with pytest.raises(OptionError, match="Target ort has no --last-layers and --array"):
        detquant.load_target("ort").with_options(last_layers="int", array="8x8")
    with pytest.raises(OptionError, match="Unknown format of memories 'mfi': did you mean 'mif'"):
        Verilog().with_options(formats=["mfi"])
    with pytest.raises(OptionError, match="has no --pipes"):
        Verilog().with_options(pipes=3)


def test_it_takes_no_float_model():
    with pytest.raises(TargetError, match="takes no float model: its engine computes in whole numbers only"):
        detquant.export("yolov8-pico", "verilog")
