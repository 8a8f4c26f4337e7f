"""Activation functions as layers of their own."""

from __future__ import annotations

import numpy as np

from detquant.graph.bounds import bounds
from detquant.targets.ncnn.layout import stored_axis, wide
from detquant.targets.ncnn.param_file import Parameters, bare
from detquant.targets.ncnn.site import Site

COMPOSITES: dict[str, tuple[str, Parameters]] = {
    "silu": ("Swish", {}),
    "hardswish": ("HardSwish", {0: 1 / 6, 1: 0.5}),
    "mish": ("Mish", {}),
}
"""Layer and parameters of an activation that graphs write as several operators."""

PLAIN = {"Erf": "Erf", "Mish": "Mish", "Sigmoid": "Sigmoid", "Softplus": "Softplus", "Tanh": "TanH"}
"""Layers without parameters."""


def plain(site: Site) -> None:
    """Lowers a function without parameters to the layer of its name."""
    site.add(PLAIN[site.node.op_type], [site.read()], [site.result()])


def relu(site: Site) -> None:
    """Lowers Relu to ReLU."""
    site.add("ReLU", [site.read()], [site.result()])


def leaky_relu(site: Site) -> None:
    """Lowers LeakyRelu to ReLU with a slope."""
    site.add("ReLU", [site.read()], [site.result()], {0: site.attributes.get_float("alpha", 0.01)})


def clip(site: Site) -> None:
    """Lowers Clip to Clip; without bounds to nothing."""
    if any(site.has(k) and site.constant(k) is None for k in (1, 2)):
        raise site.unsupported("computes its bounds in the graph")
    low, high = bounds(site.node)
    if low is None and high is None:
        site.same(site.read())
        return
    parameters = {
        **({} if low is None else {0: float(low)}),
        **({} if high is None else {1: float(high)}),
    }
    site.add("Clip", [site.read()], [site.result()], parameters)


def elu(site: Site) -> None:
    """Lowers Elu to ELU."""
    site.add("ELU", [site.read()], [site.result()], {0: site.attributes.get_float("alpha", 1.0)})


def prelu(site: Site) -> None:
    """Lowers PRelu to PReLU with one slope, or one for each channel of a map."""
    slopes, shape = site.constant(1), site.shape()
    if slopes is None or (slopes.size > 1 and (len(shape) != 4 or wide(slopes.shape, shape)[0] != slopes.size)):
        raise site.unsupported("has slopes that are computed, or more than one for each channel")
    flat = np.asarray(slopes, np.float32).reshape(-1)
    site.add("PReLU", [site.read()], [site.result()], {0: flat.size}, bare(flat))


def hard_sigmoid(site: Site) -> None:
    """Lowers HardSigmoid, ``min(max(alpha x + beta, 0), 1)``, to HardSigmoid."""
    words = site.attributes
    parameters = {0: words.get_float("alpha", 0.2), 1: words.get_float("beta", 0.5)}
    site.add("HardSigmoid", [site.read()], [site.result()], parameters)


def hard_swish(site: Site) -> None:
    """Lowers HardSwish to HardSwish."""
    kind, parameters = COMPOSITES["hardswish"]
    site.add(kind, [site.read()], [site.result()], parameters)


def softmax(site: Site) -> None:
    """Lowers Softmax to Softmax."""
    shape = site.shape()
    axis = stored_axis(shape, site.attributes.get_int("axis", -1))
    if axis < 0:
        raise site.unsupported("runs over the batch")
    site.add("Softmax", [site.read()], [site.result()], {0: axis, 1: 1})
