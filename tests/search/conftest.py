"""The embedded classifier, calibrated, as searches are given it: it has a third of the embedded detector's layers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from detquant.data import open_dataset
from detquant.pipeline.detector import load
from detquant.pipeline.job import Job
from detquant.recipes import load_recipe
from detquant.targets import load_target


def plain_job(target="ort", **more):
    """Rounded, and nothing more: no clock decides anything."""
    recipe = replace(load_recipe("w8a8"), steps=(), name="plain")
    place, images = load_target(target), open_dataset("crops", 0)
    return Job(detector=load("resnet-pico"), dataset=images, recipe=recipe, target=place, calib=2, looks=True, **more)


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
