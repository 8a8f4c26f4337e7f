from __future__ import annotations

import numpy as np
import pytest

from detquant.embedded import MODELS
from detquant.graph import prepare
from detquant.pipeline.detector import load
from detquant.recipes import Place, Places


def members(graph, place):
    places = Places(graph)
    return {node.name for node in graph if place in places.of(node)}


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (Place.FIRST, {"first"}),
        (Place.LAST, {"head"}),
        (Place.HEAD, {"head"}),
        (Place.HEAD_INPUT, {"add"}),
        (Place.INSIDE_ACTIVATION, {"first", "silu_gate", "second", "head"}),
    ],
)
def test_places_of_a_small_net(small_net, place, expected):
    assert members(small_net.graph, place) == expected


@pytest.fixture
def branches(build):
    """Arithmetic on the image, two first layers, two heads of which one goes on to a layer, a vector of scores."""
    ones = {name: np.ones((4, takes, 1, 1), np.float32) for name, takes in {"a": 3, "b": 3, "c": 8, "d": 4}.items()}
    rows = [
        ("Mul", ["x", "scale"], ["scaled"], {"name": "scaled"}),
        ("MaxPool", ["scaled"], ["small"], {"name": "small", "kernel_shape": [1, 1]}),
        ("Conv", ["scaled", "a"], ["left"], {"name": "left"}),
        ("Conv", ["small", "b"], ["right"], {"name": "right"}),
        ("LeakyRelu", ["right"], ["bent"], {"name": "bent", "alpha": 0.1}),
        ("MaxPool", ["bent"], ["pooled"], {"name": "pooled", "kernel_shape": [1, 1]}),
        ("Concat", ["left", "pooled"], ["joined"], {"name": "joined", "axis": 1}),
        ("Conv", ["joined", "c"], ["boxes"], {"name": "boxes"}),
        ("Conv", ["boxes", "d"], ["scores"], {"name": "scores"}),
    ]
    constants = ones | {"scale": np.full((1, 3, 1, 1), 2, np.float32)}
    return prepare(build(rows, {"x": [1, 3, 4, 4]}, {"boxes": None, "scores": None}, constants)).graph


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (Place.FIRST, {"scaled", "small", "left", "right"}),
        (Place.LAST, {"scores"}),
        (Place.HEAD, {"boxes", "scores"}),
        (Place.HEAD_INPUT, {"boxes", "joined", "left", "pooled", "bent"}),
        (Place.INSIDE_ACTIVATION, {"right"}),
    ],
)
def test_places_where_there_are_several(branches, place, expected):
    assert members(branches, place) == expected


def test_the_convolution_that_takes_an_expectation_is_no_layer(small_net):
    graph = load(next(iter(MODELS))).model.graph
    places = Places(graph)
    assert len([node for node in graph if Place.FIRST in places.of(node) and places.size(node)]) == 1
    heads = {node for node in graph if Place.HEAD in places.of(node)}
    assert heads and all(places.of(node) >= {Place.LAST, Place.HEAD} for node in heads)


def test_an_operator_without_a_constant_weight_has_no_size(small_net):
    assert Places.size(small_net.graph.node("add")) is None
