from __future__ import annotations

import numpy as np
import pytest

from detquant.errors import ModelError, UnsupportedOperator
from detquant.graph.raise_opset import OPSET, raise_opset


@pytest.mark.parametrize("opset", [11, 12, 13, 17, 20])
def test_a_model_is_raised_and_stays_the_same_function(build, greatest_difference, opset):
    rng = np.random.default_rng(1)
    before = build(
        [
            ("Conv", ["x", "w"], ["c"], {"pads": [1, 1, 1, 1]}),
            ("Softmax", ["c"], ["s"], {"axis": 1}),
            ("Resize", ["s", "roi", "scales"], ["r"], {"mode": "nearest"}),
            ("Clip", ["r", "low", "high"], ["y"], {}),
        ],
        {"x": [1, 3, 6, 6]},
        {"y": None},
        {
            "w": rng.standard_normal((4, 3, 3, 3)).astype(np.float32),
            "roi": np.zeros(0, np.float32),
            "scales": np.array([1, 1, 2, 2], np.float32),
            "low": np.array(0.1, np.float32),
            "high": np.array(0.6, np.float32),
        },
        opset=opset,
    )
    after = raise_opset(before.clone())
    assert after.graph.opset_imports[""] == OPSET
    # Softmax before opset 13 normalised over all axes from `axis` on: the converter must keep that
    assert greatest_difference(before, after, (1, 3, 6, 6)) < 1e-6


def test_split_sizes_become_an_input(build, greatest_difference):
    before = build(
        [
            ("Split", ["x"], ["a", "b"], {"axis": 1, "split": [1, 2]}),
            ("ReduceMax", ["b"], ["m"], {"axes": [1], "keepdims": 1}),
            ("Mul", ["a", "m"], ["y"], {}),
        ],
        {"x": [1, 3, 4, 4]},
        {"y": None},
        opset=11,
    )
    assert greatest_difference(before, raise_opset(before.clone()), (1, 3, 4, 4)) == 0


def test_metadata_survives(build):
    model = build([("Relu", ["x"], ["y"], {})], {"x": [1]}, {"y": [1]}, opset=13)
    model.metadata_props["names"] = "{0: 'cat'}"
    assert raise_opset(model).metadata_props["names"] == "{0: 'cat'}"


def test_an_operator_that_does_not_exist_is_called_by_name(build):
    model = build([("Wobble", ["x"], ["y"], {})], {"x": [1]}, {"y": [1]}, opset=13)
    with pytest.raises(UnsupportedOperator, match="opset 13 does not have: Wobble"):
        raise_opset(model)


def test_an_operator_of_a_vendor_is_kept(build):
    rows = [("Gelu", ["x"], ["y"], {"domain": "com.microsoft"})]
    model = build(rows, {"x": [1]}, {"y": [1]}, opset=17)
    model.graph.opset_imports["com.microsoft"] = 1
    assert [node.domain for node in raise_opset(model).graph] == ["com.microsoft"]


def test_a_newer_opset_is_kept(build):
    model = build([("Relu", ["x"], ["y"], {})], {"x": [1]}, {"y": [1]}, opset=22)
    assert raise_opset(model).graph.opset_imports[""] == 22


def test_an_old_opset_is_refused(build):
    model = build([("Relu", ["x"], ["y"], {})], {"x": [1]}, {"y": [1]}, opset=6)
    with pytest.raises(ModelError, match="opset 6, and the oldest that can be read is 7"):
        raise_opset(model)


def test_operators_whose_names_are_no_text_are_named_in_one_sentence(build):
    rows = [(f"\0onv{k}\n", ["x"], [f"y{k}"], {}) for k in range(500)]
    with pytest.raises(UnsupportedOperator, match=r"does not have: .{1,300}\.$") as caught:
        raise_opset(build(rows, {"x": [1]}, {"y0": None}, opset=17))
    assert str(caught.value).isprintable()
