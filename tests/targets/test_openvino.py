"""The IR computes what the plan says, in the precision that the plan says, as the plugin itself tells."""

from __future__ import annotations

import given_codes
import numpy as np
import pytest

from detquant.calibration import Collector, calibrate
from detquant.errors import MissingExtra, TargetError
from detquant.graph import prepare
from detquant.graph.running import OrtRunner
from detquant.numerics import sqnr_db
from detquant.recipes import builtin_recipes, load_recipe, plan
from detquant.targets import Artefact, load_target
from detquant.targets.openvino import Compiled

pytest.importorskip("openvino", reason="the extra openvino is not installed")
TARGET = load_target("openvino")


@pytest.fixture
def quantised(small_net, images):
    """The small net quantised for OpenVINO."""
    return by_recipe("w8a8", small_net, images())


def by_recipe(recipe, net, table):
    """A net quantised by the rules of a recipe."""
    points = plan(net, load_recipe(recipe), TARGET.capability)
    collector = Collector(model=net, plan=points, by_channel=("x",))
    statistics = collector.collect(lambda positions: (table[k] for k in positions), len(table))
    return calibrate(net, points, statistics, TARGET.capability)


def test_the_plugin_runs_the_plan_in_eight_bits(quantised, images):
    artefact = TARGET.lower(quantised.qdq())
    assert list(artefact.files) == ["model.xml", "model.bin"]
    runner = TARGET.open(artefact)
    counts = runner.precisions()
    # The head too, though it writes float. No grid is left to a layer of its own but the image's.
    assert counts["Convolution"] == {"u8": 4}
    assert counts["Concatenation"] == {"u8": 1} and counts["Pooling"] == {"u8": 1}
    assert "Convolution 4 u8" in TARGET.remarks(runner)[0]
    feed = images(1)[0]
    expected, found = OrtRunner(quantised.qdq()).run(feed)["scores"], runner.run(feed)["scores"]
    assert list(runner.run(feed)) == ["scores"] and found.shape == expected.shape
    assert sqnr_db(expected, found) > 30.0


def test_a_float_graph_in_both_precisions(small_net, images):
    feed = images(1)[0]
    expected = OrtRunner(small_net).run(feed)["scores"]
    full, half = (TARGET.lower_float(small_net, precision) for precision in ("fp32", "fp16"))
    assert len(half.files["model.bin"]) < 0.6 * len(full.files["model.bin"])
    assert np.allclose(TARGET.open(full).run(feed)["scores"], expected, atol=1e-5)
    assert np.allclose(TARGET.open(half).run(feed)["scores"], expected, atol=1e-2)
    assert set(TARGET.open(full).precisions()["Convolution"]) == {"f32"}


def test_the_metadata_travels(small_net):
    import openvino

    model = small_net.clone()
    model.metadata_props["detquant.family"] = "yolov8"
    files = TARGET.lower(model).files
    read = openvino.Core().read_model(
        files["model.xml"].decode(), openvino.Tensor(np.frombuffer(files["model.bin"], np.uint8))
    )
    assert read.get_rt_info(["detquant", "family"]).astype(str) == "yolov8"


def test_the_same_model_gives_the_same_bytes(quantised):
    assert TARGET.lower(quantised.qdq()).digest() == TARGET.lower(quantised.qdq()).digest()


def test_what_it_refuses_is_a_sentence(small_net):
    with pytest.raises(TargetError, match=r"precision of target openvino 'fp61': did you mean 'fp16'"):
        TARGET.lower_float(small_net, "fp61")
    with pytest.raises(TargetError, match="OpenVINO cannot compile"):
        TARGET.open(Artefact({"model.xml": b"<net", "model.bin": b""}))


def test_without_openvino_the_extra_is_named(small_net, monkeypatch):
    monkeypatch.setattr("detquant.targets.openvino.find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"detquant\[openvino\]"):
        TARGET.lower(small_net)


def test_outputs_keep_their_names_where_the_compiler_merges_tensors(build):
    """Behind the softmax two reshapes come to nothing, and the compiler gives its output all their names."""
    rows = [
        ("Softmax", ["x"], ["a softmax"], {"axis": 2}),
        ("Reshape", ["a softmax", "flat"], ["between"], {}),
        ("Reshape", ["between", "back"], ["scores"], {}),
    ]
    shapes = {"flat": np.array([1, -1]), "back": np.array([1, 5, 4])}
    model = build(rows, {"x": [1, 5, 4]}, {"scores": [1, 5, 4]}, shapes)
    x = np.random.default_rng(0).random((1, 5, 4), np.float32)
    found = TARGET.open(TARGET.lower_float(model, "fp32")).run({"x": x})
    assert list(found) == ["scores"] and found["scores"].shape == (1, 5, 4)


def test_the_end_of_a_residual_block_runs_inside_its_convolution(build, images):
    rng = np.random.default_rng(5)
    names = {"one": (8, 3), "two": (8, 8), "three": (8, 8), "four": (8, 8), "head": (4, 8)}
    weights = {f"{name}_w": rng.normal(0, 0.3, (*size, 1, 1)).astype(np.float32) for name, size in names.items()}
    rows = [
        ("Conv", ["x", "one_w"], ["a"], {}),
        ("Relu", ["a"], ["b"], {}),
        ("Conv", ["b", "two_w"], ["c"], {}),
        ("Relu", ["c"], ["d"], {}),
        ("Conv", ["d", "three_w"], ["e"], {}),
        ("Add", ["e", "b"], ["f"], {}),
        ("Relu", ["f"], ["g"], {}),
        ("Conv", ["g", "four_w"], ["h"], {}),
        ("Relu", ["h"], ["i"], {}),
        ("Conv", ["i", "head_w"], ["y"], {}),
    ]
    model, feeds = prepare(build(rows, {"x": [1, 3, 16, 16]}, {"y": None}, weights)), images(4)
    qdq = given_codes.quantised(model, feeds, TARGET.capability).qdq()
    runner = TARGET.open(TARGET.lower(qdq))
    ran = runner.precisions()
    assert ran["Convolution"] == {"u8": 5} and "Eltwise" not in ran and "u8" not in ran.get("Subgraph", {})
    found, expected = runner.run(feeds[0])["y"], given_codes.as_planned(qdq).run(feeds[0])["y"]
    assert sqnr_db(expected, found) > 30


def test_of_signed_grids_it_is_known_that_they_may_be_wrong(quantised, small_net, images):
    assert TARGET.known_faults(quantised.qdq()) == ""
    signed = by_recipe("w8a8-symmetric", small_net, images())
    assert "signed: OpenVINO computes these rightly on processors with AMX alone" in TARGET.known_faults(signed.qdq())


def test_on_processors_with_amx_it_says_what_is_to_be_known_there(quantised, monkeypatch):
    runner = TARGET.open(TARGET.lower(quantised.qdq()))
    assert any("I8" in kernel for kernel in runner.kernels())

    def told(*kernels):
        monkeypatch.setattr(Compiled, "kernels", lambda self: set(kernels))
        return TARGET.remarks(runner)[1:]

    assert told("jit_avx2_f32", "brgconv_avx512_I8") == ()
    [said] = told("jit_avx2_f32", "brgconv_avx512_amx_I8")
    assert "w8a8-symmetric" in said and "w8a8-symmetric" in builtin_recipes()
    # The image's own codes are unsigned in a signed model too.
    [said] = told("brgconv_avx512_amx_I8", "brgconv_avx512_amx_1x1_i8", "brgconv_avx512_amx_i8")
    assert "with AMX alone" in said
