"""Widths that were chosen for single layers, on the embedded detector: from the plan to the file that runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detquant.algorithms import Damage, take_steps
from detquant.algorithms.replan import choices_so_far, with_choices
from detquant.data import open_dataset
from detquant.graph import OrtRunner
from detquant.graph.values import constant
from detquant.numerics import QType
from detquant.pipeline.detector import load
from detquant.pipeline.evaluate import run_over
from detquant.pipeline.job import Job
from detquant.recipes import load_recipe
from detquant.targets import load_target

LAYER = "/model.2/m.0/cv1/conv/Conv"


@pytest.fixture(scope="module")
def detector():
    return load("yolov8-pico")


@pytest.fixture(scope="module")
def scenes():
    return open_dataset("scenes", 0)


@pytest.fixture(scope="module")
def made(detector, scenes):
    recipe = replace(load_recipe("w8a8"), steps=())
    return Job(detector=detector, dataset=scenes, recipe=recipe, target=load_target("ort"), calib=4).run()


def with_bits(made, bits, layers):
    """The model with weights of so many bits in these layers."""
    begun = choices_so_far(made.model, layers, made.context)
    more = {
        name: replace(choice, weight=replace(choice.weight, qtype=QType(bits)), why=f"{bits} bits")
        for name, choice in begun.items()
    }
    return take_steps(with_choices(made.model, more, made.context), [], made.context)


def test_algorithms_can_go_through_the_calibration_images_again_and_again(made):
    images = made.context.images
    first, second = ([feed["images"] for feed in images] for _ in range(2))
    assert len(images) == len(first) == 4 and all(map(np.array_equal, first, second))
    assert all(any(np.array_equal(feed["images"], one) for one in first) for feed in images.informative)


def test_four_bits_for_one_convolution(made, detector, scenes):
    narrow = with_bits(made, 4, [LAYER])
    grid, before = narrow.weights[LAYER], made.model.weights
    assert (grid.qtype.qmin, grid.qtype.qmax) == (-8, 7)
    assert {name for name, one in narrow.weights.items() if one.qtype != before[name].qtype} == {LAYER}
    codes = constant(narrow.qdq().graph.node(LAYER).inputs[1].producer().inputs[0])
    assert codes.min() == -8 and codes.max() == 7 and codes.dtype == np.int8  # what a target stores is its own affair
    damage = Damage(detector.family, OrtRunner(made.model.reference).run, made.context.images.informative)
    costs = [
        damage(OrtRunner(one.qdq(), optimisation="none").run)
        for one in (made.model, narrow, with_bits(made, 2, [LAYER]), with_bits(made, 4, list(before)))
    ]
    assert costs[0] <= costs[1] + 0.01 and costs[1] < costs[2] < 0.5 and costs[1] < costs[3] < 0.5
    place = made.context.target
    runners = {name: place.open(place.lower(one.qdq()), 1) for name, one in (("8", made.model), ("4", narrow))}
    sides = run_over(detector.family, runners, scenes, limit=10).sides
    assert abs(sides["8"].accuracy.figures()["ap"] - sides["4"].accuracy.figures()["ap"]) < 5
