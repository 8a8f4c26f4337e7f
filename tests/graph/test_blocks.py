from __future__ import annotations

import numpy as np
import pytest

from detquant.graph import find_decode_tail, prepare
from detquant.graph.blocks import find_blocks


def names(graph, whole=()):
    return [[node.name for node in block.nodes] for block in find_blocks(graph, whole)]


def test_a_layer_takes_its_activation_in(small_net):
    assert names(small_net.graph) == [
        ["first", "silu_gate", "silu_mul"],
        ["second", "relu"],
        ["pool"],
        ["join"],
        ["third"],
        ["add"],
        ["head", "tail_sigmoid"],
    ]
    first, second, *_ = find_blocks(small_net.graph)
    assert [one.kind for one in first.activations] == ["silu"] and second.activations == ()
    assert [value.name for value in first.results] == ["silu"] and second.name == "second"


def test_a_tail_is_one_block_and_its_activation_is_not_the_heads(small_net):
    tail = find_decode_tail(small_net.graph)
    blocks = find_blocks(small_net.graph, tail.nodes)
    assert [[node.name for node in block.nodes] for block in blocks][-2:] == [["head"], ["tail_sigmoid"]]
    assert [block.whole for block in blocks] == [False] * 7 + [True]


@pytest.fixture
def bias(build):
    """A product with a bias of its own operator and a Relu, a sum with a Relu, and what others read too."""
    weights = {name: np.ones((4, 4), np.float32) for name in ("w", "v")} | {"b": np.ones(4, np.float32)}
    rows = [
        ("MatMul", ["x", "w"], ["a"], {"name": "layer"}),
        ("Add", ["a", "b"], ["c"], {"name": "bias"}),
        ("Relu", ["c"], ["d"], {"name": "relu"}),
        ("MatMul", ["d", "v"], ["e"], {"name": "other"}),
        ("Add", ["e", "d"], ["f"], {"name": "sum"}),
        ("Relu", ["f"], ["g"], {"name": "after sum"}),
        ("Sigmoid", ["e"], ["h"], {"name": "of what the sum reads too"}),
        ("Transpose", ["g"], ["i"], {"name": "turn"}),
        ("Relu", ["i"], ["y"], {"name": "after turn"}),
    ]
    return prepare(build(rows, {"x": [1, 4]}, {"y": None, "h": None}, weights))


def test_what_is_taken_in_and_what_is_not(bias):
    assert names(bias.graph) == [
        ["layer", "bias", "relu"],
        ["other"],
        ["sum", "after sum"],
        ["of what the sum reads too"],
        ["turn"],
        ["after turn"],
    ]
    assert [value.name for value in find_blocks(bias.graph)[1].results] == ["e"]


def test_every_operator_is_in_one_block_behind_those_that_it_reads(bias, small_net):
    for graph in (bias.graph, small_net.graph):
        blocks = find_blocks(graph, find_decode_tail(graph).nodes)
        assert sorted(n.name for block in blocks for n in block.nodes) == sorted(n.name for n in graph)
        owner = {node: place for place, block in enumerate(blocks) for node in block.nodes}
        for place, block in enumerate(blocks):
            read = {v.producer() for n in block.nodes for v in n.inputs if v is not None and v.producer() is not None}
            assert all(owner[node] <= place for node in read)


def test_decoding_that_begins_between_the_heads_comes_last(build):
    weights = {name: np.ones((4, 3, 1, 1), np.float32) for name in ("w", "v")}
    rows = [
        ("Conv", ["x", "w"], ["a"], {"name": "one"}),
        ("Sigmoid", ["a"], ["b"], {"name": "decode one"}),
        ("Conv", ["x", "v"], ["c"], {"name": "other"}),
        ("Concat", ["b", "c"], ["y"], {"name": "decode all", "axis": 1}),
    ]
    graph = prepare(build(rows, {"x": [1, 3, 4, 4]}, {"y": None}, weights)).graph
    assert names(graph, find_decode_tail(graph).nodes) == [["one"], ["other"], ["decode one", "decode all"]]
