from __future__ import annotations

import numpy as np
import pytest

from detquant.data import Dataset
from detquant.errors import DatasetError
from detquant.evaluation.accuracy import CocoScorer
from detquant.evaluation.agreement import SameGuess, same_guess
from detquant.evaluation.scorers import MEASURES, figures, headline, make_scorer
from detquant.evaluation.top_k import TopScorer
from detquant.families import FAMILIES, Detections, load_family

NAMES = tuple("abcdefgh")


def guesses(*class_id: int) -> Detections:
    count = len(class_id)
    return Detections(np.zeros((count, 4)), np.linspace(1, 0.1, count), np.array(class_id))


def test_top1_and_top5_of_the_images_that_were_added() -> None:
    scorer = TopScorer([0, 1, 1, 7, 2], NAMES)
    scorer.add(1, guesses(0, 1, 2, 3, 4))  # first
    scorer.add(2, guesses(0, 2, 3, 4, 1))  # fifth
    scorer.add(3, guesses(1, 0, 2, 3, 4))  # first
    scorer.add(4, guesses(0, 1, 2, 3, 4, 7))  # sixth: too late
    found = scorer.result()
    assert (found.top1, found.top5, found.images) == (50, 75, 4)
    assert found.per_class == {"a": 100, "b": 50, "h": 0}
    assert found.figures() == {"top1": 50, "top5": 75}


def test_nothing_is_no_accuracy() -> None:
    with pytest.raises(DatasetError, match="No image was evaluated"):
        TopScorer([0], NAMES).result()


def test_guesses_agree_where_the_first_is_the_same() -> None:
    ours = [guesses(1), guesses(2), guesses(3), guesses()]
    theirs = [guesses(1), guesses(0), guesses(3), guesses()]
    assert same_guess(ours, theirs) == SameGuess(top1=75, images=4)


def test_every_task_has_its_measures(tmp_path) -> None:
    assert {load_family(name).task for name in FAMILIES} == set(MEASURES)
    assert figures("classify", None) == {"top1": None, "top5": None} and headline("detect") == "ap"
    paths = (tmp_path / "x.png",)
    truth = {"images": [{"id": 1, "height": 2, "width": 2}], "annotations": [], "categories": []}
    plain = {"name": "", "classes": None, "calibration": paths, "validation": paths}
    assert isinstance(make_scorer(Dataset(**plain, ground_truth=truth), NAMES), CocoScorer)
    assert isinstance(make_scorer(Dataset(**plain, ground_truth=None, labels=(0,)), NAMES), TopScorer)
    assert make_scorer(Dataset(**plain, ground_truth=None), NAMES) is None
