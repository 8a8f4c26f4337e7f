"""Bounds that no fused activation has, as MAXIMUM and MINIMUM.

Rounding to a grid keeps the order of numbers, so codes are cut off at the codes of the bounds.
"""

from __future__ import annotations

import numpy as np

from detquant.graph.bounds import Bounds
from detquant.targets.tflite.file import Options, Tensor
from detquant.targets.tflite.site import Site
from detquant.targets.tflite.values import codes_of


def clamp_results(site: Site) -> None:
    """Writes what the node still owes, behind the operators that it has become."""
    for raw, made in site.unbounded:
        clamp(site, raw, made, site.bounds)


def clamp(site: Site, tensor: Tensor, made: Tensor, within: Bounds) -> None:
    """MAXIMUM with the lower bound, MINIMUM with the upper one, in floats or on one grid of codes."""
    steps = [(op, bound) for op, bound in zip(("MAXIMUM", "MINIMUM"), within, strict=True) if bound is not None]
    if not steps:
        raise site.unsupported("has neither a lower nor an upper bound")
    for k, (op, bound) in enumerate(steps):
        number = np.array([bound], np.float32)
        if tensor.grid is not None:
            other = site.file_constant("bound", codes_of(number, tensor.grid), tensor.grid)
        else:
            other = site.file_constant("bound", number)
        last = k == len(steps) - 1
        after = made if last else site.inside("cut", made.shape, tensor)
        site.add(op, [tensor, other], [after], Options("MaximumMinimum", {}))
        tensor = after
