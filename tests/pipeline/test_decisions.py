"""What a clock decided is written down, and taken again to the byte."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest

from detquant.algorithms import placement
from detquant.cli import main
from detquant.errors import RecipeError
from detquant.pipeline.quantize import quantize
from detquant.recipes import load_recipe

RECIPE = replace(load_recipe("w8a8"), steps=tuple(s for s in load_recipe("w8a8").steps if s.name == "placement"))

REAL_CLOCK = placement.alternate
"""Before a fixture puts another in its place."""


@pytest.fixture
def data(square_data):
    return square_data(images=4)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A folder for the one result that many tests read."""
    return tmp_path_factory.mktemp("first") / "made"


@pytest.fixture
def report(first, square_model, data, clock):
    """The report of a result in which much went to float, the convolution of the image first."""
    clock(0.5)
    if not first.exists():
        quantize(square_model, data, recipe=RECIPE, calib=2).save(first)
    return first / "report.json"


def changed(report, tmp_path, change):
    """A copy of the report with other decisions."""
    content = json.loads(report.read_text())
    change(content["decisions"])
    (tmp_path / "changed.json").write_text(json.dumps(content))
    return tmp_path / "changed.json"


def test_the_report_says_what_was_measured_and_decided(report, square_model):
    found = json.loads(report.read_text())
    told = found["decisions"]
    assert told["model_sha256"] == found["model_sha256"] and told["recipe"] == "w8a8" and told["target"] == "ort"
    assert told["taken"]["placement"]["kept_float"]["stem"] == "placement: convolution of the image, faster in float"
    assert {"what", "ratio", "low", "high", "bar", "turns"} == set(told["taken"]["placement"]["measured"][0])


def test_the_real_clock_is_asked_and_its_figures_are_told(square_model, data, monkeypatch):
    asked = []

    def alternate(sides, feed, turns):
        found = REAL_CLOCK(sides, feed, turns)
        asked.append(found)
        return found

    monkeypatch.setattr(placement, "alternate", alternate)
    told = quantize(square_model, data, recipe=RECIPE, calib=2).report.figures()["decisions"]["taken"]["placement"]
    assert all(set(one) == {"reference", "candidate"} and min(map(min, one.values())) > 0 for one in asked)
    assert told["measured"][0]["what"] == placement.ALL
    for one in told["measured"]:
        assert 0 < one["low"] <= one["ratio"] <= one["high"] and one["turns"] > 0
    assert sum(one["turns"] for one in told["measured"]) == sum(len(one["reference"]) for one in asked)


def test_decisions_of_a_report_give_the_same_bytes_whatever_the_clock_says(report, square_model, data, clock):
    first = (report.parent / "model.onnx").read_bytes()
    asked = clock(2.0)
    assert quantize(square_model, data, recipe=RECIPE, calib=2).artefact.files["model.onnx"] != first
    asked.clear()
    again = quantize(square_model, data, recipe=RECIPE, calib=2, decisions=report)
    assert again.artefact.files["model.onnx"] == first and not asked
    assert again.report.figures()["decisions"] == json.loads(report.read_text())["decisions"]


def test_on_the_command_line(square_model, data, tmp_path, clock, capsys):
    clock(0.5)
    given = [str(square_model), "--data", str(data), "--calib", "2"]
    figures = str(tmp_path / "figures.json")
    assert main(["quantize", *given, "--out", str(tmp_path / "a"), "--json", figures]) == 0
    clock(2.0)
    for decisions in (tmp_path / "a" / "report.json", figures):
        again = ["quantize", *given, "--out", str(tmp_path / "b"), "--decisions", str(decisions)]
        assert main(again) == 0
        assert (tmp_path / "b/model.onnx").read_bytes() == (tmp_path / "a/model.onnx").read_bytes()
    here = ["quantize", *given, "--out", str(tmp_path / "b"), "--decisions", str(tmp_path / "b" / "report.json")]
    assert main(here) == 0  # the report of the result that is made anew
    assert (tmp_path / "b/model.onnx").read_bytes() == (tmp_path / "a/model.onnx").read_bytes()


