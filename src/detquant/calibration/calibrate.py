"""Statistics become grids: the plan filled with numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx_ir as ir

from detquant.calibration.observers import TensorView, observer
from detquant.calibration.preactivation import FUNCTIONS, useful_low
from detquant.calibration.statistics import Statistics
from detquant.calibration.weights import weight_grid
from detquant.graph.weights import replace_weight
from detquant.numerics import Capability, QuantParams, QuantSpec, grid_from_range
from detquant.recipes import Fixed, Own, Plan, QuantModel


def calibrate(model: ir.Model, plan: Plan, statistics: Statistics, capability: Capability) -> QuantModel:
    """Grids for every activation and weight of the plan.

    Args:
        model: prepared float graph.
        plan: the decision.
        statistics: of the calibration images.
        capability: the target's facts.
    """
    params: dict[str, QuantParams] = {}
    for name, point in plan.points.items():
        if isinstance(point, Own):
            low, high = _range(plan, statistics, name, point.spec)
            params[name] = grid_from_range(low, high, point.spec)
        elif isinstance(point, Fixed):
            params[name] = grid_from_range(point.low, point.high, point.spec)
    filled = QuantModel(model=model, reference=model, plan=plan, params=params, weights={})
    return with_weight_grids(filled, capability, statistics)


def with_weight_grids(qm: QuantModel, capability: Capability, statistics: Statistics) -> QuantModel:
    """The same with every weight on a grid; the weights of `QuantModel.reference` are what is approximated."""
    nodes = {n.name or "": n for n in qm.reference.graph}
    model = qm.model.clone()
    mine = {n.name or "": n for n in model.graph}
    grids, activations = {}, qm.activations
    for name, spec in qm.plan.weights.items():
        value = nodes[name].inputs[0]
        tensor = (value.name or "") if value is not None else ""
        peaks = statistics.channel_peaks.get(tensor) if capability.pair_saturation else None
        found = weight_grid(nodes[name], spec, x=activations.get(tensor), peaks=peaks)
        grids[name] = found.params
        replace_weight(mine[name], found.values)
    return replace(qm, model=model, weights=grids)


def _range(plan: Plan, statistics: Statistics, root: str, spec: QuantSpec) -> tuple[float, float]:
    sources = plan.sources[root]
    extremes = [np.asarray(statistics.extremes[name], np.float32) for name in sources]
    low_high = np.stack([np.min([e[:, 0] for e in extremes], axis=0), np.max([e[:, 1] for e in extremes], axis=0)], axis=1)
    histograms = [statistics.histograms[name] for name in sources if name in statistics.histograms]
    chosen = observer(spec.observer)
    if chosen.needs_histogram and not histograms:
        chosen = observer("minmax")  # the image itself: its range is known exactly
    total = np.sum(histograms, axis=0) if histograms else None
    kind = plan.preactivations.get(root)
    function = FUNCTIONS[kind] if kind else None
    low, high = chosen.range(TensorView(extremes=low_high, histogram=total, spec=spec, function=function))
    return (useful_low(kind, low, high), high) if kind else (low, high)
