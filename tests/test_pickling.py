"""What an executor of processes is given goes there and comes back the same."""

from __future__ import annotations

import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

from detquant.graph import OrtRunner
from detquant.graph.running import as_bytes
from detquant.pipeline.detector import Detector, load
from detquant.recipes import builtin_recipes, load_recipe
from detquant.targets import TARGETS, load_target


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load("yolov8-pico")


def there_and_back(thing):
    return pickle.loads(pickle.dumps(thing))


def outputs_of(detector: Detector) -> list[np.ndarray]:
    shape = (1, 3, detector.family.height, detector.family.width)
    image = np.random.default_rng(0).random(shape, dtype=np.float32)
    return list(OrtRunner(detector.model).run({detector.family.input_name: image}).values())


def test_a_detector(detector):
    back = there_and_back(detector)
    assert as_bytes(back.model) == as_bytes(detector.model)
    assert as_bytes(back.imported.model) == as_bytes(detector.imported.model)
    assert back.family.classes == detector.family.classes and back.ends == detector.ends


def test_a_graph_as_long_as_they_come(detector):
    long = detector.model.clone()
    assert len(list(long.graph)) > 200
    assert as_bytes(there_and_back(long)) == as_bytes(long)


@pytest.mark.parametrize("name", TARGETS)
def test_targets(name):
    back = there_and_back(load_target(name))
    assert back.name == name and back.capability == load_target(name).capability


@pytest.mark.parametrize("name", builtin_recipes())
def test_recipes(name):
    assert there_and_back(load_recipe(name)) == load_recipe(name)


def test_what_knows_the_outputs_of_any_family(square_model):
    family = load(square_model).family
    back = there_and_back(family)
    outputs = {"output0": np.random.default_rng(0).random((1, 4 + family.num_classes, 21), dtype=np.float32)}
    np.testing.assert_array_equal(back.scores(outputs), family.scores(outputs))
    np.testing.assert_array_equal(back.boxes(outputs), family.boxes(outputs))


def test_a_detector_in_another_process(detector):
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as elsewhere:
        found = elsewhere.submit(outputs_of, detector).result()
    for theirs, ours in zip(found, outputs_of(detector), strict=True):
        np.testing.assert_array_equal(theirs, ours)
