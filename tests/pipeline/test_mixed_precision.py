"""Losses of layers, and widths within a budget, from a model file to files again."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

import detquant
from detquant.cli import main
from detquant.errors import DatasetError, OptionError
from detquant.numerics import QType
from detquant.pipeline.losses import read_losses
from detquant.pipeline.mixed_precision import mixed_precision
from detquant.pipeline.quantize import quantize
from detquant.pipeline.sensitivity import sensitivity
from detquant.recipes import load_recipe

pytest.importorskip("scipy", reason="needs SciPy: pip install 'detquant[search]'")

PLAIN = replace(load_recipe("w8a8"), name="plain", steps=())
HERE = {"recipe": PLAIN, "calib": 2, "jobs": 1}


@pytest.fixture
def data(square_data):
    return square_data(images=4)


@pytest.fixture
def losing(square_model, data):
    return sensitivity(square_model, data, widths=(2, 4, 8), images=2, **HERE)


def test_losses_are_told_and_kept(losing, square_model, tmp_path):
    figures = losing.figures()
    assert figures["measure"] == "damage" and figures["images"] == 2 and figures["recipe"] == "plain"
    layers = {one["name"]: one for one in figures["layers"]}
    assert all(list(one["loss"]) == ["2", "4", "8"] for one in layers.values())
    assert all(loss >= 0 for one in layers.values() for loss in one["loss"].values())
    losing.save(tmp_path / "kept")
    back = read_losses(tmp_path / "kept")
    assert back.known == losing.losses.known and back.about == losing.losses.about
    assert (tmp_path / "kept" / "sensitivity.json").read_bytes() == losing.losses.content()


def test_an_interrupted_run_goes_on_where_it_was(losing, square_model, data, tmp_path):
    class Stop(Exception):
        pass

    def stop(what, done, total):
        if what == "sensitivity" and done >= total // 2:
            raise Stop

    with pytest.raises(Stop):
        sensitivity(square_model, data, widths=(2, 4, 8), images=2, work=tmp_path, progress=stop, **HERE)
    [file] = (tmp_path / ".calibration").glob("*-losses.json")
    begun = len(json.loads(file.read_text())["losses"])
    assert 0 < begun < len(losing.losses.known)
    steps = []
    again = sensitivity(
        square_model, data, widths=(2, 4, 8), images=2, work=tmp_path, progress=lambda *one: steps.append(one), **HERE
    )
    assert again.table == losing.table
    assert min(done for what, done, _ in steps if what == "sensitivity") > begun
    file.write_text("{")  # not whole: measured anew
    assert sensitivity(square_model, data, widths=(8,), images=2, work=tmp_path, **HERE).table.layers[
        0
    ].loss.keys() == {8}


def test_losses_of_accuracy_say_what_they_were_measured_on(square_model, data):
    found = sensitivity(square_model, data, widths=(2, 8), measure="accuracy", val_limit=2, **HERE)
    assert found.table.measure == "accuracy" and found.table.images == 2
    assert all(-1 <= loss <= 1 for one in found.table.layers for loss in one.loss.values())
    assert "2 validation images" in found.notes[0]


def test_accuracy_needs_labels(square_model, data):
    images = data.parent / "images" / "val"
    with pytest.raises(DatasetError, match="take the measure 'damage'"):
        sensitivity(square_model, images, measure="accuracy", **HERE)


@pytest.mark.parametrize("widths", [(1,), (4, 17)])
def test_widths_that_are_none(square_model, data, widths):
    with pytest.raises(OptionError, match=f"2 to 16 bits, and {widths[-1]} is asked for"):
        sensitivity(square_model, data, widths=widths, **HERE)


def test_a_mixed_recipe_is_one_that_quantize_takes(losing, square_model, data, tmp_path):
    losing.save(tmp_path / "kept")
    found = mixed_precision(square_model, data, budget="4.5bits", sensitivity=tmp_path / "kept", **HERE)
    assert found.assignment.mean_bits <= 4.5
    found.save(tmp_path / "mixed")
    file = tmp_path / "mixed" / "recipe.toml"
    assert detquant.load_recipe(file) == found.recipe and found.recipe.name == "plain-mixed"
    result = quantize(square_model, data, recipe=file, calib=2, val_limit=2)
    given = {one.name: one.bits for one in found.assignment.given}
    assert {name: grid.qtype.bits for name, grid in result.model.weights.items()} == given
    assert found.figures()["spent"] and [one.name for one in found.widths.given] == list(given)


def test_quantize_within_a_mean_width(square_model, data):
    result = quantize(square_model, data, budget="5bits", val_limit=2, **HERE)
    weights = {one.name: one.weights for one in result.report.widths.given}
    bits = {name: grid.qtype.bits for name, grid in result.model.weights.items()}
    assert sum(weights[name] * bits[name] for name in bits) / sum(weights.values()) <= 5
    assert any(
        note.step == "mixed_precision" and "budget of 5bits" in note.sentence for note in result.report.subject.notes
    )
    again = quantize(square_model, data, recipe=result.recipe, calib=2, val_limit=2)
    assert {name: grid.qtype.bits for name, grid in again.model.weights.items()} == bits


@pytest.mark.parametrize("kind", ["", " zip"])
def test_quantize_within_bytes(square_model, data, kind):
    def size(artefact):
        return artefact.zipped_bytes() if kind else artefact.size_bytes

    wide, narrow = (quantize(square_model, data, recipe=at(bits), calib=2, val_limit=1) for bits in (8, 4))
    aim = (size(wide.artefact) + size(narrow.artefact)) // 2
    result = quantize(square_model, data, budget=f"{aim}B{kind}", val_limit=1, **HERE)
    assert size(narrow.artefact) * 0.9 < size(result.artefact) <= aim


def at(bits):
    rules = (replace(rule, weight=replace(rule.weight, qtype=QType(bits))) for rule in PLAIN.rules)
    return replace(PLAIN, rules=tuple(rules))


def test_a_later_step_works_on_the_widths(square_model, data):
    recipe = replace(PLAIN, steps=tuple(one for one in load_recipe("w8a8").steps if one.name == "bias_correction"))
    result = quantize(square_model, data, recipe=recipe, budget="4bits", calib=2, val_limit=1, jobs=1)
    assert [note.step for note in result.report.subject.notes if note.stage] == ["mixed_precision", "bias_correction"]


def test_what_cannot_be_is_said_before_the_work(square_model, data, losing, tmp_path):
    with pytest.raises(OptionError, match="expected a mean width"):
        quantize(square_model, data, budget="5", **HERE)
    with pytest.raises(OptionError, match="takes no budget"):
        quantize(square_model, data, budget="5bits", engine="nncf")
    with pytest.raises(OptionError, match="are of searches: give a budget or max_drop"):
        quantize(square_model, data, **HERE)
    with pytest.raises(OptionError, match="Recipe 'fp16' is all in float"):
        quantize(square_model, data, recipe="fp16", budget="5bits")
    with pytest.raises(OptionError, match="give one of them"):
        quantize(square_model, data, budget="5bits", max_drop=1, **HERE)
    with pytest.raises(OptionError, match="Cannot read the sensitivities"):
        quantize(square_model, data, budget="5bits", sensitivity=tmp_path / "nothing", **HERE)
    other = replace(losing.losses.about, model_sha256="0" * 64)
    replace(losing, losses=replace(losing.losses, about=other)).save(tmp_path / "other")
    with pytest.raises(OptionError, match="another file than this"):
        quantize(square_model, data, budget="5bits", sensitivity=tmp_path / "other", **HERE)
    with pytest.raises(OptionError, match=r"for ort, and this is openvino"):
        losing.save(tmp_path / "kept")
        quantize(square_model, data, budget="5bits", target="openvino", sensitivity=tmp_path / "kept", **HERE)
    (tmp_path / "no.json").write_text('{"about": 3}')
    with pytest.raises(OptionError, match="holds no sensitivities"):
        mixed_precision(square_model, data, sensitivity=tmp_path / "no.json", **HERE)


def test_a_budget_below_what_is_possible(square_model, data):
    with pytest.raises(OptionError, match=r"smallest that is possible is 2bits"):
        quantize(square_model, data, budget="1.5bits", **HERE)


def test_latency_is_no_budget_where_widths_change_none(square_model, data):
    with pytest.raises(OptionError, match=r"On ort widths do not change the time of an image: \d.* ms"):
        quantize(square_model, data, budget="12ms", **HERE)
    with pytest.raises(OptionError, match=r"On pytorch no latency can be measured"):
        quantize(square_model, data, budget="12ms", target="pytorch", **HERE)


def test_the_commands(square_model, data, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    recipe = tmp_path / "mine.toml"
    recipe.write_text(
        '[[rules]]\nweight = { qtype = "int8", granularity = "per_axis" }\nactivation = { qtype = "uint8" }\n'
    )
    common = [str(square_model), "--data", str(data), "--recipe", str(recipe), "--calib", "2"]
    assert main(["sensitivity", *common, "--jobs", "1", "--images", "1", "--widths", "4", "8", "--out", "losses"]) == 0
    assert "when one weight alone is rounded" in capsys.readouterr().out
    assert main(["sensitivity", *common, "--jobs", "1", "--images", "1", "--widths", "4", "8", "--out", "losses"]) == 0
    search = ["mixed-precision", *common, "--budget", "6bits", "--sensitivity", "losses", "--json", "figures.json"]
    assert main(search) == 0
    out = capsys.readouterr().out
    assert "Widths chosen for a budget of 6bits" in out and "recipe.toml" in out
    assert json.loads((tmp_path / "figures.json").read_text())["mean_bits"] <= 6
    [folder] = [one for one in tmp_path.iterdir() if one.name.endswith("-mixed")]
    again = [
        "quantize",
        str(square_model),
        "--data",
        str(data),
        "--recipe",
        str(folder / "recipe.toml"),
        "--calib",
        "2",
    ]
    assert main([*again, "--val-limit", "1", "--out", "made"]) == 0
    capsys.readouterr()
    within = [
        "quantize",
        *common,
        "--budget",
        "6bits",
        "--sensitivity",
        "losses",
        "--val-limit",
        "1",
        "--out",
        "within",
    ]
    assert main(within) == 0
    assert "mixed precision: of the budget of 6bits" in capsys.readouterr().out
    assert {"model.onnx", "recipe.toml", "report.md"} <= {one.name for one in (tmp_path / "within").iterdir()}
    assert "Widths chosen for a budget of 6bits" in (tmp_path / "within" / "report.md").read_text()
    assert main([*within[:-1], "small", "--budget", "1.5bits"]) == 2


def test_a_classifier_too():
    found = sensitivity("resnet-pico", "crops", recipe=PLAIN, widths=(2, 8), activations=(), images=1, calib=2, jobs=1)
    assert sum(one.loss[2] for one in found.table.layers) > 4 * sum(one.loss[8] for one in found.table.layers) > 0


def test_weights_alone(square_model, data):
    result = quantize(square_model, data, recipe="w8", target="opencv", budget="4.5bits", calib=2, jobs=1, val_limit=1)
    bits = {name: grid.qtype.bits for name, grid in result.model.weights.items()}
    assert set(bits.values()) != {8} and not result.model.activations
