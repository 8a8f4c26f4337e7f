"""Labels that cannot be learnt from are refused before the work, each with what to do."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from detquant.data import open_crops, open_dataset, open_scenes
from detquant.errors import CalibrationError, RecipeError
from detquant.pipeline.detector import load
from detquant.pipeline.evaluate import measurable
from detquant.pipeline.job import Job
from detquant.recipes import Recipe, Step, load_recipe
from detquant.targets import load_target

pytest.importorskip("torch", reason="the extra torch is not installed")

from detquant.algorithms.finetune.agreement import Agreement
from detquant.algorithms.finetune.known_labels import digest_of_labels, require_labels
from detquant.calibration import Images
from detquant.data.objects import Objects

LEARNS = Recipe(name="mine", rules=load_recipe("w4a4").rules, steps=(Step("refit"), Step("finetune", {"labels": True})))


@pytest.fixture(scope="module")
def detector():
    return load("yolov8-pico")


@pytest.fixture(scope="module")
def scenes(detector):
    return measurable(detector.family, open_scenes(calibration=4, validation=2))


def job(detector, dataset):
    """A job whose images would be looked at by its first step."""
    return Job(detector=detector, dataset=dataset, recipe=LEARNS, target=load_target("ort"))


def test_a_data_set_that_tells_no_boxes(detector, scenes):
    with pytest.raises(CalibrationError, match=r"the objects of none of the images to learn from are known: give a"):
        job(detector, replace(scenes, calibration_objects=None))
    told = replace(scenes.calibration_objects, read=lambda paths: {}, _found={})
    with pytest.raises(CalibrationError, match=r"are known \(looked for the scenes\): give a data set"):
        job(detector, replace(scenes, calibration_objects=told))
    empty = replace(scenes.calibration_objects, read=lambda paths: dict.fromkeys(paths, Objects.of([], [])), _found={})
    with pytest.raises(CalibrationError, match=r"the objects of none of the images to learn from are known"):
        job(detector, replace(scenes, calibration_objects=empty))
    assert job(detector, scenes).recipe is LEARNS


def test_what_a_data_set_has_no_class_for_would_be_unlearnt(detector, scenes):
    some = scenes.calibration_objects.with_numbers((0, None, 3, *[None] * 7))
    with pytest.raises(RecipeError, match=r"the data set labels 2 of the model's 10 classes: all others would be unl"):
        job(detector, replace(scenes, calibration_objects=some))


def test_a_detector_whose_loss_nobody_knows(detector, scenes):
    family = SimpleNamespace(name="nanodet", task="detect")
    with pytest.raises(RecipeError, match=r"a detector of the family nanodet, and a loss is known here of: yolov8"):
        require_labels(9, family, detector.model, scenes)


def test_a_detector_of_the_family_with_another_head(square_model, square_data):
    found = load(square_model)
    with pytest.raises(RecipeError, match=r"labels = true, and the graph does not decode its heads as that loss"):
        job(found, measurable(found.family, open_dataset(square_data())))


def test_a_classifier_without_labels():
    found = load("resnet-pico")
    crops = measurable(found.family, open_crops(calibration=2, validation=2))
    assert job(found, crops).recipe is LEARNS
    with pytest.raises(CalibrationError, match=r"the class of none of the images to learn from is known"):
        job(found, replace(crops, calibration_labels={}))


@pytest.mark.parametrize("overlap", [0, 4])
def test_images_that_are_measured_on_too_are_told(overlap):
    found = load("resnet-pico")
    crops = measurable(found.family, open_crops(calibration=2, validation=2))
    with replace(job(found, replace(crops, overlap=overlap)), calib=2).begun() as begun:
        said = [note.sentence for note in begun.model.notes]
    assert [sentence.startswith("labels: 4 images are measured on") for sentence in said] == [True] * bool(overlap)


def test_agreement_counts_objects_that_a_cell_says():
    boxes = np.array([[0, 0, 10, 10], [50, 50, 60, 60]], np.float32)
    scores = np.array([[0.9, 0.0], [0.05, 0.2]], np.float32)
    found = Agreement(SimpleNamespace(scores=lambda _: scores, boxes=lambda _: boxes))
    assert found.share == 1.0
    found.see({}, None)
    found.see({}, Objects.of([[0, 0, 10, 8], [0, 0, 10, 10], [51, 50, 60, 60], [50, 50, 60, 60]], [0, 1, 1, 0]))
    assert found.share == 0.5  # not what is of another class, nor what is said too softly


@pytest.mark.parametrize(
    ("boxes", "share"), [([[0, 0, 10, 10]], 0.5), ([], 0.0), ([[0, 0, 10, 10], [50, 50, 60, 60]], 1)]
)
def test_agreement_counts_what_the_model_is_sure_of_and_labels_leave_out(boxes, share):
    cells = np.array([[0, 0, 10, 10], [50, 50, 60, 60], [80, 80, 90, 90]], np.float32)
    scores = np.array([[0.9, 0.0], [0.7, 0.2], [0.4, 0.0]], np.float32)
    found = Agreement(SimpleNamespace(scores=lambda _: scores, boxes=lambda _: cells))
    found.see({}, Objects.of(boxes, [0] * len(boxes)))
    assert found.share == share


def test_other_labels_are_another_run():
    def images(*objects):
        return Images(lambda places: iter(()), range(len(objects)), objects=lambda places: objects)

    one, other = Objects.of([[0, 0, 1, 1]], [0]), Objects.of([[0, 0, 1, 1]], [1])
    digests = {digest_of_labels(images(*found)) for found in ((one, None), (None, one), (other, None), (one, one))}
    assert len(digests) == 4 and digest_of_labels(images(one, None)) in digests
