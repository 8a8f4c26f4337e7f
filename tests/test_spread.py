"""Who does the work changes nothing of what comes out."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import pytest

import detquant
from detquant.data import open_dataset
from detquant.pipeline.detector import load
from detquant.pipeline.job import Job
from detquant.recipes import load_recipe
from detquant.spread import processors, spread_over
from detquant.targets import load_target

STEPS = ("guard", "ranges")


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system does not say which processors are meant")
def test_processors_that_this_process_may_not_run_on_do_not_count(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 5, 6})
    assert processors() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert processors() == 8


@pytest.fixture
def squares(square_model, square_data):
    """A small detector, and nine images to calibrate on."""
    return square_model, square_data(images=9)


def quantised(squares, executor=None) -> bytes:
    recipe = load_recipe("w8a8")
    job = Job(
        detector=load(squares[0]),
        dataset=open_dataset(squares[1]),
        recipe=replace(recipe, steps=tuple(step for step in recipe.steps if step.name in STEPS)),
        target=load_target("ort"),
        calib=8,
        executor=executor,
    )
    return job.target.lower(job.run().model.qdq()).files["model.onnx"]


class Counting(ThreadPoolExecutor):
    """Threads that count what they are given."""

    given = 0

    def submit(self, *work, **named):
        self.given += 1
        return super().submit(*work, **named)


@pytest.mark.parametrize("workers", [1, 3])
def test_threads_of_the_caller(squares, workers):
    with Counting(workers) as executor:
        assert quantised(squares, executor) == quantised(squares)
        assert executor.given > 8
        assert executor.submit(int, "7").result() == 7  # still the caller's, and running


def test_an_executor_is_an_option_of_quantize(square_model, square_data):
    recipe = replace(load_recipe("w8a8"), steps=())
    with Counting(2) as executor:
        result = detquant.quantize(square_model, square_data(), recipe=recipe, calib=2, executor=executor)
        assert executor.given > 0
    alone = detquant.quantize(square_model, square_data(), recipe=recipe, calib=2)
    assert result.artefact.digest() == alone.artefact.digest()


def test_processes(squares):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        assert quantised(squares, executor) == quantised(squares)


def test_threads_of_its_own_end_with_the_work():
    with spread_over(None, 2) as own:
        assert list(own.map(abs, [-1, 2])) == [1, 2]
    with pytest.raises(RuntimeError):
        own.submit(abs, 1)
