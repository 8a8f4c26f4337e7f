"""Statistics become grids: the plan filled with numbers."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import onnx_ir as ir

from detquant.calibration.invariants import codes_read, input_of
from detquant.calibration.observers import TensorView, observer
from detquant.calibration.preactivation import FUNCTIONS, useful_low
from detquant.calibration.quant_model import QuantModel
from detquant.calibration.statistics import BINS, Statistics
from detquant.calibration.weights import WeightGrid, weight_grid
from detquant.errors import CalibrationError
from detquant.graph.traits import OPS, activation_inputs, weight_of
from detquant.graph.values import constant, values_by_name
from detquant.graph.weights import replace_weight
from detquant.numerics import Capability, QuantParams, QuantSpec, grid_from_range
from detquant.numerics.arrays import Ints
from detquant.recipes import Fixed, Own, Plan
from detquant.spread import processors


def calibrate(
    model: ir.Model, plan: Plan, statistics: Statistics, capability: Capability, before: QuantModel | None = None
) -> QuantModel:
    """Grids for every activation and weight of the plan.

    Args:
        model: prepared float graph.
        plan: the decision.
        statistics: statistics of the calibration images.
        capability: the target's facts.
        before: what calibration made of the same model after another decision, if it did (`QuantModel.calibrated`):
            grids of tensors that are made up in the same way are taken from it, and weights whose operators read the
            same grid.
    """
    if before is not None and (before.reference is not model or before.statistics is not statistics):
        before = None
    params = activation_grids(model, plan, statistics, before)
    filled = QuantModel(model=model, reference=model, plan=plan, params=params, weights={}, statistics=statistics)
    made = with_weight_grids(filled, capability, before)
    return replace(made, calibrated=made)


def activation_grids(
    model: ir.Model, plan: Plan, statistics: Statistics, before: QuantModel | None = None
) -> dict[str, QuantParams]:
    """Grid of each root tensor of the plan; see `calibrate`.

    Raises:
        CalibrationError: a tensor's values come from somewhere that calibration has not seen.
    """
    values = values_by_name(model.graph)

    def find(name: str, point: Own | Fixed) -> QuantParams:
        if isinstance(point, Fixed):
            return grid_from_range(point.low, point.high, point.spec)
        if before is not None and _same_range(name, plan, before):
            return before.params[name]
        return grid_from_range(*_range(values, plan, statistics, name, point.spec), point.spec)

    own = {name: point for name, point in plan.points.items() if isinstance(point, Own | Fixed)}
    with ThreadPoolExecutor(processors()) as pool:  # numpy works beside itself
        return dict(zip(own, pool.map(find, own.keys(), own.values()), strict=True))


def _same_range(root: str, plan: Plan, before: QuantModel) -> bool:
    """Whether a tensor's range is found from the same numbers in the same way as it was before."""
    old = before.plan
    if root not in before.params or old.points.get(root) != plan.points[root]:
        return False
    return (old.sources[root], old.preactivations.get(root)) == (plan.sources[root], plan.preactivations.get(root))


def with_weight_grids(qm: QuantModel, capability: Capability, before: QuantModel | None = None) -> QuantModel:
    """The model with each weight rounded to a grid, as near to the weight of `QuantModel.reference` as it gets."""
    nodes = {n.name or "": n for n in qm.reference.graph}
    known = _weights_of(before) if before is not None and before.reference is qm.reference else {}

    def find(name: str, spec: QuantSpec) -> WeightGrid:
        same, (x, peaks) = known.get(name), input_of(qm, nodes[name], capability)
        if same is not None and same.spec == spec and _equal(same.x, x):
            return same.grid
        return weight_grid(nodes[name], spec, x=x, peaks=peaks)

    wishes = qm.plan.weights
    with ThreadPoolExecutor(processors()) as pool:  # numpy works beside itself
        grids = dict(zip(wishes, pool.map(find, wishes.keys(), wishes.values()), strict=True))
    return with_weights_on(qm, grids)


