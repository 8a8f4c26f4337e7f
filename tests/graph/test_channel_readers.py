from __future__ import annotations

import numpy as np
import pytest

from detquant.graph import prepare
from detquant.graph.channel_readers import channel_readers
from detquant.graph.values import values_by_name

BOXES, SCORES = 8, 5


def head(build, last, weights=None, places=16):
    """Two maps joined by channels, places made one axis, and ``last`` from "flat" on."""
    rows = [
        ("Conv", ["x", "bw"], ["boxes"], {}),
        ("Conv", ["x", "sw"], ["scores"], {}),
        ("Concat", ["boxes", "scores"], ["both"], {"axis": 1}),
        ("Reshape", ["both", "flat_shape"], ["flat"], {}),
        *last,
    ]
    stored = {
        "bw": np.ones((BOXES, 3, 1, 1), np.float32),
        "sw": np.ones((SCORES, 3, 1, 1), np.float32),
        "flat_shape": np.array([1, BOXES + SCORES, places]),
        **(weights or {}),
    }
    outputs = [gives[-1] for _, _, gives, _ in last if gives[-1].startswith("y")]
    return prepare(build(rows, {"x": [1, 3, 4, 4]}, dict.fromkeys(outputs), stored))


def readers(model, name, axis=1):
    found = channel_readers(values_by_name(model.graph)[name], axis)
    return None if found is None else sorted(node.op_type for node in found)


APART = {"sizes": np.array([BOXES, SCORES])}
SPLIT = [
    ("Split", ["flat", "sizes"], ["b", "s"], {"axis": 1}),
    ("Softmax", ["b"], ["y1"], {"axis": 1}),
    ("Sigmoid", ["s"], ["y2"], {}),
]


def test_maps_that_are_joined_and_taken_apart_are_told_apart(build):
    model = head(build, SPLIT, APART)
    assert readers(model, "boxes") == ["Softmax"] and readers(model, "scores") == ["Sigmoid"]


def test_slices_and_transposes_are_followed(build):
    bounds = {"a": np.array([0]), "b": np.array([BOXES]), "c": np.array([1 << 60]), "last": np.array([2])}
    rows = [
        ("Transpose", ["flat"], ["turned"], {"perm": [0, 2, 1]}),
        ("Slice", ["turned", "a", "b", "last"], ["p"], {}),
        ("Slice", ["turned", "b", "c", "last"], ["q"], {}),
        ("Exp", ["p"], ["y1"], {}),
        ("Sigmoid", ["q"], ["y2"], {}),
    ]
    model = head(build, rows, bounds)
    assert readers(model, "boxes") == ["Exp"] and readers(model, "scores") == ["Sigmoid"]


def test_slices_over_places_keep_all_channels(build):
    bounds = {"a": np.array([0]), "b": np.array([9]), "last": np.array([2])}
    rows = [("Slice", ["flat", "a", "b", "last"], ["p"], {}), ("Sigmoid", ["p"], ["y"], {})]
    assert readers(head(build, rows, bounds), "boxes") == ["Sigmoid"]


def test_every_reader_counts(build):
    rows = [*SPLIT, ("Exp", ["s"], ["y3"], {})]
    assert readers(head(build, rows, APART), "scores") == ["Exp", "Sigmoid"]


@pytest.mark.parametrize(
    ("rows", "weights"),
    [
        ([("Identity", ["flat"], ["z"], {}), ("Reshape", ["flat", "all"], ["y"], {})], {"all": np.array([-1])}),
        ([("Slice", ["flat", "a", "b", "axis", "two"], ["p"], {}), ("Sigmoid", ["p"], ["y"], {})],
         {"a": np.array([0]), "b": np.array([13]), "axis": np.array([1]), "two": np.array([2])}),
    ],
)  # fmt: skip
def test_where_channels_mix_nothing_is_said(build, rows, weights):
    assert readers(head(build, rows, weights), "scores") is None


def test_what_is_given_out_is_not_followed(build):
    model = head(build, [("Sigmoid", ["flat"], ["y"], {})])
    model.graph.outputs.append(values_by_name(model.graph)["flat"])
    assert readers(model, "scores") is None
