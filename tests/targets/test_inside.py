"""Runtimes tell of what they run: which operators there are, in which precision, and how long each takes."""

from __future__ import annotations

import importlib.util
import tempfile

import pytest

from detquant.calibration import Collector, calibrate
from detquant.importers import load_model
from detquant.recipes import load_recipe, plan
from detquant.targets import load_target
from detquant.targets.inside import precision_of, run_for
from detquant.targets.ort_inside import _timed

TOLD = [
    "ort",
    "ort-qoperator",
    pytest.param("openvino", marks=pytest.mark.skipif(not importlib.util.find_spec("openvino"), reason="no openvino")),
]
LAYERS = {"QLinearConv", "Conv", "FusedConv", "Convolution"}


def quantised(place, net, table):
    points = plan(net, load_recipe("w8a8"), place.capability)
    collector = Collector(model=net, plan=points, by_channel=("x",))
    statistics = collector.collect(lambda positions: (table[k] for k in positions), len(table))
    return calibrate(net, points, statistics, place.capability)


@pytest.fixture(params=TOLD)
def place(request):
    return load_target(request.param)


def test_layers_on_codes_say_so_and_take_time(place, small_net, images):
    runner = place.open(place.lower(quantised(place, small_net, images()).qdq()))
    before = runner.run(images(1)[0])
    found = place.profile(runner, images(1)[0], runs=3)
    layers = [one for one in found if one.kind in LAYERS]
    assert {one.precision for one in layers} >= {"int8"}
    assert all(one.ms is None or one.ms >= 0 for one in found) and any(one.ms for one in found)
    assert len({one.name for one in found}) == len(found)
    after = runner.run(images(1)[0])
    assert all((before[name] == after[name]).all() for name in before)


def test_a_float_model_computes_in_float(place, small_net, images):
    runner = place.open(place.lower_float(small_net, "fp32"))
    found = [one for one in place.profile(runner, images(1)[0], runs=2) if one.kind in LAYERS]
    assert len(found) == 4 and {one.precision for one in found} == {"float"}


def test_openvino_says_what_its_layers_were_made_of(small_net, images):
    pytest.importorskip("openvino", reason="no openvino")
    place = load_target("openvino")
    runner = place.open(place.lower(quantised(place, small_net, images()).qdq()))
    parts = [one.parts for one in place.profile(runner, images(1)[0], runs=1)]
    assert any({"first", "silu_mul"} <= set(some) for some in parts)


def test_a_file_of_anyone_is_told_of_too(small_net, images, tmp_path):
    pytest.importorskip("openvino", reason="no openvino")
    place = load_target("openvino")
    for name, content in place.lower_float(small_net, "fp32").files.items():
        (tmp_path / name).write_bytes(content)
    imported = load_model(tmp_path / "model.xml")
    runner = place.open_own(imported.own, imported.model)
    found = place.profile(runner, images(1)[0], runs=1)
    assert sum(one.kind == "Convolution" and one.precision == "float" for one in found) == 4


def test_litert_has_precisions_and_no_times(small_net, images):
    pytest.importorskip("ai_edge_litert", reason="no litert")
    place = load_target("tflite")
    runner = place.open(place.lower(quantised(place, small_net, images()).qdq()))
    found = place.profile(runner, images(1)[0])
    layers = [one for one in found if one.kind == "CONV_2D"]
    assert [one.precision for one in layers] == ["int8", "int8", "int8", "float"]
    assert {one.ms for one in found} == {None} and {"silu", "relu", "sum"} <= {one.name for one in found}


def test_the_profiler_leaves_no_file(small_net, images, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    place = load_target("ort")
    place.profile(place.open(place.lower_float(small_net, "fp32")), images(1)[0], runs=1)
    assert not list(tmp_path.iterdir())


def test_a_place_whose_runtime_does_not_tell(small_net, images):
    place = load_target("opencv")
    assert place.profile(place.open(place.lower_float(small_net, "fp32")), images(1)[0]) == ()
    assert load_target("ort").profile(object(), images(1)[0]) == ()


def test_medians_leave_the_first_runs_out():
    def record(name, dur, index, **args):
        shapes = [{"uint8": [1]}]
        told = {"op_name": "QGemm", "node_index": index, "output_type_shape": shapes, **args}
        return {"cat": "Node", "name": f"{name}_kernel_time", "dur": dur, "args": told}

    records = [{"cat": "Session", "name": "model_run", "dur": 9}]
    records += [record("a", dur, 1) for dur in (900, 3, 1, 2)]
    records += [record("a", 50, 2, op_name="Shape", output_type_shape=[])]
    one, other = _timed(records)
    assert (one.name, one.kind, one.precision, one.ms) == ("a", "QGemm", "int8", 0.002)
    assert (other.kind, other.precision, other.ms) == ("Shape", None, 0.05)


@pytest.mark.parametrize(("seconds", "expected"), [(0.0, 3), (2.5, 5), (100.0, 6)])
def test_runs_end_with_the_time(seconds, expected):
    now = iter(range(100))
    assert run_for(lambda: None, 6, seconds, clock=lambda: next(now)) == expected


def test_words_of_runtimes():
    assert [precision_of(word) for word in ("u8", "float", "bf16", "i8", "int64")] == [
        "int8",
        "float",
        "bf16",
        "int8",
        "int64",
    ]
