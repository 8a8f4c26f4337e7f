"""One layer solved anew: the weight that is wished for, its codes within the target's limits, and the bias."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import onnx_ir as ir

from detquant.algorithms.layerwise.form_of_node import rows_of
from detquant.algorithms.layerwise.layer_form import LayerForm
from detquant.algorithms.layerwise.least_squares import Halves, Moments
from detquant.algorithms.refit.rounding import Limit, Rounding
from detquant.calibration import AllowedCodes, QuantModel, WeightLimits, weight_limits
from detquant.graph import find_decode_tail
from detquant.graph.traits import bias_of
from detquant.graph.values import constant
from detquant.numerics import Capability, QuantParams, dequantize
from detquant.numerics.arrays import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Solved:
    """A layer solved anew.

    Attributes:
        weight: real numbers on the grid, in the weight's own shape.
        grid: of the weight.
        bias: ``[channels]``; None where the layer can have none.
        error: mean squared error of the outputs, as a share of their variance.
        error_before: the same with the codes as they were, and the best bias for these.
        book: codes that the weight was given to choose from, ascending; None where it has not been given any.
    """

    weight: Floats
    grid: QuantParams
    bias: Floats | None
    error: float
    error_before: float
    book: Ints | None = None

    @property
    def is_as_it_was(self) -> bool:
        """Whether the codes as they were have stayed, since none found here do better."""
        return self.book is None and self.error >= self.error_before


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """A layer that is rounded.

    Attributes:
        codes: ``[G, O, K]``.
        steps: see `Rounding`.
        book: codes that these are chosen from, where that was decided here.
    """

    codes: Floats
    steps: Floats
    book: Ints | None = None


Rounded = Callable[[str, Rounding], Codes]
"""Rounds a layer, given by its name."""


def plainly(_: str, rounding: Rounding) -> Codes:
    """The layer's codes, any that it may have."""
    return Codes(*rounding.solved())


class LayerSolver:
    """Solves layers of one model, on sums over its images.

    Args:
        qm: the model; each layer's grid and weight are read when it is solved.
        capability: the target's facts.
        ridge: see `Refit`; None to find it for each layer.
        rounded: gives a layer's codes.
    """

    def __init__(self, qm: QuantModel, capability: Capability, ridge: float | None, rounded: Rounded) -> None:
        self._qm, self._ridge, self._rounded = qm, ridge, rounded
        self._limits = weight_limits(qm, capability)
        self._float: Mapping[str, ir.Node] = {node.name or "": node for node in qm.reference.graph}
        self._heads = {node.name for node in find_decode_tail(qm.reference.graph).head_convs}

    def start(self, name: str, form: LayerForm) -> Floats:
        """A layer's float weight, ``[G, O, K]``."""
        return rows_of(self._float[name], form)

    def targets(self, node: ir.Node, form: LayerForm, x: Floats, y: Floats) -> Floats:
        """What a layer is solved for: its outputs in float; a head for what its float weight makes of the same inputs.

        Args:
            node: the layer.
            form: the layer as a matrix product.
            x: its inputs in the quantised network, ``[G, K, P]``.
            y: its outputs in the float one, ``[G, O, P]``.
        """
        name = node.name or ""
        start = self.start(name, form)
        if name not in self._heads:
            return form.targets(x, y, start)
        own, bias = form.product(x, start), constant(bias_of(self._float[name]))
        own = own if bias is None else own + np.asarray(bias, np.float32).reshape(*own.shape[:2], 1)
        return form.targets(x, own, start)

    def solve(self, node: ir.Node, form: LayerForm, halves: Halves) -> Solved:
        """The layer, solved for the outputs in the sums.

        Args:
            node: the layer as it is.
            form: the layer as a matrix product.
            halves: sums over two halves of the images.
        """
        name = node.name or ""
        start = np.asarray(self.start(name, form), np.float64)
        moments = halves.whole()
        ridge = halves.best_ridge(start) if self._ridge is None else self._ridge
        wished, hessian = moments.solved(start, ridge)
        wished = moments.unshrunk(wished)
        own, before = self._qm.weights[name], rows_of(node, form)
        found = self._rounded(name, self._rounding(name, form, wished, hessian, own))
        grid = QuantParams(own.qtype, found.steps.reshape(own.scale.shape), own.zero_point, own.axis)
        values = dequantize(np.asarray(form.weight(found.codes), np.int64), grid)
        rows = np.asarray(form.rows(values), np.float32)
        error, was = _share(moments, rows), _share(moments, before)
        if error >= was and found.book is None:
            rows, grid = before, own
        return Solved(
            weight=np.asarray(form.weight(rows), np.float32),
            grid=grid,
            bias=form.whole_bias(moments.bias(rows)) if moments.centred else None,
            error=error,
            error_before=was,
            book=found.book,
        )

    def _rounding(self, name: str, form: LayerForm, wished: Floats, hessian: Floats, grid: QuantParams) -> Rounding:
        """The layer as it is to be rounded, to a grid of the planned type and within the target's limits."""
        limits, count = self._limits[name], np.atleast_1d(grid.scale).size
        floor = limits.smallest_scale if count > 1 else limits.smallest_scale.max(keepdims=True)
        allowed = limits.allowed or AllowedCodes()
        channels = np.arange(count, dtype=np.int64) if count > 1 else np.zeros(len(limits.smallest_scale), np.int64)
        return Rounding(
            wished=wished,
            hessian=hessian,
            channel=form.by_channel(channels),
            qmin=grid.qtype.qmin,
            qmax=grid.qtype.qmax,
            floor=floor,
            limit=_within(limits, form) if limits.seen is not None else None,
            mask=None if allowed.mask is None else np.asarray(form.rows(allowed.mask), np.bool_),
            book=allowed.book,
            power_of_two=limits.power_of_two,
        )


def _within(limits: WeightLimits, form: LayerForm) -> Limit:
    """What kernels add up without overflow; masks and codebooks are the rounding's own."""
    limits = replace(limits, allowed=None)
    return lambda codes: np.asarray(form.rows(limits.project(np.asarray(form.weight(codes), np.int64))), np.float32)


def _share(moments: Moments, rows: Floats) -> float:
    return float(moments.error(rows).mean() / max(float(moments.yy.mean()), 1e-30))
