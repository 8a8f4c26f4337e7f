from __future__ import annotations

import numpy as np
import pytest

from detquant.graph import find_decode_tail, prepare
from detquant.graph.blocks import find_blocks
from detquant.pipeline.inside.names import BlockNames


@pytest.fixture
def names(small_net):
    return BlockNames(find_blocks(small_net.graph))


@pytest.mark.parametrize(
    ("told", "block"),
    [
        ("first", "first"),
        ("silu_mul/QuickGeluFusion/", "first"),
        ("silu_QuantizeLinear", "first"),
        ("c2_nchwc", "second"),
        ("second_token_88", "second"),
        ("InsertedPrecisionFreeCast_c3_nchwc", "third"),
        ("third/ConvInteger_1", "third"),
        ("relu_dequantized/duplicated", "second"),
        ("ReorderInput_token_17", None),
        ("first_1", None),
        ("", None),
    ],
)
def test_words_around_names(names, told, block):
    assert names.blocks(told) == ([block] if block else [])


def test_what_a_layer_was_made_of_is_told_first(names):
    assert names.blocks("Multiply_82364", ("Multiply_82364", "third", "add", "sum")) == ["third", "add"]


def test_a_layer_that_took_the_decodings_function_in_is_named_after_that(small_net):
    blocks = find_blocks(small_net.graph, find_decode_tail(small_net.graph).nodes)
    names = BlockNames(blocks)
    assert names.blocks("scores_nchwc") == ["tail_sigmoid"]
    assert names.blocks("scores_nchwc", layer=True) == ["head", "tail_sigmoid"]
    assert names.blocks("relu_nchwc", layer=True) == ["second"] and names.blocks("pool", layer=True) == ["pool"]


def test_what_was_folded_belongs_to_what_it_was_computed_from(build):
    ones = np.ones(4, np.float32)
    weights = {"w": np.ones((4, 3, 1, 1), np.float32), "s": ones, "b": ones, "m": ones, "v": ones}
    rows = [
        ("Conv", ["x", "w"], ["c"], {"name": "conv"}),
        ("BatchNormalization", ["c", "s", "b", "m", "v"], ["n"], {"name": "bn"}),
        ("Relu", ["n"], ["y"], {"name": "relu"}),
    ]
    original = build(rows, {"x": [1, 3, 4, 4]}, {"y": None}, weights)
    blocks = find_blocks(prepare(original).graph)
    names = BlockNames(blocks, [original.graph])
    assert BlockNames(blocks).blocks("bn") == []
    assert [names.blocks(one) for one in ("bn", "n_nchwc", "relu")] == [["conv"]] * 3
