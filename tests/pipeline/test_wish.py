from __future__ import annotations

import pytest

from detquant.data import open_scenes
from detquant.errors import TargetError
from detquant.pipeline.detector import load
from detquant.pipeline.job import Job
from detquant.pipeline.wish import integer_place
from detquant.recipes import load_recipe
from detquant.targets import load_target


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
