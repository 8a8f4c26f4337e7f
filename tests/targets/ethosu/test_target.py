"""The target from end to end: what runs where, what Vela adds, and what is said where it is not installed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detquant.cli import main
from detquant.errors import ModelError, TargetError
from detquant.graph import prepare
from detquant.pipeline.detector import load
from detquant.targets import load_target
from detquant.targets.ethosu import target as module
from detquant.targets.ethosu.chip import ACCELERATORS, Chip
from detquant.targets.ethosu.split import split_of
from detquant.targets.ethosu.vela import Compiled, compile_model
from detquant.targets.tflite.target import FILE

pytest.importorskip("ai_edge_litert", reason="the extra tflite is not installed")
from given_codes import as_planned
from layers import quantised

ASSETS = Path(__file__).resolve().parents[4] / "shared" / "assets"
TARGET = load_target("ethosu")
RNG = np.random.default_rng(4)
COMPILED = "model_vela.tflite"


@pytest.fixture
def with_vela():
    pytest.importorskip("ethosu.vela", reason="the extra ethosu is not installed")


def split(content, chip):
    made = compile_model(FILE, content, chip)
    assert isinstance(made, Compiled), made
    return split_of(content, made)


def net(build, rows, weights=None, size=16):
    """A convolution, the rows from "f" to "g", and a head."""
    taps = {"first": RNG.standard_normal((8, 3, 3, 3)), "last": RNG.standard_normal((4, 8, 1, 1)), **(weights or {})}
    around = {"pads": [1, 1, 1, 1], "name": "first"}
    nodes = [("Conv", ["x", "first"], ["f"], around), *rows, ("Conv", ["g", "last"], ["y"], {"name": "head"})]
    stored = {name: array if array.dtype == np.int64 else np.asarray(array, np.float32) for name, array in taps.items()}
    return prepare(build(nodes, {"x": [1, 3, size, size]}, {"y": None}, stored))


def lowered(model, feeds, target=TARGET):
    qdq = quantised(target.rewrite(model), feeds, target=target).qdq()
    return qdq, target.lower(qdq)


@pytest.mark.parametrize("name", ["yolov8-pico", "resnet-pico"])
@pytest.mark.parametrize("accelerator", ["ethos-u55-32", "ethos-u65-512", "ethos-u85-2048"])
def test_all_of_an_embedded_model_is_on_the_npu(name, accelerator, artefact, with_vela):
    chip = Chip().asked(accelerator=accelerator)
    found = split(artefact(name).files[FILE], chip)
    assert not found.on_cpu and not found.reasons and found.parts == 1
    assert found.on_npu["CONV_2D"] == {"yolov8-pico": 63, "resnet-pico": 21}[name]
    assert found.milliseconds > 0 and found.memory["SRAM"] > 0
    told = list(found.sentences(chip))
    assert f"operators on the {chip.title}, as 1 part: " in told[0] and " KiB of SRAM" in told[1]
    assert "its estimate, not a measurement" in told[2] and len(told) == 3


@pytest.mark.slow
@pytest.mark.parametrize("accelerator", ACCELERATORS)
def test_all_of_yolov8n_is_on_each_npu_and_twice_the_same_bytes(accelerator, with_vela, tmp_path_factory):
    if not ASSETS.is_dir():
        pytest.skip(f"no trained detectors at {ASSETS}")
    content = yolov8n(tmp_path_factory)
    chip = Chip().asked(accelerator=accelerator)
    found = split(content, chip)
    assert not found.on_cpu and found.parts == 1 and sum(found.on_npu.values()) > 200
    assert compile_model(FILE, content, chip) == compile_model(FILE, content, chip)


def yolov8n(folders, kept={}):  # noqa: B006
    if not kept:
        import detquant
        from detquant.pipeline.job import Job

        wish = replace(detquant.load_recipe("w8a8"), steps=())
        detector = detquant.load(ASSETS / "weights/detect/yolov8n.onnx")
        data = detquant.open_dataset(ASSETS / "coco/coco300.yaml")
        job = Job(detector=detector, dataset=data, recipe=wish, target=TARGET, calib=2)
        kept["content"] = TARGET.lower(job.run().model.qdq()).files[FILE]
    return kept["content"]


def one_of_each_kind():
    """All chips, of which the first U55, U65 and U85 are in every run."""
    kinds = set()
    for name in ACCELERATORS:
        kind = name.rsplit("-", 1)[0]
        yield pytest.param(name, marks=pytest.mark.slow if kind in kinds else ())
        kinds.add(kind)


@pytest.mark.parametrize("accelerator", list(one_of_each_kind()))
def test_the_same_model_gives_the_same_bytes_for_each_chip(artefact, with_vela, accelerator):
    content, chip = artefact("resnet-pico").files[FILE], Chip().asked(accelerator=accelerator)
    first, second = (compile_model(FILE, content, chip) for _ in range(2))
    assert isinstance(first, Compiled) and first == second


def test_what_vela_leaves_to_the_cpu_is_told_with_its_reason(build, images, with_vela):
    rows = [
        ("Resize", ["f", "", "thrice"], ["p"], {"mode": "linear", "name": "larger"}),
        ("Relu", ["p"], ["g"], {"name": "relu"}),
    ]
    _, made = lowered(net(build, rows, {"thrice": np.array([1, 1, 3.0, 3])}), images())
    found = split(made.files[FILE], TARGET.chip)
    assert found.on_cpu == {"RESIZE_BILINEAR": 1} and found.on_npu["CONV_2D"] == 2 and found.parts == 2
    told = list(found.sentences(TARGET.chip))
    assert "put 3 of 4 operators on the Ethos-U55-256, as 2 parts" in told[0]
    assert told[1] == "On the CPU: 1 RESIZE_BILINEAR."
    assert told[2].startswith("Not on the NPU: RESIZE_BILINEAR 'p' (Scaling matches and operation has unsupported")
    assert "without what the CPU takes: its estimate" in told[4]


@pytest.mark.parametrize("accelerator", ["ethos-u55-128", "ethos-u85-256"])
def test_a_shuffled_net_with_linear_resizing_is_all_on_the_npu(accelerator, build, images, with_vela):
    linear = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    rows = [
        ("Reshape", ["f", "apart"], ["a"], {"name": "apart"}),
        ("Transpose", ["a"], ["t"], {"name": "turn", "perm": [0, 2, 1, 3, 4]}),
        ("Reshape", ["t", "whole"], ["s"], {"name": "whole"}),
        ("LeakyRelu", ["s"], ["l"], {"alpha": 0.1, "name": "leaky"}),
        ("MaxPool", ["l"], ["p"], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "name": "pool"}),
        ("Resize", ["p", "", "half"], ["h"], {"name": "half", **linear}),
        ("Resize", ["h", "", "twice"], ["w"], {"name": "twice", **linear}),
        ("Add", ["p", "w"], ["g"], {"name": "add"}),
    ]
    sizes = {"apart": np.array([1, 2, 4, 16, 16]), "whole": np.array([1, 8, 16, 16])}
    scales = {"half": np.array([1, 1, 0.5, 0.5]), "twice": np.array([1, 1, 2.0, 2])}
    target = TARGET.with_options(accelerator=accelerator)
    qdq, made = lowered(net(build, rows, sizes | scales), images(), target)
    found = split(made.files[FILE], target.chip)
    assert not found.on_cpu and found.on_npu["RESIZE_NEAREST_NEIGHBOR"] == found.on_npu["LEAKY_RELU"] == 1
    assert "TRANSPOSE" not in found.on_npu
    found, expected = target.open(made).run(images(1)[0])["y"], as_planned(qdq).run(images(1)[0])["y"]
    assert np.abs(found - expected).max() < 0.06 * np.ptp(expected)


def test_a_float_file_for_comparison_runs_in_the_fast_kernels(small_net, images):
    made = TARGET.lower(small_net)
    assert TARGET.open(made).delegates() == 1
    _, whole = lowered(small_net, images())
    assert TARGET.open(whole).delegates() == 0


def test_without_vela_the_file_is_written_and_the_command_given(small_net, images, monkeypatch):
    _, made = lowered(small_net, images())
    monkeypatch.setattr(module, "is_installed", lambda: False)
    finished, [told] = TARGET.finish(made, None, {})
    assert finished == made
    assert "vela model.tflite --accelerator-config ethos-u55-256" in told and "pip install 'detquant[ethosu]'" in told


def test_where_vela_fails_the_file_is_written_and_the_reason_given(small_net, images, monkeypatch):
    _, made = lowered(small_net, images())
    monkeypatch.setattr(module, "is_installed", lambda: True)
    monkeypatch.setattr(module, "compile_model", lambda *_: "Vela did not compile it (it was ended by signal 11)")
    finished, [told] = TARGET.finish(made, None, {})
    assert finished == made and told.startswith("Vela did not compile it (it was ended by signal 11). To compile it ")


def test_from_the_command_line(square_model, square_data, tmp_path, capsys, with_vela):
    out = tmp_path / "out"
    asked = ["quantize", str(square_model), "--data", str(square_data()), "--target", "ethosu", "--out", str(out)]
    assert main([*asked, "--accelerator", "ethos-u55-64", "--memory-mode", "Sram_Only"]) == 0
    told = json.loads((out / "report.json").read_text())
    assert [one["file"] for one in told["files"]] == ["model.tflite", "decode.onnx", COMPILED]
    for one in told["files"]:
        content = (out / one["file"]).read_bytes()
        assert one["size_bytes"] == len(content) and one["sha256"] == hashlib.sha256(content).hexdigest()
    printed = " ".join(capsys.readouterr().out.split())
    assert "on the Ethos-U55-64, as 1 part" in printed and "Ethos-U itself was not run" in printed
    assert "Sram_Only): its estimate, not a measurement" in printed
    assert "times as long as the float model" not in printed  # the NPU's latency is not known
    with pytest.raises(ModelError, match=r"compiled for an Ethos-U, .* give the \.tflite that it was compiled from"):
        load(out / COMPILED)


def test_an_unknown_chip_is_refused_before_the_work(square_model, square_data, tmp_path, capsys):
    out = tmp_path / "out"
    asked = ["quantize", str(square_model), "--data", str(square_data()), "--target", "ethosu", "--out", str(out)]
    assert main([*asked, "--accelerator", "ethos-u75-64"]) == 2
    assert "Unknown accelerator of Ethos-U 'ethos-u75-64'" in capsys.readouterr().err and not out.exists()


def test_the_target_is_listed_and_takes_no_float():
    assert "not run by detquant" in (TARGET.missing() or "")
    with pytest.raises(TargetError, match="the Ethos-U computes in integers only"):
        TARGET.require("fp32")
