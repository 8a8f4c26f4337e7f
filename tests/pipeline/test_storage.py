from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from detquant.data.scenes import open_scenes
from detquant.numerics import QType, QuantParams
from detquant.pipeline.detector import load
from detquant.pipeline.job import Job
from detquant.pipeline.storage import said_of_storage
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


def test_two_bits_reach_the_file_where_the_runtime_reads_them():
    sizes = {}
    for bits in (2, 8):
        job, qm = made("ort", bits)
        sizes[bits] = job.target.lower(qm.qdq()).size_bytes
        assert said(qm) == []
    assert sizes[2] < 0.45 * sizes[8]


def test_what_takes_more_than_its_width_is_said():
    [sentence] = said(made("opencv", 4)[1])
    assert sentence.startswith("Weights of 4 bits take 8 in files for opencv, which hold none narrower")


@pytest.mark.parametrize(
    ("target", "takes"),
    [
        ("ort", {2: 2, 3: 4, 4: 4, 5: 8, 8: 8}),
        ("openvino", {2: 4, 4: 4, 5: 8}),
        ("ort-qoperator", {2: 8, 4: 8, 8: 8}),
    ],
)
def test_each_width_takes_what_the_files_hold(target, takes):
    for bits, stored in takes.items():
        grid = QuantParams(QType(bits), np.ones(1, np.float32), np.zeros(1, np.int64))
        found = said_of_storage(SimpleNamespace(allowed={}, weights={"one": grid}), load_target(target).capability)
        assert [one.split(" in files")[0] for one in found] == [f"Weights of {bits} bits take {stored}"] * (
            stored > bits
        )
