from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx_ir as ir
import pytest

from detquant.calibration import Collector, calibrate
from detquant.errors import UnsupportedOperator
from detquant.graph.cut_decode import cut_decode, cut_float_decode
from detquant.graph.running import OrtRunner
from detquant.graph.values import constant
from detquant.numerics import Capability, eight_bits
from detquant.recipes import load_recipe, plan

RECIPE = replace(load_recipe("w8a8"), head="int", steps=())
CPU = Capability(
    name="cpu",
    kernels=eight_bits({"Conv", "Add", "Mul", "Sigmoid", "Relu", "MaxPool", "Concat"}),
    fused=frozenset({"Relu"}),
    activation_steps=frozenset({"silu"}),
)


def quantised(model, images, recipe=RECIPE):
    decided = plan(model, recipe, CPU)
    feeds = images()
    statistics = Collector(model=model, plan=decided).collect(lambda which: (feeds[k] for k in which), len(feeds))
    return calibrate(model, decided, statistics, CPU).qdq()


def grids(qdq):
    """Scale and zero point of what each QuantizeLinear gives, by what it reads."""
    quantizers = [node for node in qdq.graph if node.op_type == "QuantizeLinear"]
    return {q.inputs[0].name: (constant(q.inputs[1]), int(constant(q.inputs[2]))) for q in quantizers}


def test_both_parts_behind_each_other_are_the_whole(small_net, images):
    qdq, feed = quantised(small_net, images), images(1)[0]
    before = ir.to_proto(qdq).SerializeToString(deterministic=True)
    network, decode = cut_decode(qdq)
    assert [value.name for value in network.graph.outputs] == ["logits"]
    assert [value.name for value in decode.graph.inputs] == ["logits"]
    assert [node.op_type for node in decode.graph] == ["Sigmoid"]
    codes = OrtRunner(network, optimisation="none").run(feed)["logits"]
    assert codes.dtype == np.uint8 and len(np.unique(codes)) > 10
    scale, zero_point = grids(qdq)["logits"]
    found = OrtRunner(decode).run({"logits": (codes.astype(np.float32) - zero_point) * scale})
    expected = OrtRunner(qdq, optimisation="none").run(feed)
    assert found.keys() == expected.keys() and np.allclose(found["scores"], expected["scores"], atol=1e-6)
    assert ir.to_proto(qdq).SerializeToString(deterministic=True) == before


def test_where_nothing_is_decoded_the_codes_have_the_outputs_names(build, images):
    weights = {"w": np.ones((2, 3, 1, 1), np.float32), "v": np.ones((4, 2, 1, 1), np.float32)}
    rows = [("Conv", ["x", "w"], ["c"], {"name": "first"}), ("Conv", ["c", "v"], ["map"], {"name": "head"})]
    model = build(rows, {"x": [1, 3, 16, 16]}, {"map": [1, 4, 16, 16]}, weights)
    network, decode = cut_decode(quantised(model, images))
    assert decode is None and [value.name for value in network.graph.outputs] == ["map"]
    assert OrtRunner(network).run(images(1)[0])["map"].dtype == np.uint8


def test_a_map_that_is_decoded_and_given_out_too(build, images):
    rows = [("Conv", ["x", "w"], ["map"], {"name": "head"}), ("Sigmoid", ["map"], ["scores"], {"name": "tail"})]
    outputs = {"map": [1, 2, 16, 16], "scores": [1, 2, 16, 16]}
    model = build(rows, {"x": [1, 3, 16, 16]}, outputs, {"w": np.ones((2, 3, 1, 1), np.float32)})
    qdq, feed = quantised(model, images), images(1)[0]
    network, decode = cut_decode(qdq)
    [given] = OrtRunner(network, optimisation="none").run(feed).items()
    [(scale, zero_point)] = [grid for name, grid in grids(qdq).items() if name != "x"]
    found = OrtRunner(decode).run({given[0]: (given[1].astype(np.float32) - zero_point) * scale})
    expected = OrtRunner(qdq, optimisation="none").run(feed)
    assert list(found) == ["map", "scores"]
    assert all(np.allclose(found[name], expected[name], atol=1e-6) for name in found)


def test_a_float_graph_is_cut_at_its_decode_tail(build, images):
    rows = [
        ("Conv", ["x", "w"], ["map"], {"name": "head"}),
        ("Conv", ["x", "w"], ["raw"], {"name": "other"}),
        ("Sigmoid", ["map"], ["scores"], {"name": "tail"}),
        ("Add", ["scores", "x"], ["y"], {"name": "beside"}),
    ]
    outputs = {"map": [1, 3, 16, 16], "raw": [1, 3, 16, 16], "y": [1, 3, 16, 16]}
    model = build(rows, {"x": [1, 3, 16, 16]}, outputs, {"w": np.ones((3, 3, 1, 1), np.float32)})
    network, decode = cut_float_decode(model)
    feed = images(1)[0]
    maps = OrtRunner(network).run(feed)
    assert sorted(value.name for value in decode.graph.inputs) == sorted(["x", *maps]) and len(maps) == 2
    found, expected = OrtRunner(decode).run({**feed, **maps}), OrtRunner(model).run(feed)
    assert [*found] == [*expected] and all(np.allclose(found[name], expected[name]) for name in found)


def test_a_float_graph_without_a_tail_stays_whole(build):
    model = build(
        [("Conv", ["x", "w"], ["map"], {})],
        {"x": [1, 3, 8, 8]},
        {"map": None},
        {"w": np.ones((2, 3, 1, 1), np.float32)},
    )
    network, decode = cut_float_decode(model)
    assert decode is None and [value.name for value in network.graph.outputs] == ["map"]


def test_decoding_that_reads_floats_of_the_network_is_refused(small_net, images):
    qdq = quantised(small_net, images, replace(RECIPE, head="float"))
    with pytest.raises(UnsupportedOperator, match=r"Conv 'head' computes in float what Sigmoid 'tail_sigmoid' decodes"):
        cut_decode(with_quantised_neighbour(qdq))


def with_quantised_neighbour(qdq):
    """The same with a second reader of what the float head gives, which quantises it: so the head is no decoding."""
    graph = qdq.graph
    logits = next(node.outputs[0] for node in graph if node.name == "head")
    constants = [
        ir.Value(name=name, const_value=ir.tensor(array, name=name))
        for name, array in {"s": np.array(0.1, np.float32), "z": np.array(0, np.uint8)}.items()
    ]
    for value in constants:
        graph.register_initializer(value)
    q = ir.node("QuantizeLinear", [logits, *constants], name="q")
    dq = ir.node("DequantizeLinear", [q.outputs[0], *constants], name="dq")
    q.outputs[0].name, dq.outputs[0].name = "codes", "again"
    graph.extend([q, dq])
    graph.outputs.append(dq.outputs[0])
    return qdq
