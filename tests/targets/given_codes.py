"""What the tests of several targets look through: each layer recomputed from the codes that the target gave to it.

Errors would add up from layer to layer; so each layer is compared by itself.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from detquant.calibration import Collector, calibrate
from detquant.graph import prepare
from detquant.graph.running import OrtRunner
from detquant.graph.values import constant, is_op
from detquant.recipes import load_recipe, plan


def quantised(model, feeds, capability, ranges=None, choices=None):
    """A QuantModel of the recipe's types, without its steps."""
    decided = plan(model, load_recipe("w8a8"), capability, choices, ranges)
    collector = Collector(model=model, plan=decided, by_channel=())
    statistics = collector.collect(lambda which: (feeds[k] for k in which), len(feeds))
    return calibrate(model, decided, statistics, capability)


def as_planned(qdq):
    """A QDQ graph as it is written, without fused kernels: where a processor lacks VNNI these saturate."""
    return OrtRunner(qdq, optimisation="basic")


def layer_by_layer(qdq):
    """The QDQ graph cut at all codes: each is computed by ONNX Runtime from the codes given before it."""
    model = prepare(qdq).clone()
    graph = model.graph
    for node in list(graph):
        if not is_op(node, "QuantizeLinear") or constant(node.inputs[0]) is not None:
            continue
        codes = node.outputs[0]
        given = ir.Value(name=f"{codes.name}_given", shape=codes.shape, type=ir.TensorType(ir.DataType.UINT8))
        graph.inputs.append(given)
        for use in list(codes.uses()):
            use.node.replace_input_with(use.idx, given)
        graph.outputs.append(codes)
    return OrtRunner(model, optimisation="none")


def off_by(qdq, feed, found):
    """For each layer, by how many codes the target is off, and for how much of its values."""
    given = {f"{name}_given": codes for name, codes in found.items()}
    expected = layer_by_layer(qdq).run({**feed, **given})
    errors = {name: np.abs(expected[name].astype(int) - codes.astype(int)) for name, codes in found.items()}
    return {name: (int(error.max()), float((error > 0).mean())) for name, error in errors.items()}
