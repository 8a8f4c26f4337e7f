"""What the tests look through: the codes of every layer, as LiteRT computes them."""

from __future__ import annotations

import given_codes
import numpy as np

from detquant.graph import prepare
from detquant.graph.running import with_taps
from detquant.graph.values import is_op
from detquant.targets import load_target
from detquant.targets.tflite.runner import Opened
from detquant.targets.tflite.walk import lower

TARGET = load_target("tflite")
HALF = 128


def quantised(model, feeds, target=TARGET, ranges=None):
    """A QuantModel of the recipe's types for TFLite, without its steps."""
    return given_codes.quantised(model, feeds, target.capability, ranges)


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
