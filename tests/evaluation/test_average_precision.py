"""Our matching and cumulation are COCO's, to the last digits: held to faster-coco-eval."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from faster_coco_eval import COCO, COCOeval_faster
from thrown_detections import CLASSES, thrown

from detquant.evaluation.accuracy import CocoScorer
from detquant.evaluation.average_precision import average_precision
from detquant.evaluation.found import Found
from detquant.evaluation.matching import AREAS, match
from detquant.evaluation.resampling import draws, mean_of_classes
from detquant.evaluation.truth import Truth
from detquant.families import Detections


def ours(known: dict[str, Any], found: list[Detections], area: int = 0) -> np.ndarray:
    truth = Truth.of(known, [image["id"] for image in known["images"]])
    return average_precision(match(truth, Found.of(found)), CLASSES, None, area)[0]


def theirs(known: dict[str, Any], found: list[Detections]) -> np.ndarray:
    """AP [classes, areas] of faster-coco-eval, NaN where there is no object."""
    scorer = CocoScorer(known)
    for image, one in zip(known["images"], found, strict=True):
        scorer.add(image["id"], one)
    ids = [image["id"] for image in known["images"]]
    reference = COCO({**known, "annotations": [dict(one) for one in known["annotations"]]}, print_function=print)
    results = reference.loadRes([row for image_id in ids for row in scorer._rows(image_id)])
    evaluation = COCOeval_faster(reference, results, iouType="bbox", print_function=print)
    evaluation.params.maxDets = [1, 10, 100]
    evaluation.evaluate()
    evaluation.accumulate()
    precision = np.asarray(evaluation.eval["precision"], np.float64)[..., -1]  # overlaps, recalls, classes, areas
    means = precision.mean(axis=(0, 1)) * 100
    return np.where(means > -1, means, np.nan)


@pytest.mark.parametrize("seed", range(6))
def test_as_faster_coco_eval_by_class_and_size(seed: int) -> None:
    known, found = thrown(40, seed)
    expected = theirs(known, found)
    for area in range(len(AREAS)):
        assert ours(known, found, area) == pytest.approx(expected[:, area], abs=1e-6, nan_ok=True), area
    assert np.isfinite(expected[:-1, 0]).all() and np.isnan(expected[-1]).all()


def test_more_than_a_hundred_of_a_class() -> None:
    known, found = thrown(3, seed=11)
    several = [one.select(np.tile(np.arange(len(one)), 40)) for one in found]
    ranked = [one.select(np.argsort(-one.confidence, kind="stable")) for one in several]
    assert max(map(len, ranked)) > 400
    assert ours(known, ranked) == pytest.approx(theirs(known, ranked)[:, 0], abs=1e-6, nan_ok=True)


def test_an_image_that_is_drawn_twice_counts_as_two() -> None:
    known, found = thrown(30, seed=5)
    rng = np.random.default_rng(0)  # of equal scores the order would be another one
    found = [replace(one, confidence=np.sort(rng.random(len(one)))[::-1]) for one in found]
    ids = [image["id"] for image in known["images"]]
    matches = match(Truth.of(known, ids), Found.of(found))
    drawn = draws(len(ids), 4, seed=9)
    many = average_precision(matches, CLASSES, drawn)
    for weights, row in zip(drawn, many, strict=True):
        copies = [place for place, count in enumerate(weights.tolist()) for _ in range(count)]
        images, annotations = [], []
        for number, place in enumerate(copies, start=1):
            images.append({**known["images"][place], "id": number})
            for one in known["annotations"]:
                if one["image_id"] == ids[place]:
                    annotations.append({**one, "id": len(annotations) + 1, "image_id": number})
        drawn_truth = {**known, "images": images, "annotations": annotations}
        again = ours(drawn_truth, [found[place] for place in copies])
        assert row == pytest.approx(again, abs=1e-6, nan_ok=True)


def test_a_draw_without_an_object_has_no_precision() -> None:
    known, found = thrown(6, seed=5)
    matches = match(Truth.of(known, [image["id"] for image in known["images"]]), Found.of(found))
    nothing = average_precision(matches, CLASSES, np.zeros((1, 6), np.int32))
    assert np.isnan(nothing).all() and np.isnan(mean_of_classes(nothing)).all()


def test_whoever_finds_nothing_has_none() -> None:
    known, found = thrown(6, seed=5)
    assert np.nanmax(ours(known, [Detections.empty()] * len(found))) == 0


def test_images_must_be_the_same() -> None:
    known, found = thrown(6, seed=5)
    with pytest.raises(ValueError, match="6 images with objects, and 5"):
        match(Truth.of(known, [image["id"] for image in known["images"]]), Found.of(found[:5]))
