from __future__ import annotations

import logging
from collections import Counter

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from detquant.errors import ModelError
from detquant.graph import OrtRunner
from detquant.pipeline.detector import load
from detquant.pipeline.naive import quantize_naively


@pytest.fixture
def graph(square_model):
    return ir.to_proto(load(square_model).model)


def feeds(count=3):
    rng = np.random.default_rng(0)
    return iter([{"images": rng.random((1, 3, 96, 96), np.float32)} for _ in range(count)])


def kinds(content):
    return Counter(node.op_type for node in onnx.load_from_string(content).graph.node)


def test_everything_is_quantised(graph):
    found = quantize_naively(graph, feeds())
    nodes = onnx.load_from_string(found).graph.node
    dequantized = {node.output[0] for node in nodes if node.op_type == "DequantizeLinear"}
    assert all(node.input[0] in dequantized for node in nodes if node.op_type in ("Conv", "Sigmoid", "Mul", "Concat"))
    assert OrtRunner(found).run(next(feeds()))["output0"].shape == (1, 84, 189)


def test_the_same_bytes_each_time(graph):
    assert quantize_naively(graph, feeds()) == quantize_naively(graph, feeds())


def test_options_are_onnxruntimes(graph):
    less = kinds(quantize_naively(graph, feeds(), op_types_to_quantize=["Conv"]))
    assert 0 < less["QuantizeLinear"] < kinds(quantize_naively(graph, feeds()))["QuantizeLinear"]


def test_a_failure_is_a_sentence(graph):
    with pytest.raises(ModelError, match=r"^onnxruntime's quantize_static fails with \w+: .*[^.]\.$"):
        quantize_naively(graph, feeds(0))


def test_nothing_is_shown_and_the_log_is_as_before(graph, capfd):
    handler = logging.StreamHandler()
    logging.root.addHandler(handler)
    try:
        quantize_naively(graph, feeds())
        assert capfd.readouterr() == ("", "")
        logging.getLogger().warning("heard")
    finally:
        logging.root.removeHandler(handler)
    assert "heard" in capfd.readouterr().err


def test_the_graph_that_was_given_is_left_alone(graph):
    before = graph.SerializeToString()
    quantize_naively(graph, feeds())
    assert graph.SerializeToString() == before