def with_weights_on(qm: QuantModel, grids: Mapping[str, WeightGrid]) -> QuantModel:
    """The model with these weights on these grids, by the layers' names: those of all its layers."""
    model = qm.model.clone()
    mine = {n.name or "": n for n in model.graph}
    for name, grid in grids.items():
        replace_weight(mine[name], grid.values)
    return replace(qm, model=model, weights={name: grid.params for name, grid in grids.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A weight on its grid, and what the grid was made for."""

    spec: QuantSpec
    x: QuantParams | None
    grid: WeightGrid


def _weights_of(qm: QuantModel) -> dict[str, _Known]:
    activations, integer, found = qm.activations, set(qm.plan.integer), {}
    for node in qm.model.graph:
        name, values = node.name or "", constant(weight_of(node))
        if name in qm.weights and values is not None:
            found[name] = _Known(
                spec=qm.plan.weights[name],
                x=activations.get(codes_read(node, integer)),
                grid=WeightGrid(params=qm.weights[name], values=np.asarray(values, np.float32)),
            )
    return found


def _equal(one: QuantParams | None, other: QuantParams | None) -> bool:
    """Whether two grids of activations are the same one."""
    if one is None or other is None:
        return one is other
    return (one.qtype, one.scale, one.zero_point) == (other.qtype, other.scale, other.zero_point)


def _range(
    values: Mapping[str, ir.Value], plan: Plan, statistics: Statistics, root: str, spec: QuantSpec
) -> tuple[float, float]:
    found = [seen_sources(name, values, statistics) for name in plan.sources[root]]
    sources = list(dict.fromkeys(name for names in found for name in names))
    extremes = [np.asarray(statistics.extremes[name], np.float32) for name in sources]
    lows, highs = np.min([e[:, 0] for e in extremes], axis=0), np.max([e[:, 1] for e in extremes], axis=0)
    low_high = np.stack([lows, highs], axis=1)
    bounds = float(lows.min()), float(highs.max())
    histograms = [
        rebinned(statistics.histograms[name], statistics.bounds(name), bounds)
        for name in sources
        if name in statistics.histograms
    ]
    chosen = observer(spec.observer)
    if chosen.needs_histogram and not histograms:
        chosen = observer("minmax")  # the image itself: its range is known exactly
    total = np.sum(histograms, axis=0) if histograms else None
    kind = plan.preactivations.get(root)
    function = FUNCTIONS.get(kind) if kind else None
    levels = spec.qtype.qmax - spec.qtype.qmin
    useful = partial(useful_low, kind, levels=levels) if kind else None
    view = TensorView(extremes=low_high, histogram=total, spec=spec, function=function, useful=useful)
    low, high = chosen.range(view)
    return (useful(low, high), high) if useful else (low, high)


def seen_sources(name: str, values: Mapping[str, ir.Value], statistics: Statistics) -> list[str]:
    """The tensors with statistics whose values ``name`` holds.

    A model that is planned again can ask for a tensor that calibration did not look at, since it held only
    values of others (the output of a Concat): its range is theirs.

    Raises:
        CalibrationError: the tensor's values come from somewhere that calibration has not seen.
    """
    if name in statistics.extremes:
        return [name]
    node = values[name].producer() if name in values else None
    traits = OPS.get(node.op_type) if node is not None else None
    if node is None or traits is None or not (traits.keeps_grid or traits.joins):
        raise CalibrationError(f"Calibration has no statistics of tensor '{name}': calibrate again with this plan.")
    return [s for v in activation_inputs(node) for s in seen_sources(v.name or "", values, statistics)]


def rebinned(counts: Ints, old: tuple[float, float], new: tuple[float, float]) -> Ints:
    """A histogram over ``old`` as one over the wider range ``new``: each bin goes to the nearest one."""
    centres = np.linspace(*old, len(counts))
    places = np.rint((centres - new[0]) / max(new[1] - new[0], 1e-12) * (BINS - 1)).astype(np.int64)
    moved = np.zeros(BINS, np.int64)
    np.add.at(moved, np.clip(places, 0, BINS - 1), counts)
    return moved
