from __future__ import annotations

from dataclasses import replace

import pytest

from detquant.data.scenes import open_scenes
from detquant.numerics import QType
from detquant.pipeline.detector import load
from detquant.pipeline.job import Job
from detquant.recipes import load_recipe
from detquant.targets import load_target


def recipe(bits: int):
    found = load_recipe("w8a8")
    rules = tuple(
        replace(rule, weight=replace(rule.weight, qtype=QType(bits))) if rule.weight else rule for rule in found.rules
    )
    return replace(found, name=f"w{bits}", rules=rules, steps=())


def made(target: str, bits: int):
    job = Job(
        detector=load("yolov8-pico"),
        dataset=open_scenes(calibration=4, validation=1),
        recipe=recipe(bits),
        target=load_target(target),
        calib=4,
    )
    return job, job.run().model


def said(qm) -> list[str]:
    return [note.sentence for note in qm.notes if note.step == "storage"]


def test_four_bits_reach_the_file_where_the_runtime_reads_them():
    sizes = {}
    for bits in (4, 8):
        job, qm = made("ort", bits)
        sizes[bits] = job.target.lower(qm.qdq()).size_bytes
        assert said(qm) == []
    assert sizes[4] < 0.72 * sizes[8]


@pytest.mark.parametrize(
    ("target", "bits", "expected"),
    [
        ("opencv", 4, "Weights of 4 bits take 8 in files for opencv, which hold none narrower"),
        ("ort", 3, "Weights of 3 bits take 4 in files for ort"),
        ("ort", 5, "Weights of 5 bits take 8 in files for ort"),
    ],
)
def test_what_takes_more_than_its_width_is_said(target, bits, expected):
    [sentence] = said(made(target, bits)[1])
    assert sentence.startswith(expected)