def test_decisions_win_over_those_of_the_folder(report, square_model, data, tmp_path, clock):
    asked = clock(2.0)
    work = tmp_path / "work"
    before = quantize(square_model, data, recipe=RECIPE, calib=2, work=work).artefact.files
    given = quantize(square_model, data, recipe=RECIPE, calib=2, work=work, decisions=report).artefact.files
    asked.clear()
    after = quantize(square_model, data, recipe=RECIPE, calib=2, work=work).artefact.files
    assert before != given == after and not asked


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.update(model_sha256="ab" * 32), "about the model with sha256 abababababab..., and this one is"),
        (lambda d: d.update(recipe="w4a8", recipe_sha256="0"), "about the recipe 'w4a8', and this one is 'w8a8'"),
        (
            lambda d: d.update(recipe_sha256="0"),
            "and this one is 'w8a8' of the same name that says something else",
        ),
        (lambda d: d.update(target="openvino"), "about the target 'openvino', and this one is 'ort'"),
        (lambda d: d.update(taken=[]), "are not as detquant writes them"),
        (lambda d: d.update(target=1), "are not as detquant writes them"),
        (lambda d: d.update(more=1), "are not as detquant writes them"),
        (lambda d: d.pop("recipe"), "are not as detquant writes them"),
        (lambda d: d["taken"].update(placemnet={}), "Unknown decision 'placemnet': did you mean 'placement'?"),
        (lambda d: d["taken"].update(placement=1), "cannot be taken: 'placement'"),
        (lambda d: d["taken"]["placement"]["kept_float"].update(gone="x"), "'gone', which the model does not have"),
    ],
)
def test_decisions_about_something_else_are_refused(report, square_model, data, tmp_path, change, words):
    with pytest.raises(RecipeError) as error:
        quantize(square_model, data, recipe=RECIPE, calib=2, decisions=changed(report, tmp_path, change))
    assert words in str(error.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b"{}", b"[" * 100_000, b'{"decisions": 1}'])
def test_a_file_without_decisions_is_refused(square_model, data, tmp_path, content):
    (tmp_path / "r.json").write_bytes(content)
    with pytest.raises(RecipeError, match=r"r\.json"):
        quantize(square_model, data, recipe=RECIPE, decisions=tmp_path / "r.json")


def test_files_that_are_none_are_refused(square_model, data, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "gone.json", tmp_path, tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(RecipeError, match=str(path)):
            quantize(square_model, data, recipe=RECIPE, decisions=path)


def test_other_engines_take_none(report, square_model, data):
    with pytest.raises(RecipeError, match="Engine nncf takes no decisions"):
        quantize(square_model, data, engine="nncf", decisions=report)


# ---------------------------------------------------------------- kept on this machine


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DETQUANT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "decisions"


def test_an_equal_run_into_another_folder_decides_without_a_clock(square_model, data, tmp_path, clock, cache):
    clock(0.5)
    first = quantize(square_model, data, recipe=RECIPE, calib=2, work=tmp_path / "a")
    asked = clock(2.0)
    for work in (tmp_path / "b", None):
        assert quantize(square_model, data, recipe=RECIPE, calib=2, work=work).artefact.files == first.artefact.files
    assert not asked and len(list(cache.iterdir())) == 1


@pytest.mark.parametrize("other", ["calib", "seed", "recipe", "target"])
def test_another_run_measures(square_model, data, clock, cache, other):
    given = {"recipe": RECIPE, "calib": 2}
    changes = {"calib": 3, "seed": 1, "recipe": replace(RECIPE, name="mine"), "target": "opencv"}
    clock(0.5)
    quantize(square_model, data, **given)
    asked = clock(0.5)
    try:
        quantize(square_model, data, **{**given, other: changes[other]})
    except RecipeError:
        assert other == "target"
    assert asked or other == "target"


def test_without_a_cache_nothing_is_kept(square_model, data, tmp_path, clock, monkeypatch):
    monkeypatch.setenv("DETQUANT_CACHE", "")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    clock(0.5)
    quantize(square_model, data, recipe=RECIPE, calib=2)
    assert clock(0.5) == [] and not (tmp_path / "home").exists()


def test_a_cache_that_is_damaged_is_measured_anew(square_model, data, clock, cache):
    clock(0.5)
    quantize(square_model, data, recipe=RECIPE, calib=2)
    [file] = cache.iterdir()
    for content in ("{", '{"placement": 1}', '{"placement": {"kept_float": {"gone": "x"}, "measured": []}}'):
        file.write_text(content)
        asked = clock(0.5)
        quantize(square_model, data, recipe=RECIPE, calib=2)
        assert asked and "stem" in file.read_text()
