"""Labels of classes: of images that have one, counted from the first class."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra torch is not installed")

from detquant.algorithms.finetune.labels import ClassLoss, label_loss  # noqa: E402

LOGITS = torch.tensor([[9.0, 0.0, math.log(3)], [5.0, 1.0, 1.0]])
"""Background, and two classes."""


def test_only_labelled_images_count_and_what_stands_before_the_classes_is_skipped():
    loss = ClassLoss("y", skipped=1)
    assert loss({"y": LOGITS}, [], [1, None]).item() == pytest.approx(-math.log(0.75), rel=1e-5)
    assert loss({"y": LOGITS}, [], [0, 0]).item() == pytest.approx((math.log(4) + math.log(2)) / 2, rel=1e-5)
    assert loss({}, [{"y": LOGITS[:1]}, {"y": LOGITS[1:]}], [None, 1]).item() == pytest.approx(math.log(2), rel=1e-5)
    assert loss({"y": LOGITS}, [], [None, None]).item() == 0.0


def test_the_family_tells_how_many_stand_before_the_classes():
    network = SimpleNamespace(readers=[], exact=lambda image: ({"y": LOGITS[:1]}, []))
    heads = SimpleNamespace(scores=lambda outputs: np.zeros((1, 2), np.float32))
    loss = label_loss(network, "y", heads, [(None, {})])
    assert loss({"y": LOGITS}, [], [1, None]).item() == pytest.approx(-math.log(0.75), rel=1e-5)
