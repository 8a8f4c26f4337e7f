"""Activation functions that are more than one operand of an element-wise operator."""

from __future__ import annotations

import numpy as np

from detquant.graph.bounds import bounds
from detquant.targets.tflite import parameters
from detquant.targets.tflite.clamping import clamp
from detquant.targets.tflite.file import Options, Tensor
from detquant.targets.tflite.kernels import CLAMPS
from detquant.targets.tflite.layout import with_last
from detquant.targets.tflite.site import Site


def relu(site: Site) -> None:
    """Lowers Relu to RELU."""
    order = site.order()
    site.add("RELU", [site.read(0, order)], [site.result(order)])


def clip(site: Site) -> None:
    """Lowers Clip to RELU, RELU6 and the like, or to MAXIMUM and MINIMUM."""
    order, within = site.order(), bounds(site.node)
    if any(len(site.node.inputs) > k and site.has(k) and site.constant(k) is None for k in (1, 2)):
        raise site.unsupported("computes its bounds in the graph")
    x, result = site.read(0, order), site.result(order)
    if within in CLAMPS:
        site.add(CLAMPS[within], [x], [result])
    else:
        clamp(site, x, result, within)


def leaky_relu(site: Site) -> None:
    """Lowers LeakyRelu to LEAKY_RELU."""
    order, alpha = site.order(), site.attributes.get_float("alpha", 0.01)
    site.add("LEAKY_RELU", [site.read(0, order)], [site.result(order)], Options("LeakyRelu", {"alpha": alpha}))


def prelu(site: Site) -> None:
    """Lowers PRelu to PRELU, whose slopes broadcast against the map; on codes one a channel, on a grid of their own."""
    order = site.order()
    if site.codes:
        slopes = parameters.channel_codes(site, 1)
        site.add("PRELU", [site.read(0, order), slopes], [site.result(order)])
        return
    slopes = site.read_wide(1, len(site.shape()), order)
    site.add("PRELU", [site.read(0, order), slopes], [site.result(order)])


def elu(site: Site) -> None:
    """Lowers Elu to ELU, which TFLite has with alpha 1."""
    if site.attributes.get_float("alpha", 1.0) != 1.0:
        raise site.unsupported("has an alpha other than 1")
    order = site.order()
    site.add("ELU", [site.read(0, order)], [site.result(order)])


def hard_swish(site: Site) -> None:
    """Lowers HardSwish to HARD_SWISH."""
    order = site.order()
    site.add("HARD_SWISH", [site.read(0, order)], [site.result(order)], Options("HardSwish", {}))


def hard_sigmoid(site: Site) -> None:
    """Lowers HardSigmoid, ``min(max(alpha x + beta, 0), 1)``."""
    order, words = site.order(), site.attributes
    x = site.read(0, order)
    scaled = _with_number(site, "MUL", x, words.get_float("alpha", 0.2))
    moved = _with_number(site, "ADD", scaled, words.get_float("beta", 0.5))
    clamp(site, moved, site.result(order), (0.0, 1.0))


def softmax(site: Site) -> None:
    """Lowers Softmax to SOFTMAX, over the last axis of the file's tensor."""
    axis = site.attributes.get_int("axis", -1) % len(site.shape())
    order = with_last(site.order(), axis)
    site.add("SOFTMAX", [site.read(0, order)], [site.result(order)], Options("Softmax", {"beta": 1.0}))


def softplus(site: Site) -> None:
    """Lowers Softplus, ``log(1 + exp(x))``."""
    order = site.order()
    _softplus(site, site.read(0, order), site.result(order))


def mish(site: Site) -> None:
    """Lowers Mish, ``x tanh(softplus(x))``."""
    order = site.order()
    x, result = site.read(0, order), site.result(order)
    soft, gate = site.inside("softplus", x.shape, x), site.inside("gate", x.shape, x)
    _softplus(site, x, soft)
    site.add("TANH", [soft], [gate])
    site.add("MUL", [x, gate], [result], Options("Mul", {}))


def _softplus(site: Site, x: Tensor, result: Tensor) -> None:
    """Writes ``max(x, 0) + log(1 + exp(-|x|))``, in which nothing overflows."""
    size, low, power, positive, log = (
        site.inside(name, x.shape, x) for name in ("size", "low", "power", "positive", "log")
    )
    site.add("ABS", [x], [size])
    site.add("NEG", [size], [low])
    site.add("EXP", [low], [power])
    site.add("LOG", [_with_number(site, "ADD", power, 1.0)], [log])
    site.add("RELU", [x], [positive])
    site.add("ADD", [positive, log], [result], Options("Add", {}))


def _with_number(site: Site, op: str, x: Tensor, number: float) -> Tensor:
    made = site.inside(op.lower(), x.shape, x)
    other = site.file_constant("number", np.array([number], np.float32))
    site.add(op, [x, other], [made], Options(op.title(), {}))
    return made
