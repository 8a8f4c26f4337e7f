"""A workflow: a whole project as one TOML file, from fetching a model to the table of before and after.

name = "yolov4"
description = "..."
target = "openvino"             # whose float precisions are compared with the quantised model
recipe = "w8a8"
calib = 128                     # calibration images
images = 500                    # measured, the first of the data set
predict = 4                     # images drawn as each precision sees them

[[models]]                      # one or more
zoo = "yolov4"                  # see detquant zoo
file = "yolov4.cfg"             # in what was fetched, if that is a folder

[data]
zoo = ["coco-val2017", "coco-annotations-2017"]
images = "coco-val2017/val2017"
annotations = "coco-annotations-2017/annotations/instances_val2017.json"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detquant.errors import RecipeError
from detquant.recipes.toml_table import builtin_names, entry, list_of, load_table, only

FOLDER = "workflows"


@dataclass(frozen=True, slots=True, kw_only=True)
class ZooModel:
    """A model of the zoo, and the file to load of it; empty where it is the only one."""

    zoo: str
    file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZooData:
    """Entries of the zoo that are a data set together; paths in the folder that they are fetched into."""

    zoo: tuple[str, ...]
    images: str
    annotations: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A workflow: one project, from the models to the table of before and after.

    Attributes:
        name: short name.
        models: the models; each quantised one is compared with its own float model.
        data: the data set to calibrate with and to measure on.
        target: name of the target to run on.
        recipe: name of the recipe of the quantised models.
        calib: number of calibration images.
        images: number of images that are measured.
        predict: number of images that are drawn.
        description: one sentence about the project.
    """

    name: str
    models: tuple[ZooModel, ...]
    data: ZooData
    target: str
    recipe: str
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
        recipe=entry(str, table, "recipe", "w8a8", source),
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


def _model(table: Mapping[str, Any], where: str) -> ZooModel:
    only(table, {"zoo", "file"}, where)
    if "zoo" not in table:
        raise RecipeError(f"{where} has no entry of the zoo.")
    return ZooModel(zoo=entry(str, table, "zoo", "", where), file=entry(str, table, "file", "", where))


def _data(table: Mapping[str, Any], where: str) -> ZooData:
    keys = {"zoo", "images", "annotations"}
    only(table, keys, where)
    if missing := sorted(keys - set(table)):
        raise RecipeError(f"{where} has no '{missing[0]}'.")
    return ZooData(
        zoo=tuple(list_of(str, table, "zoo", [], where)),
        images=entry(str, table, "images", "", where),
        annotations=entry(str, table, "annotations", "", where),
    )
