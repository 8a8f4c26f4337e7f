"""What a report shows besides its figures, on the detector of white squares and on the embedded models."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from detquant.data import open_dataset
from detquant.evaluation.changes import Fate
from detquant.pipeline.compare import compare
from detquant.pipeline.detector import load
from detquant.pipeline.entries import FLOAT, own_file, quantized_entry
from detquant.pipeline.evidence_of import evidence_of
from detquant.pipeline.job import Job
from detquant.recipes import load_recipe
from detquant.targets import load_target

PLACE = load_target("ort")
WHOLE = replace(load_recipe("w8a8"), steps=())
NAME = "ort w8a8"


class Weak:
    """A model whose scores are a quarter of what they were, and which sees nothing at the right."""

    def __init__(self, runner):
        self.runner = runner

    def run(self, feeds):
        [(name, output)] = self.runner.run(feeds).items()
        output = output.copy()
        output[:, 4:] *= 0.2
        output[:, 4:, output[0, 0] > 40] = 0
        return {name: output}


@pytest.fixture
def setting(square_model, square_data):
    """setting(labelled, weak): what `evidence_of` takes."""

    def make(labelled=True, weak=False, images=8):
        detector, path = load(square_model), square_data(images=images)
        dataset = open_dataset(path if labelled else path.parent / "images/val")
        job = Job(detector=detector, dataset=dataset, recipe=WHOLE, target=PLACE, calib=2)
        made = quantized_entry(job, 1)
        if weak:
            made = replace(made, runner=Weak(made.runner), qdq=None)
        return detector, dataset, compare([own_file(detector, PLACE, 1), made], detector.family, dataset)

    return make


def test_where_nothing_has_changed_there_is_nothing_to_show(setting):
    evidence, pictures = evidence_of(*setting(), NAME)
    assert not evidence.seen and not pictures and evidence.changed == 0
    assert evidence.row == NAME and evidence.thresholds.labelled and evidence.shown_at[0] == 0.25
    assert evidence.interval is None  # eight images are too few
    [person] = [part for part in evidence.parts if part.kind == "class"]
    assert (person.name, person.objects, person.missed_before, person.missed_after) == ("person", 16, 0, 0)
    assert person.before == person.after == pytest.approx(100)


def test_what_is_lost_is_seen(setting):
    evidence, pictures = evidence_of(*setting(weak=True), NAME, "run/")
    chosen = evidence.thresholds
    assert chosen.after_at_asked.boxes == 0 and chosen.proposed is None and "50.0 %" in chosen.why
    assert evidence.changed == len(evidence.seen) == 8 and evidence.shown_at == (0.25, 0.25)
    for place, one in enumerate(evidence.seen):
        assert one.file == f"run/pictures/{place:02d}.jpg" and one.objects == 2
        assert [box.fate for box in one.before] == [Fate.LOST] * 2 and not one.after and one.change == 1
        shown = cv2.imdecode(np.frombuffer(pictures[one.file], np.uint8), cv2.IMREAD_COLOR)
        assert shown.shape == (one.height, one.width, 3) and {one.height, one.width} == {96}
        original = cv2.imread(one.image)
        assert np.abs(shown.astype(int) - original).mean() < 6  # nothing is drawn on it
    [person] = [part for part in evidence.parts if part.kind == "class"]
    assert person.missed_after == 16 and person.after < person.before


def test_no_more_pictures_than_a_report_can_hold(setting):
    evidence, pictures = evidence_of(*setting(weak=True, images=20), NAME)
    assert evidence.changed == 20 and len(evidence.seen) == len(pictures) == 12


def test_without_labels_boxes_are_compared(setting):
    evidence, _ = evidence_of(*setting(labelled=False, weak=True), NAME)
    assert not evidence.thresholds.labelled and evidence.parts == () and evidence.interval is evidence.usual is None
    assert len(evidence.seen) == 8 and all(one.objects is None for one in evidence.seen)


def test_an_image_that_is_gone_by_now_is_left_out(setting):
    detector, dataset, found = setting(weak=True)
    dataset.validation[0].unlink()
    evidence, pictures = evidence_of(detector, dataset, found, NAME)
    assert evidence.changed == 8 and len(evidence.seen) == 7
    assert [one.file for one in evidence.seen] == list(pictures)


def test_a_classifier_has_guesses_and_no_threshold():
    detector, dataset = load("resnet-pico"), open_dataset("crops")
    dataset = replace(dataset, validation=dataset.validation[:60], labels=dataset.labels[:60])
    job = Job(detector=detector, dataset=dataset, recipe=replace(load_recipe("w3a8"), steps=()), target=PLACE, calib=2)
    entries = [own_file(detector, PLACE, 1), quantized_entry(job, 1)]
    found = compare([entries[0], replace(entries[1], qdq=None)], detector.family, dataset)
    name = entries[1].name
    evidence, pictures = evidence_of(detector, dataset, found, name)
    assert found.judge is None and evidence.thresholds is None and evidence.shown_at == ()
    before, after = (row.value("top1") for row in found.rows)
    assert evidence.interval.drop == before - after and evidence.interval.low <= before - after
    assert sum(part.objects for part in evidence.parts) == 60
    wrong = sum(part.missed_after for part in evidence.parts)
    assert wrong == round(60 * (100 - after) / 100) and {part.kind for part in evidence.parts} == {"class"}
    assert len(pictures) == len(evidence.seen) == min(12, evidence.changed) and evidence.changed
    guesses = {one.image: (one.before[0].class_id, one.after[0].class_id) for one in evidence.seen}
    assert all(a != b for a, b in guesses.values()) and found.rows[0].name == FLOAT
