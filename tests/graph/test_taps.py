from __future__ import annotations

import numpy as np
import pytest

from detquant.graph.running import OrtRunner
from detquant.graph.taps import only_outputs, with_taps_only


def test_the_outputs_are_the_named_tensors_in_that_order(small_net, images):
    tapped = with_taps_only(small_net, ["joined", "silu"])
    found = OrtRunner(tapped, optimisation="none").run(images(1)[0])
    assert list(found) == ["joined", "silu"]
    assert found["joined"].shape == (1, 16, 16, 16) and found["silu"].shape == (1, 8, 16, 16)


def test_values_are_those_of_the_whole_graph(build, small_net, images):
    feed = images(1)[0]
    whole = with_taps_only(small_net, ["c1", "relu", "scores"])
    part = with_taps_only(small_net, ["relu"])
    expected, found = (OrtRunner(model, optimisation="none").run(feed)["relu"] for model in (whole, part))
    np.testing.assert_array_equal(found, expected)


def test_what_the_taps_do_not_need_is_gone(small_net):
    tapped = with_taps_only(small_net, ["c1"])
    assert [node.name for node in tapped.graph] == ["first"]
    assert set(tapped.graph.initializers) == {"first_w", "first_b"}


def test_the_model_given_is_left_alone(small_net):
    before = [node.name for node in small_net.graph]
    with_taps_only(small_net, ["c1"])
    assert [node.name for node in small_net.graph] == before
    assert [value.name for value in small_net.graph.outputs] == ["scores"]


def test_in_place(small_net):
    value = small_net.graph.node("second").outputs[0]
    assert only_outputs(small_net, [value]) is small_net
    assert [out.name for out in small_net.graph.outputs] == ["c2"] and "head" not in [n.name for n in small_net.graph]


def test_an_unknown_tensor(small_net):
    with pytest.raises(KeyError, match="nowhere"):
        with_taps_only(small_net, ["nowhere"])
