from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from detquant.algorithms.finetune.detection.overlap import ciou  # noqa: E402

# one box, the other, CIoU by hand
CASES = {
    "equal": ([0, 0, 2, 2], [0, 0, 2, 2], 1.0),
    # IoU 2/6; centres 1 apart, the box around is 3x2
    "shifted": ([0, 0, 2, 2], [1, 0, 3, 2], 1 / 3 - 1 / 13),
    "apart": ([0, 0, 1, 1], [3, 0, 4, 1], -9 / 17),
}


@pytest.mark.parametrize("case", CASES)
def test_known_values(case: str) -> None:
    one, other, expected = CASES[case]
    assert ciou(torch.tensor(one).float(), torch.tensor(other).float()).item() == pytest.approx(expected, abs=1e-6)


def test_shape_counts() -> None:
    one, other = torch.tensor([0.0, 0, 4, 2]), torch.tensor([1.0, -1, 3, 3])  # the same centre, IoU 4/12
    v = 4 / math.pi**2 * (math.atan(2) - math.atan(0.5)) ** 2
    assert ciou(one, other).item() == pytest.approx(1 / 3 - v * v / (v - 1 / 3 + 1), abs=1e-6)


def test_broadcasts() -> None:
    assert ciou(torch.rand(2, 3, 1, 4), torch.rand(2, 1, 5, 4)).shape == (2, 3, 5)
