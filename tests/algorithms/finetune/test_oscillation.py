"""Weights that swing: told from those that go their way, and held where they were more often."""

from __future__ import annotations

import numpy as np
import pytest

from detquant.numerics import QType, QuantParams

pytest.importorskip("torch", reason="the extra torch is not installed")
import torch

from detquant.algorithms.finetune.learnt_grids import WeightVariable
from detquant.algorithms.finetune.oscillation import Oscillations

pytestmark = pytest.mark.usefixtures("one_thread")
SWINGING, TRAVELLING, STANDING = range(3)


def variable() -> WeightVariable:
    grid = QuantParams(QType(4), np.array([0.1], np.float32), np.zeros(1, np.int64), 0)
    return WeightVariable(np.array([[0.2, -0.3, 0.1]], np.float32), grid)


def walked(swings: Oscillations, weight: WeightVariable, steps: range) -> None:
    """One number swings between codes 2 and 3, mostly at 3; one goes from code to code; one stands."""
    for step in steps:
        weight.moved.data[0] = torch.tensor([0.0 if step % 5 == 0 else 1.0, 0.02 * step, 0.2])
        swings.hold(1.0)


def test_what_swings_is_held_at_the_code_where_it_was_more_often() -> None:
    weight = variable()
    swings = Oscillations([weight], 0.3)
    walked(swings, weight, range(120))
    assert swings.count == 1
    weight.moved.data[0, SWINGING] = 0.0
    swings.hold(1.0)
    assert weight.codes()[0].tolist() == [3.0, -1.0, 1.0]
    weight.stretched.data.fill_(0.2)  # the step goes on being learnt, and the code stays
    swings.hold(1.0)
    assert weight.codes()[0, SWINGING] == 3.0


def test_a_run_that_goes_on_holds_the_same() -> None:
    whole, first, second = variable(), variable(), variable()
    one = Oscillations([whole], 0.05)
    walked(one, whole, range(30))
    early, late = Oscillations([first], 0.05), Oscillations([second], 0.1)
    walked(early, first, range(15))
    late.load(early.arrays())
    walked(late, second, range(15, 30))
    for name, array in one.arrays().items():
        assert np.array_equal(array, late.arrays()[name], equal_nan=True)


def test_without_a_threshold_none_is_held() -> None:
    weight = variable()
    swings = Oscillations([weight], 0.0)
    walked(swings, weight, range(40))
    assert swings.count == 0 and not swings.arrays()


def test_in_the_beginning_none_is_held() -> None:
    weight = variable()
    swings = Oscillations([weight], 0.05)
    for step in range(60):
        weight.moved.data[0] = torch.tensor([float(step % 2), 0.0, 0.2])
        swings.hold(0.0 if step < 59 else 1.0)
        assert swings.count == (step == 59)
