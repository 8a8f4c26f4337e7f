from __future__ import annotations

import pytest

from detquant.architectures import SEEDED
from detquant.errors import RecipeError
from detquant.recipes import load_recipe
from detquant.recipes.workflow import builtin_workflows, load_workflow
from detquant.targets import load_target
from detquant.zoo import find

WHOLE = """
target = "opencv"
[[models]]
zoo = "yolox-nano"
[data]
zoo = ["coco-val2017"]
images = "coco-val2017/val2017"
annotations = "a.json"
"""


@pytest.fixture
def load(tmp_path):
    """load(text): the workflow of a file of this text."""

    def read(text):
        path = tmp_path / "mine.toml"
        path.write_text(text)
        return load_workflow(str(path))

    return read


def test_the_older_projects_come_with_detquant():
    assert set(builtin_workflows()) == {"distiller", "opencv-zoo", "ssd-mobilenet-v1", "ssd300", "yolov4"}


@pytest.mark.parametrize("name", builtin_workflows())
def test_what_a_built_in_workflow_names_is_there(name):
    found = load_workflow(name)
    assert found.name == name and found.description
    assert found.recipes and all(load_recipe(recipe).name for recipe in found.recipes)
    load_target(found.target).require_integers()
    for model in found.models:
        assert not model.zoo or find(model.zoo).kind != "data set"
        assert not model.seeded or model.seeded in SEEDED
    assert all(find(one).kind == "data set" for one in found.data.zoo)


def test_what_a_file_leaves_out_has_defaults(load):
    found = load(WHOLE)
    assert (found.name, found.recipes, found.calib, found.images, found.predict) == ("mine", ("w8a8",), 128, 500, 4)
    assert found.models[0].zoo == "yolox-nano" and found.data.zoo == ("coco-val2017",)


def test_several_recipes_are_a_list_and_one_a_text(load):
    assert load("recipe = ['w8a8', 'mine.toml']" + WHOLE).recipes == ("w8a8", "mine.toml")
    assert load("recipe = 'dynamic'" + WHOLE).recipes == ("dynamic",)


def test_seeded_networks_and_embedded_images_need_no_zoo(load):
    found = load("target = 'ort'\n[[models]]\nseeded = 'resnet-50'\n[data]\nembedded = 'crops'")
    assert found.models[0].seeded == "resnet-50" and not found.models[0].zoo
    assert found.data.embedded == "crops" and not found.data.zoo


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (WHOLE.replace("target", "targets"), "Unknown key 'targets': did you mean 'target'"),
        (WHOLE.replace('target = "opencv"', ""), "has no target"),
        (WHOLE.replace("[[models]]", "[models]"), "models = .*expected a list"),
        (WHOLE.replace('zoo = "yolox-nano"', 'file = "x"'), "model 1 has no entry of the zoo"),
        (
            WHOLE.replace('zoo = "yolox-nano"', 'seeded = "resnet18"'),
            "Unknown seeded network .*'resnet-18'",
        ),
        (WHOLE.replace('zoo = "yolox-nano"', 'seeded = "ssd300"\nfile = "x"'), "model 1 has a 'file', but no entry"),
        (WHOLE.replace('images = "coco-val2017/val2017"', ""), "data has no 'images'"),
        (WHOLE.replace('images = "coco-val2017/val2017"', 'embedded = "scene"'), "did you mean 'scenes'"),
        (WHOLE.replace('zoo = ["coco-val2017"]', ""), "data has no 'zoo' and no 'embedded'"),
        ("recipe = []" + WHOLE, r"recipe = \[\], expected at least one"),
        ("recipe = [8]" + WHOLE, r"recipe = \[8\], expected a list, each item text"),
        ("recipe = 8" + WHOLE, "recipe = 8, expected text"),
        ("calib = 0" + WHOLE, "calib = 0, expected a number of at least 1"),
        ("calib = true" + WHOLE, "calib = True, expected a whole number"),
        ("calib = '4'" + WHOLE, "calib = '4', expected a whole number"),
        ("[", "is not valid TOML"),
    ],
)
def test_what_is_wrong_is_named(load, text, why):
    with pytest.raises(RecipeError, match=why):
        load(text)


def test_an_unknown_workflow_has_a_neighbour():
    with pytest.raises(RecipeError, match="Unknown workflow 'yolo4': did you mean 'yolov4'"):
        load_workflow("yolo4")
