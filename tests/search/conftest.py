"""The embedded detector, calibrated, as searches are given it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from detquant.data.scenes import open_scenes
from detquant.pipeline.detector import load
from detquant.pipeline.job import Job
from detquant.recipes import load_recipe
from detquant.targets import load_target


def plain_job(target="ort", **more):
    """Rounded, and nothing more: no clock decides anything."""
    recipe = replace(load_recipe("w8a8"), steps=(), name="plain")
    dataset = open_scenes(calibration=2, validation=4)
    return Job(
        detector=load("yolov8-pico"), dataset=dataset, recipe=recipe, target=load_target(target), looks=True, **more
    )


@pytest.fixture(scope="session")
def job():
    return plain_job()


@pytest.fixture(scope="session")
def begun(job):
    with job.begun() as begun:
        yield begun


@pytest.fixture(scope="session")
def torch_begun():
    """The same for a place that takes activations of many widths."""
    job = plain_job("pytorch")
    with job.begun() as begun:
        yield job, begun
