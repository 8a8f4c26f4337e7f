from __future__ import annotations

import json

import pytest

from detquant.report.evidence import Block, Evidence, TensorLoss
from detquant.report.model_explorer import ERROR_FILE, PRECISION_FILE, THRESHOLDS, model_explorer_files


def loss(name, operator, db, kind="activation"):
    ends = {"low": 0.0, "high": 1.0, "seen_low": 0.0, "seen_high": 1.0}
    return TensorLoss(
        name=name, operator=operator, kind=kind, bits=8, scale=0.1, steps=1, zero_point=0, **ends, cumulative_db=db
    )


def block(name, operators, error, executed):
    told = {"title": "Conv", "inputs": (), "shape": "1", "planned": "w8a8"}
    return Block(name=name, operators=operators, error_db=error, executed=executed, **told)


@pytest.fixture
def evidence():
    return Evidence(
        tensors=(
            loss("x", "", 60.0),
            loss("r", "relu", 31.236),
            loss("w", "conv", None, "weight"),
            loss("e", "c2", None),
        ),
        blocks=(
            block("conv", ("conv", "relu"), 29.0, "int8"),
            block("c2", ("c2",), None, "float"),
            block("</script>", ("</script>",), 3.0, "int9"),
            block("gone", ("gone",), None, None),
        ),
    )


def test_nodes_have_the_error_of_their_result_else_that_of_their_block(evidence):
    found = json.loads(model_explorer_files(evidence)[ERROR_FILE])
    assert found["results"] == {"conv": {"value": 29.0}, "relu": {"value": 31.24}, "</script>": {"value": 3.0}}
    limits = [one["value"] for one in found["thresholds"]]
    assert limits == sorted(limits) and len(limits) == len(THRESHOLDS) and limits[-1] >= 120
    assert all(one["bgColor"].startswith("#") and len(one["bgColor"]) == 7 for one in found["thresholds"])


def test_precisions_have_colours_of_their_own(evidence):
    found = json.loads(model_explorer_files(evidence)[PRECISION_FILE])["results"]
    assert {name: one["value"] for name, one in found.items()} == {
        "conv": "int8",
        "relu": "int8",
        "c2": "float",
        "</script>": "int9",
    }
    assert len({one["bgColor"] for one in found.values()}) == 3


def test_tensors_are_the_nodes_of_what_names_no_operator(evidence):
    found = model_explorer_files(evidence, by_tensor=True)
    assert list(found) == [ERROR_FILE]
    assert json.loads(found[ERROR_FILE])["results"] == {"x": {"value": 60.0}, "r": {"value": 31.24}}


def test_nothing_known_no_file():
    assert model_explorer_files(Evidence()) == {}


def test_no_graph_is_named_so_the_data_count_for_any(evidence):
    """Model Explorer takes a file whose 'results' are results, and not another graph's data, for the graph on show."""
    for text in model_explorer_files(evidence).values():
        assert "results" not in json.loads(text)["results"]
