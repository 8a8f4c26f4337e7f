"""The table of thresholds: found on some scenes, told on others, and a row that says why there is none."""

from __future__ import annotations

import numpy as np
import threshold
from threshold import FLOAT, HEADER, chance, judged, rows

from detquant.data import open_scenes
from detquant.evaluation.found import Found
from detquant.families import Detections

SCENES = 40


def found_by(scores: dict[str, float], seed: int = 0) -> dict[str, Found]:
    """Models that find each object with a score that is thrown, times a factor of their own."""
    known = open_scenes(0, validation=SCENES).ground_truth
    assert known is not None
    rng, images = np.random.default_rng(seed), {name: list[Detections]() for name in scores}
    for image in known["images"]:
        own = [one for one in known["annotations"] if one["image_id"] == image["id"]]
        xyxy = np.array([one["bbox"] for one in own], np.float32).reshape(-1, 4)
        xyxy[:, 2:] += xyxy[:, :2]
        confidence = np.sort(rng.random(len(own)).astype(np.float32))[::-1]
        for name, factor in scores.items():
            found = Detections(xyxy, confidence * factor, [one["category_id"] for one in own])
            images[name].append(found.above(0.001))
    return {name: Found.of(several) for name, several in images.items()}


def test_scores_that_are_halved_are_found_again_on_other_scenes() -> None:
    dataset = open_scenes(0, validation=SCENES)
    made = list(rows(found_by({FLOAT: 1.0, "half": 0.5, "blind": 0.0}), dataset, 2))
    assert len(made) == 4 and all(len(one) == len(HEADER) for one in made)
    for one in (one for one in made if one[0] == "half"):
        cells = dict(zip(HEADER, one, strict=True))
        assert 0.11 < float(cells["threshold"]) < 0.14 and abs(float(cells["apart"])) <= 1.5
        assert float(cells["recall at float's"]) < float(cells["recall, float"]) - 10
        assert cells["bar"].startswith("apart ≤ 0.5")
    assert all("at any threshold" in one[2] for one in made if one[0] == "blind")


def test_a_model_beside_itself_is_not_moved_by_chance() -> None:
    dataset = open_scenes(0, validation=SCENES)
    one = judged(found_by({FLOAT: 1.0, "half": 0.5}), dataset, np.arange(SCENES))
    assert chance(one[FLOAT], one[FLOAT], 0.25, 0.25) == 0
    assert chance(one[FLOAT], one["half"], 0.25, 0.125) < 0.5 < chance(one[FLOAT], one["half"], 0.25, 0.3)
    assert threshold.BARS["apart"] == 0.5
