"""What the tests look through: the codes of every layer, in LiteRT and recomputed from LiteRT's own inputs."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from detquant.calibration import Collector, calibrate
from detquant.graph import prepare
from detquant.graph.running import Runner, with_taps
from detquant.graph.values import constant, is_op
from detquant.recipes import load_recipe, plan
from detquant.targets import load_target
from detquant.targets.tflite.lowering import lower
from detquant.targets.tflite.runner import Opened

TARGET = load_target("tflite")
HALF = 128


def quantised(model, feeds, keep_float=None, target=TARGET, ranges=None):
    """A QuantModel of the recipe's types, without its steps."""
    decided = plan(model, load_recipe("w8a8"), target.capability, keep_float, ranges)
    collector = Collector(model=model, plan=decided, by_channel=())
    statistics = collector.collect(lambda which: (feeds[k] for k in which), len(feeds))
    return calibrate(model, decided, statistics, target.capability)


def interpreter(content, *, delegate=True, threads=1):
    """A file in LiteRT, with XNNPACK or with the kernels of its own."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kind = OpResolverType.AUTO if delegate else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    opened = Interpreter(model_content=content, num_threads=threads, experimental_op_resolver_type=kind)
    opened.allocate_tensors()
    return Opened(opened, content)


def codes_of(qdq):
    """Names of all codes of activations."""
    return [n.outputs[0].name for n in qdq.graph if is_op(n, "QuantizeLinear")]


def in_litert(qdq, feed, *, delegate):
    """The codes of every layer as uint8, as LiteRT computes them."""
    names = codes_of(qdq)
    runner = interpreter(lower(with_taps(prepare(qdq), names)), delegate=delegate)
    found = runner.run(feed)
    assert {found[name].dtype.name for name in names} == {"int8"}
    return {name: (found[name].astype(np.int16) + HALF).astype(np.uint8) for name in names}


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
    return Runner(model, optimisation="none")


def off_by(qdq, feed, found):
    """For each layer, by how many codes LiteRT is off, and for how much of its values."""
    given = {f"{name}_given": codes for name, codes in found.items()}
    expected = layer_by_layer(qdq).run({**feed, **given})
    errors = {name: np.abs(expected[name].astype(int) - codes.astype(int)) for name, codes in found.items()}
    return {name: (int(error.max()), float((error > 0).mean())) for name, error in errors.items()}
