"""The target: its files, what it says of them, and what it says where something is missing."""

from __future__ import annotations

import given_codes
import numpy as np
import pytest

from detquant.errors import MissingExtra, ModelError, RecipeError, TargetError, UnsupportedOperator
from detquant.graph import prepare
from detquant.graph.running import OrtRunner
from detquant.importers import load_model
from detquant.importers.ncnn.files import split_metadata
from detquant.numerics import sqnr_db
from detquant.recipes import load_recipe, plan
from detquant.targets import Artefact, load_target

pytest.importorskip("ncnn", reason="the extra ncnn is not installed")
TARGET = load_target("ncnn")


@pytest.fixture
def quantised(small_net, images):
    """The small net quantised for ncnn."""
    return given_codes.quantised(small_net, images(), TARGET.capability)


def test_the_plan_runs_in_integers_and_the_rest_is_told(quantised, images):
    artefact = TARGET.lower(quantised.qdq())
    assert list(artefact.files) == ["model.param", "model.bin"]
    runner = TARGET.open(artefact)
    assert runner.precisions()["Convolution"] == {"int8": 4}
    assert "Swish" in runner.precisions() and set(runner.precisions()["Swish"]) == {"float32"}
    told = TARGET.remarks(runner)
    assert "ran: Convolution 4 int8, 5 others float32." in told[0]
    feed = images(1)[0]
    expected, found = OrtRunner(quantised.qdq()).run(feed)["scores"], runner.run(feed)["scores"]
    assert list(runner.run(feed)) == ["scores"] and found.shape == expected.shape
    assert sqnr_db(expected, found) > 30.0


def test_the_layers_that_compute_are_told_with_their_precision(quantised, images):
    runner = TARGET.open(TARGET.lower(quantised.qdq()))
    found = TARGET.profile(runner, images(1)[0])
    assert {one.precision for one in found if one.kind == "Convolution"} == {"int8"}
    assert {one.precision for one in found if one.kind != "Convolution"} == {"float"}
    assert not [one for one in found if one.kind in ("Split", "Input")] and not any(one.ms for one in found)


def test_a_float_graph_in_both_precisions(small_net, images):
    feed = images(1)[0]
    expected = OrtRunner(small_net).run(feed)["scores"]
    full, half = (TARGET.lower_float(small_net, precision) for precision in ("fp32", "fp16"))
    assert len(half.files["model.bin"]) < 0.7 * len(full.files["model.bin"])
    np.testing.assert_allclose(TARGET.open(full).run(feed)["scores"], expected, atol=1e-5)
    np.testing.assert_allclose(TARGET.open(half).run(feed)["scores"], expected, atol=1e-2)
    assert set(TARGET.open(full).precisions()["Convolution"]) == {"float32"}


def test_sixteen_bit_floats_are_for_what_is_no_decoding(small_net):
    """On Arm ncnn takes them by itself; all but the convolutions of a file in fp16 says that it wants float32."""
    full, half = (TARGET.lower_float(small_net, precision).files["model.param"] for precision in ("fp32", "fp16"))
    lines = full.decode().splitlines()[2:]
    assert all(int(line.rpartition(" 31=")[2]) & 0b111 == 0b111 for line in lines)
    masked = {line.split()[0] for line in half.decode().splitlines()[2:] if " 31=" in line}
    assert masked == {"Sigmoid"}  # that of the scores


def test_the_same_model_gives_the_same_bytes(quantised):
    assert TARGET.lower(quantised.qdq()).digest() == TARGET.lower(quantised.qdq()).digest()


def test_metadata_lie_behind_the_weights(small_net, images):
    model = small_net.clone()
    model.metadata_props["detquant.family"] = "yolov8"
    artefact = TARGET.with_metadata(TARGET.lower(model), {"names": "{0: 'Käse'}"})
    _, told = split_metadata(artefact.files["model.bin"])
    assert told == {"detquant.family": "yolov8", "names": "{0: 'Käse'}"}
    expected = OrtRunner(small_net).run(images(1)[0])["scores"]
    np.testing.assert_allclose(TARGET.open(artefact).run(images(1)[0])["scores"], expected, atol=1e-5)


