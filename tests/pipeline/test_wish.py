"""What is wrong with a recipe's steps and observers, or a place, is said before anything else is done."""

from __future__ import annotations

import pytest

from detquant.cli import main
from detquant.data import open_scenes
from detquant.errors import TargetError
from detquant.pipeline.detector import load
from detquant.pipeline.job import Job
from detquant.pipeline.wish import integer_place
from detquant.recipes import load_recipe
from detquant.targets import load_target

RULES = '[[rules]]\nweight = { qtype = "int8" }\nactivation = { qtype = "uint8" }\n'
CASES = {
    '[[steps]]\nname = "guard"\noptions = { rounds = 0.5 }': "Step 'guard': rounds = 0.5, expected a whole number",
    '[[steps]]\nname = "guard"\noptions = { tolerance = nan }': "Step 'guard': tolerance = nan, expected a number",
    '[[steps]]\nname = "guard"\noptions = { guilty = 0.1 }': "option 'guilty': did you mean 'tensor_tolerance'?",
    '[[steps]]\nname = "guard"\noptions = { rouds = 1 }': "Step 'guard': Unknown option 'rouds': did you mean 'rounds'",
    '[[steps]]\nname = "gard"': "Unknown algorithm 'gard': did you mean 'guard'?",
    '[[steps]]\nname = "bias_correction"\n[[steps]]\nname = "guard"': "steps in the order guard, bias_correction",
    '[[rules]]\nactivation = { qtype = "uint8", symmetric = false, observer = "mes" }': "'mes': did you mean 'mse'",
    '[[rules]]\nweight = { qtype = "int8", observer = "tails" }': "Unknown weight observer 'tails'",
    '[[rules]]\nweight = { qtype = "int8", observer = "dynamic" }': "Unknown weight observer 'dynamic'",
    '[[steps]]\nname = "bias_correction"\noptions = { mode = ["fast"] }': "expected 'fast' or 'full'",
}


@pytest.mark.parametrize(("steps", "words"), CASES.items())
@pytest.mark.parametrize("command", ["quantize", "inspect", "choose", "plan"])
def test_a_recipe_that_cannot_be_followed(command, steps, words, square_model, square_data, tmp_path, capsys):
    recipe = tmp_path / "mine.toml"
    recipe.write_text(f"{RULES}\n{steps}\n", encoding="utf-8")
    given = {"quantize": ["--out", str(tmp_path / "out")], "choose": [], "inspect": [], "plan": []}[command]
    data = ["--data", str(square_data(images=1))] if command in ("quantize", "choose") else []
    assert main([command, str(square_model), *data, *given, "--recipe", str(recipe)]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert words in told and "Traceback" not in told and not (tmp_path / "out").exists()


def test_a_place_that_takes_integers():
    assert integer_place("ort").name == "ort"
    place = load_target("openvino")
    assert integer_place(place) is place


def test_a_place_that_takes_none_says_what_it_takes():
    for oak in ("oak", load_target("oak")):
        with pytest.raises(TargetError, match=r"Target oak takes no INT8 model: .* detquant export MODEL --target oak"):
            integer_place(oak)


def test_no_job_starts_for_a_place_that_takes_none(square_model):
    scenes = open_scenes(calibration=1, validation=1)
    with pytest.raises(TargetError, match="Target oak takes no INT8 model"):
        Job(detector=load(square_model), dataset=scenes, recipe=load_recipe("w8a8"), target=load_target("oak"))
