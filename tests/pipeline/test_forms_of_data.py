"""The embedded detector on 40 scenes whose annotations are written otherwise: the same AP, and it is said why."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from detquant.data import Dataset, export_scenes, open_dataset
from detquant.pipeline.detector import load
from detquant.pipeline.evaluate import Evaluation, evaluate

AP = 57.11


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_scenes(tmp_path_factory.mktemp("scenes") / "ds", images=1, validation=40).parent


@pytest.fixture(scope="module")
def annotations(scenes: Path) -> str:
    """The scenes' annotations as text."""
    return (scenes / "annotations" / "instances_val.json").read_text()


@pytest.fixture(scope="module")
def measured() -> Callable[[Dataset], Evaluation]:
    detector = load(Path("yolov8-pico"))
    return lambda dataset: evaluate(detector, dataset)


def beside(scenes: Path, name: str, content: dict[str, Any]) -> Path:
    """An annotation file among its images."""
    path = scenes / "images" / "val" / name
    path.write_text(json.dumps(content))
    return path


def corners_of_the_alphabet(content: dict[str, Any]) -> None:
    """Categories by their names with a root before them, boxes as corners, images as words without a size."""
    ordered = sorted(content["categories"], key=lambda one: one["name"])
    ids = {one["id"]: place for place, one in enumerate(ordered, start=1)}
    for one in content["annotations"]:
        x, y, w, h = one["bbox"]
        one |= {"bbox": [x, y, x + w, y + h], "category_id": ids[one["category_id"]], "image_id": f"a{one['image_id']}"}
    content["images"] = [{"id": f"a{one['id']}", "file_name": one["file_name"]} for one in content["images"]]
    content["categories"] = [{"id": 0, "name": "all", "supercategory": "none"}] + [
        {"id": ids[one["id"]], "name": one["name"].upper(), "supercategory": "all"} for one in ordered
    ]


def test_ap_of_annotations_written_otherwise(
    scenes: Path, annotations: str, measured: Callable[[Dataset], Evaluation]
) -> None:
    content = json.loads(annotations)
    corners_of_the_alphabet(content)
    found = measured(open_dataset(beside(scenes, "other.json", content)))
    assert found.accuracy is not None and found.accuracy.ap == pytest.approx(AP, abs=0.01)
    said = " ".join((*found.notes, *found.warnings))
    for words in ("x1 y1 x2 y2", "10 classes are paired by name", "'all'", "ids of other.json are words"):
        assert words in said


def test_ap_of_labels_whose_yaml_has_another_order(
    scenes: Path, annotations: str, measured: Callable[[Dataset], Evaluation]
) -> None:
    assert annotations  # are read before their file is taken away
    sound = open_dataset(scenes / "data.yaml")
    assert sound.classes is not None
    names = sorted(sound.classes)
    for label in (scenes / "labels" / "val").iterdir():
        lines = [line.split(" ", 1) for line in label.read_text().splitlines()]
        numbered = [f"{names.index(sound.classes[int(number)])} {box} 0.1 0.1" for number, box in lines]
        label.write_text("\n".join(numbered))
    (scenes / "annotations" / "instances_val.json").unlink()  # the labels are to be read
    keys = "".join(f"  '{place}': {name}\n" for place, name in enumerate(names))
    (scenes / "other.yaml").write_text(f"train: images\\train\nval: images\\val\nkpt_shape: [1, 2]\nnames:\n{keys}")
    found = measured(open_dataset(scenes / "other.yaml"))
    assert found.accuracy is not None and found.accuracy.ap == pytest.approx(AP, abs=0.01)
    assert any("have another number in other.yaml than in the model" in note for note in found.notes)


def test_ap_of_a_few_classes_is_theirs(
    scenes: Path, annotations: str, measured: Callable[[Dataset], Evaluation]
) -> None:
    content = json.loads(annotations)
    few = {one["id"]: one["name"] for one in content["categories"][3:5]}
    whole = measured(open_dataset(beside(scenes, "whole.json", content)))
    content["categories"] = [{"id": one, "name": name} for one, name in few.items()] + [{"id": 77, "name": "unicorn"}]
    content["annotations"] = [one for one in content["annotations"] if one["category_id"] in few]
    content["annotations"].append({**content["annotations"][0], "category_id": 77})
    found = measured(open_dataset(beside(scenes, "few.json", content)))
    assert found.accuracy is not None and whole.accuracy is not None
    assert found.accuracy.per_class == {name: whole.accuracy.per_class[name] for name in few.values()}
    assert found.accuracy.ap == pytest.approx(sum(found.accuracy.per_class.values()) / 2)
    assert any(
        "1 objects of 1 classes of few.json that the model does not have (unicorn)" in one for one in found.warnings
    )
    assert any("8 of the model's 10 are not in few.json and are not measured" in note for note in found.notes)