def test_times_of_another_processor_say_nothing_of_arm(monkeypatch, quantised):
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert "made for Arm" in TARGET.untimed
    assert "says nothing about a Raspberry Pi" in TARGET.remarks(TARGET.open(TARGET.lower(quantised.qdq())))[1]
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert TARGET.untimed is None
    assert len(TARGET.remarks(TARGET.open(TARGET.lower(quantised.qdq())))) == 1


def test_narrow_activations_are_cut_off_before_their_layer(small_net, images):
    made = plan(small_net, load_recipe("w8a4"), TARGET.capability)
    assert made.integer
    with pytest.raises(RecipeError, match="on ncnn activations of 16 bits, and its kernels take 2 to 8"):
        plan(small_net, load_recipe("w8a16"), TARGET.capability)
    with pytest.raises(RecipeError, match="ncnn"):
        plan(small_net, load_recipe("dynamic"), TARGET.capability)


def test_grids_that_it_does_not_have_are_refused(small_net, images):
    qdq = given_codes.quantised(small_net, images(), load_target("ort").capability).qdq()
    with pytest.raises(UnsupportedOperator, match=r"'first' has uint8 codes.*choose a recipe with such grids"):
        TARGET.lower(qdq)


def test_what_it_refuses_is_a_sentence(small_net):
    with pytest.raises(TargetError, match=r"precision of target ncnn 'fp61': did you mean 'fp16'"):
        TARGET.lower_float(small_net, "fp61")
    with pytest.raises(TargetError, match="ncnn cannot open the model"):
        TARGET.open(Artefact({"model.param": b"7767517\n1 1\nNoSuchLayer a 0 1 b\n", "model.bin": b""}))


def test_without_ncnn_the_extra_is_named(small_net, monkeypatch):
    artefact = TARGET.lower_float(small_net, "fp32")  # which needs no ncnn
    monkeypatch.setattr("detquant.targets.ncnn.target.find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"detquant\[ncnn\]"):
        TARGET.open(artefact)


def test_outputs_that_are_others_or_inputs_are_copied(build):
    rows = [
        ("Relu", ["x"], ["a"], {}),
        ("Identity", ["a"], ["b"], {}),
        ("Identity", ["x"], ["c"], {}),
        ("Sigmoid", ["a"], ["d"], {}),
    ]
    model = prepare(build(rows, {"x": [1, 4, 5]}, {name: [1, 4, 5] for name in "abcd"}))
    x = np.random.default_rng(0).normal(size=(1, 4, 5)).astype(np.float32)
    found, expected = TARGET.open(TARGET.lower_float(model, "fp32")).run({"x": x}), OrtRunner(model).run({"x": x})
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, atol=1e-6)


def test_a_file_whose_layers_do_not_fit_together_does_not_reach_ncnn(build, tmp_path):
    """ncnn would read beyond the end of a map."""
    weights = {"w": np.ones((4, 4, 3, 3), np.float32)}
    model = prepare(build([("Conv", ["x", "w"], ["y"], {})], {"x": [1, 4, 8, 8]}, {"y": None}, weights))
    for name, content in TARGET.lower_float(model, "fp32").files.items():
        (tmp_path / name).write_bytes(content)
    sound = load_model(tmp_path / "model.param")
    assert (
        TARGET.open_own(sound.own, prepare(sound.model)).run({"x": np.ones((1, 4, 8, 8), np.float32)})["y"].max() == 36
    )
    text = (tmp_path / "model.param").read_text()
    (tmp_path / "model.param").write_text(text.replace(" 1=3 ", " 1=1 "))  # so there are 12 input channels
    with pytest.raises(ModelError, match="Conv"):
        changed = load_model(tmp_path / "model.param")
        TARGET.open_own(changed.own, prepare(changed.model))
