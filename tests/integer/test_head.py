"""Each unit of the integer head equals plain loops over fractions, at its edges too."""

from __future__ import annotations

import numpy as np
import plain_head as plain
import pytest

from detquant.errors import OptionError
from detquant.integer.head import HeadOptions
from detquant.integer.head.candidates import candidates
from detquant.integer.head.corners import corners, in_sixteenths
from detquant.integer.head.distances import expectations, exponentials
from detquant.integer.head.scores import ScoreTable
from detquant.integer.head.suppression import overlap_threshold, suppress
from detquant.numerics import QType, QuantParams

RNG = np.random.default_rng(7)
STEPS = [0.02, 0.11, 0.4]


def distributions(bins):
    """Codes of one side: at random, all alike, all but one smallest, peaks at both ends."""
    one = np.eye(bins, dtype=np.int64) * 255
    ends = np.zeros((1, bins), np.int64)
    ends[0, [0, -1]] = 255
    drawn = RNG.integers(0, 256, (40, bins))
    return np.concatenate([drawn, np.full((2, bins), [[0], [255]]), one, 255 - one, ends]).T


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("bins", [2, 16])
def test_distances(bins, step):
    codes = distributions(bins)
    table = exponentials(np.float32(step))
    assert table[0] == 65535 and (np.diff(table) <= 0).all() and table[-1] >= 0
    found = expectations(codes, table)
    assert found.tolist() == [plain.distance(one.tolist(), float(np.float32(step))) for one in codes.T]
    weights = np.exp(step * (codes - codes.max(axis=0)))
    exact = (np.arange(bins)[:, None] * weights).sum(axis=0) / weights.sum(axis=0)
    assert np.abs(found / 256 - exact).max() <= 0.0023
    assert expectations(codes - 128, table).tolist() == found.tolist()  # the zero point cancels out


@pytest.mark.parametrize("stride", [4, 8, 16, 32, 128])
def test_corners(stride):
    sides = RNG.integers(0, 256 * 15 + 1, (4, 3, 5))
    sides[:, 0, 0], sides[:, 2, 4] = 0, 256 * 15
    found = corners(sides, stride)
    places = [(row, column) for row in range(3) for column in range(5)]
    assert found.tolist() == [plain.box(column, row, sides[:, row, column], stride) for row, column in places]
    assert (found[:, :2] <= found[:, 2:]).all()
    assert (found[0] == stride * 8).all()  # without extent: the middle of the first cell
    assert (found.max() == 32767) == (stride == 128)


def test_corners_that_floats_tell_are_rounded_and_cut_off():
    pixels = np.array([[0.03, 0.04, 1e9, np.inf], [-1e9, -0.1, np.nan, 2.0]], np.float32)
    assert in_sixteenths(pixels).tolist() == [[0, 1, 32767, 32767], [-32768, -2, 32767, 32]]


@pytest.mark.parametrize(("bits", "signed", "zero"), [(8, False, 180), (8, True, 0), (12, False, 9), (16, True, 900)])
def test_scores(bits, signed, zero):
    grid = QuantParams(QType(bits, signed), np.float32(12.0 / (1 << bits)), np.int64(zero))
    table = ScoreTable.of(grid)
    codes = np.unique(np.concatenate([RNG.integers(0, 1 << bits, 200), [0, 1, (1 << bits) - 1]])) + grid.qtype.qmin
    found = table.scores(codes)
    told = (grid.qtype.qmin, bits, float(grid.scale), zero)
    assert found.tolist() == [plain.score(code, *told) for code in codes.tolist()]
    every = table.scores(np.arange(grid.qtype.qmin, grid.qtype.qmax + 1))
    exact = 65536 / (1 + np.exp(-float(grid.scale) * (np.arange(grid.qtype.qmin, grid.qtype.qmax + 1.0) - zero)))
    assert (np.diff(every) >= 0).all() and np.abs(every - exact).max() < (1.01 if bits == 8 else 6)
    for confidence in (0.0, 0.001, 0.25, 1.0):
        above = [code for code, one in enumerate(every, grid.qtype.qmin) if one > confidence * 65536]
        assert table.threshold(confidence) == min(above, default=grid.qtype.qmax + 1)
    assert table.threshold(1.0) == grid.qtype.qmax + 1


@pytest.mark.parametrize("capacity", [1, 7, 40, 1000])
@pytest.mark.parametrize("levels", [1, 3, 200])
def test_candidates_are_the_first_of_a_total_order(levels, capacity):
    codes = RNG.integers(0, levels, (30, 5))
    threshold = levels // 3
    found = candidates(codes, threshold, capacity)
    pairs = [(int(codes[a, k]), a, k) for a in range(30) for k in range(5) if codes[a, k] >= threshold]
    best, left_out = plain.ordered(RNG.permutation(pairs).tolist(), capacity)
    assert [[*one] for one in zip(found.codes, found.cells, found.classes, strict=True)] == [[*one] for one in best]
    assert found.left_out == left_out and len(found.codes) + left_out == len(pairs)


def test_no_candidate_and_nothing_to_suppress():
    none = candidates(np.zeros((4, 2), np.int64), 1, 8)
    assert len(none.codes) == 0 and none.left_out == 0
    assert suppress(np.zeros((0, 4), np.int64), np.zeros(0, np.int64), 179, 300).tolist() == []


@pytest.mark.parametrize("iou", [0.0, 0.45, 0.7, 1.0])
def test_suppression(iou):
    threshold = overlap_threshold(iou)
    starts = RNG.integers(-40, 200, (120, 2))
    boxes = np.concatenate([starts, starts + RNG.integers(0, 160, (120, 2))], axis=1)
    boxes[60:80] = boxes[:20]  # the same again
    boxes[80:90, 2:] = boxes[80:90, :2]  # without area
    boxes[90:92] = [-32768, -32768, 32767, 32767]  # as large as can be
    classes = RNG.integers(0, 3, 120)
    for limit in (300, 5):
        found = suppress(boxes, classes, threshold, limit)
        assert found.tolist() == plain.kept(boxes.tolist(), classes.tolist(), threshold, limit)


def test_what_equals_the_threshold_stays_and_the_first_of_equals_covers_the_others():
    half = np.array([[0, 0, 16, 16], [0, 0, 16, 8]])  # they share 128 of 256
    assert suppress(half, np.zeros(2, np.int64), 128, 9).tolist() == [0, 1]
    assert suppress(half, np.zeros(2, np.int64), 127, 9).tolist() == [0]
    assert suppress(np.repeat(half[:1], 6, axis=0), np.zeros(6, np.int64), 255, 9).tolist() == [0]
    assert suppress(np.repeat(half[:1], 4, axis=0), np.arange(4) % 2, 255, 9).tolist() == [0, 1]
    points = np.full((3, 4), 5)
    assert suppress(points, np.zeros(3, np.int64), 0, 9).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"last_layers": "no"}, "last_layers is 'no': expected 'float' or 'int'"),
        ({"nms": "integer"}, "nms is 'integer'"),
        ({"bits": 12}, "class logits are 12: expected 8 or 16"),
        ({"confidence": 1.5}, "confidence is 1.5: expected a number from 0 to 1"),
        ({"iou": float("nan")}, "iou is nan"),
        ({"candidates": 0}, "candidates are 0: expected 1 to 65536"),
        ({"limit": 0}, "limit is 0: expected at least 1 detection"),
    ],
)
def test_options_have_bounds(given, said):
    with pytest.raises(OptionError, match=said):
        HeadOptions(**given)
