"""A workflow: a whole project as one TOML file, from fetching a model to the table of before and after.

name = "yolov4"
description = "..."
target = "openvino"             # whose float precisions are compared with the quantised model
recipe = "w8a8"                 # or a list: ["w8a8", "w4a8"], each beside the same float model
calib = 128                     # calibration images
images = 500                    # measured, the first of the data set
predict = 4                     # images drawn as each precision sees them

[[models]]                      # one or more
zoo = "yolov4"                  # see detquant zoo
file = "yolov4.cfg"             # in what was fetched, if that is a folder
seeded = "ssd300"               # instead of `zoo`, or where that cannot be reached: a network with seeded weights

[data]
zoo = ["coco-val2017", "coco-annotations-2017"]
images = "coco-val2017/val2017"
annotations = "coco-annotations-2017/annotations/instances_val2017.json"    # none: agreement with the float model
embedded = "scenes"             # instead of these, or where they cannot be reached: the pictures of such a data set

Seeded weights (`detquant.architectures.seeded`) find nothing that is there, so what is told of them is how near the
quantised network stays to the float one, whatever is known of the images.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detquant.architectures import SEEDED
from detquant.data import EMBEDDED
from detquant.errors import RecipeError, unknown_name
from detquant.recipes.toml_table import builtin_names, entry, list_of, load_table, only

FOLDER = "workflows"


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedModel:
    """A model of a workflow.

    Attributes:
        zoo: entry of the zoo; empty where there is none.
        file: the file to load of it; empty where it is the only one.
        seeded: name of a network with seeded weights, where there is no entry or it cannot be reached; empty where
            nothing can stand in.
    """

    zoo: str = ""
    file: str = ""
    seeded: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedData:
    """A data set of a workflow; paths are in the folder that the zoo's entries are fetched into.

    Attributes:
        zoo: entries of the zoo that are it together.
        images: folder of the images.
        annotations: COCO json; empty where nothing is to be known of the images.
        embedded: name of an embedded data set whose images are taken where there are no entries or they cannot be
            reached; empty where none can stand in.
    """

    zoo: tuple[str, ...] = ()
    images: str = ""
    annotations: str = ""
    embedded: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A workflow: one project, from the models to the table of before and after.

    Attributes:
        name: short name.
        models: the models; each quantised one is compared with its own float model.
        data: the data set to calibrate with and to measure on.
        target: name of the target to run on.
        recipes: names of the recipes of the quantised models.
        calib: number of calibration images.
        images: number of images that are measured.
        predict: number of images that are drawn.
        description: one sentence about the project.
    """

    name: str
    models: tuple[WantedModel, ...]
    data: WantedData
    target: str
    recipes: tuple[str, ...]
    calib: int
    images: int
    predict: int
    description: str = ""


def builtin_workflows() -> tuple[str, ...]:
    """Names of the workflows that come with detquant."""
    return builtin_names(FOLDER)


def load_workflow(name: str) -> Workflow:
    """The workflow with a built-in name, or in a TOML file.

    Raises:
        RecipeError: no such workflow (the nearest name is given), or the file does not say one.
    """
    return _parse(load_table("workflow", name, FOLDER), name)


def _parse(table: Mapping[str, Any], source: str) -> Workflow:
    only(table, {"name", "description", "recipe", "target", "calib", "images", "predict", "models", "data"}, source)
    models = list_of(dict, table, "models", [], source)
    if not models or not entry(str, table, "target", "", source):
        raise RecipeError(f"{source} has no {'target' if models else '[[models]]'}: a workflow needs both.")
    return Workflow(
        name=entry(str, table, "name", Path(source).stem, source),
        description=entry(str, table, "description", "", source),
        target=entry(str, table, "target", "", source),
        recipes=_recipes(table, source),
        calib=_count(table, "calib", 128, source),
        images=_count(table, "images", 500, source),
        predict=_count(table, "predict", 4, source),
        models=tuple(_model(model, f"{source}, model {k}") for k, model in enumerate(models, 1)),
        data=_data(entry(dict, table, "data", {}, source), f"{source}, data"),
    )


def _count(table: Mapping[str, Any], key: str, default: int, where: str) -> int:
    found = entry(int, table, key, default, where)
    if found < 1:
        raise RecipeError(f"{where}: {key} = {found!r}, expected a number of at least 1.")
    return found


def _recipes(table: Mapping[str, Any], where: str) -> tuple[str, ...]:
    """The recipe, or the list of them."""
    if not isinstance(table.get("recipe", []), list):
        return (entry(str, table, "recipe", "", where),)
    found = list_of(str, table, "recipe", ["w8a8"], where)
    if not found:
        raise RecipeError(f"{where}: recipe = [], expected at least one.")
    return tuple(found)


def _model(table: Mapping[str, Any], where: str) -> WantedModel:
    keys = ("zoo", "file", "seeded")
    only(table, set(keys), where)
    found = WantedModel(**{key: entry(str, table, key, "", where) for key in keys})
    if not found.zoo and not found.seeded:
        raise RecipeError(f"{where} has no entry of the zoo, and no seeded network: give it 'zoo' or 'seeded'.")
    if found.seeded and found.seeded not in SEEDED:
        raise RecipeError(f"{where}: {unknown_name('seeded network', found.seeded, SEEDED)}")
    if found.file and not found.zoo:
        raise RecipeError(f"{where} has a 'file', but no entry of the zoo that it would be in.")
    return found


def _data(table: Mapping[str, Any], where: str) -> WantedData:
    only(table, {"zoo", "images", "annotations", "embedded"}, where)
    found = WantedData(
        zoo=tuple(list_of(str, table, "zoo", [], where)),
        **{key: entry(str, table, key, "", where) for key in ("images", "annotations", "embedded")},
    )
    if not found.zoo and not found.embedded:
        raise RecipeError(f"{where} has no 'zoo' and no 'embedded': a workflow needs images.")
    if found.embedded and found.embedded not in EMBEDDED:
        raise RecipeError(f"{where}: {unknown_name('embedded data set', found.embedded, EMBEDDED)}")
    if found.zoo and not found.images:
        raise RecipeError(f"{where} has no 'images'.")
    return found
