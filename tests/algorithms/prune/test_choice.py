"""Which channels go: the cheapest for what they save, and of those that are alike only some."""

from __future__ import annotations

import numpy as np
import pytest

from detquant.algorithms.prune.bundles import Bundle, find_bundles
from detquant.algorithms.prune.choice import Choice
from detquant.algorithms.prune.criteria import Contributions, NextLayers
from detquant.algorithms.prune.reach import reaches
from detquant.calibration import Images
from detquant.graph import prepare
from detquant.graph.channels import trace
from detquant.graph.running import as_bytes
from detquant.graph.summary import summarize


def covariance(count, seed=0):
    z = np.random.default_rng(seed).normal(size=(count, 200))
    return z @ z.T / 200


def lost(matrix, gone):
    """What is lost without some channels when the others are scaled as well as they can be, by brute force."""
    left = np.setdiff1d(np.arange(len(matrix)), gone)
    wanted = np.ones(len(matrix))
    factors = np.linalg.solve(matrix[np.ix_(left, left)], matrix[left] @ wanted)
    off = wanted.copy()
    off[left] -= factors
    return off @ matrix @ off


def test_the_cost_of_some_channels_is_that_of_the_best_factors_for_the_others():
    matrix = covariance(8)
    made, total = Contributions(np.arange(10, 18), matrix), 0.0
    for k, root in enumerate((12, 17, 10)):
        total += float(made.costs([root])[0])
        made.remove(root)
        expected = lost(matrix, np.array([2, 7, 0][: k + 1])) / matrix.sum()
        assert total == pytest.approx(expected, rel=0.03)
    assert made.costs([99]).tolist() == [0.0]


def test_of_two_channels_that_are_alike_one_is_cheap():
    z = np.random.default_rng(1).normal(size=(5, 200))
    z[4] = z[0]
    layers = NextLayers({"reader": Contributions(np.arange(5), z @ z.T / 200)}, {"reader": 1.0})
    gone, cost = layers.cheapest(np.arange(5), 1)
    assert gone.tolist() in ([0], [4]) and cost < 0.01
    both, cost = layers.cheapest(np.array([0, 4]), 2)
    assert sorted(both.tolist()) == [0, 4] and cost > 0.05
    layers.remove(gone)
    assert layers.cheapest(np.array([4 - gone[0]]), 1)[1] > 0.05


def test_a_loss_counts_by_its_reach():
    readers = {"near": Contributions(np.arange(4), covariance(4)), "far": Contributions(np.arange(4, 8), covariance(4))}
    gone, _ = NextLayers(readers, {"near": 1.0, "far": 100.0}).cheapest(np.arange(8), 2)
    assert set(gone.tolist()) <= {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("count", "multiple", "least", "expected"),
    [(16, 8, 8, 8), (8, 8, 8, 8), (12, 8, 8, 8), (12, 8, 9, 12), (3, 1, 1, 2), (1, 1, 1, 1), (24, 8, 1, 16)],
)
def test_counts_are_multiples(count, multiple, least, expected):
    bundle = Bundle(roots=np.arange(count), layers=frozenset({"layer"}))
    assert bundle.next_count(count, multiple, least) == expected


@pytest.fixture
def net(build):
    """Two layers of 16 channels, one on a map of a quarter as many places."""
    rng = np.random.default_rng(0)
    weights = {
        "w1": rng.normal(size=(16, 3, 3, 3)).astype(np.float32),
        "w2": rng.normal(size=(16, 16, 3, 3)).astype(np.float32),
        "w3": rng.normal(size=(4, 16, 1, 1)).astype(np.float32),
    }
    rows = [
        ("Conv", ["x", "w1"], ["c1"], {"name": "one", "pads": [1, 1, 1, 1]}),
        ("Relu", ["c1"], ["a1"], {}),
        ("Conv", ["a1", "w2"], ["c2"], {"name": "two", "pads": [1, 1, 1, 1], "strides": [2, 2]}),
        ("Relu", ["c2"], ["a2"], {}),
        ("Conv", ["a2", "w3"], ["y"], {"name": "three"}),
    ]
    return prepare(build(rows, {"x": [1, 3, 8, 8]}, {"y": None}, weights))


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6])
def test_the_share_is_reached_within_a_point(net, share):
    channels = trace(net.graph)
    bundles = find_bundles(channels, ["one", "two", "three"])
    assert [sorted(one.layers) for one in bundles] == [["one", "two"], ["three", "two"]]
    first, second = (Contributions(one.roots, covariance(16)) for one in bundles)
    criterion = NextLayers({"two": first, "three": second}, {"two": 1.0, "three": 1.0})
    macs = summarize(net.graph).macs
    chosen = Choice(channels, bundles, criterion, macs=macs, multiple=1, least=1).take(share)
    assert chosen.share == pytest.approx(share, abs=0.03)
    layers = channels.layers.values()
    left = sum(one.macs_left(lambda atoms: ~np.isin(channels.roots(atoms), chosen.gone)) for one in layers)
    assert 1 - left / macs == pytest.approx(chosen.share)


def test_channels_of_layers_that_cannot_be_solved_stay(net):
    channels = trace(net.graph)
    assert [sorted(one.layers) for one in find_bundles(channels, ["one", "two"])] == [["one", "two"]]


def test_noise_before_much_arrives_and_the_model_stays_as_it_was(net, images):
    before = as_bytes(net)
    some = Images.of(images(2, (1, 3, 8, 8)))
    found = reaches(net, {"one": 1.0, "two": 1e-6, "three": 1e-6}, some, seed=0, threads=1)
    assert as_bytes(net) == before
    assert list(found) == ["one", "two", "three"]
    assert found["one"] > found["two"] > 0 and found["three"] > 0
