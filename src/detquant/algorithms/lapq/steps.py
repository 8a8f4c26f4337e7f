"""The steps that LAPQ searches over: of each tensor alone, by the p-th power of its errors (stage 1).

    step of a tensor  =  argmin over its grids of  sum |x - q(x)|^p

A small p rounds finely and clips much, a large one clips little. Of activations it is found on histograms, behind the
function that alone reads them (SiLU) where there is one; of weights by `detquant.calibration.weight_grid`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

import numpy as np
import onnx_ir as ir

from detquant.algorithms.range_search import Search
from detquant.calibration import Feed, QuantModel, WeightGrid, weight_grid, weight_on_grid
from detquant.calibration.calibrate import rebinned, seen_sources
from detquant.calibration.invariants import codes_read, peaks_of
from detquant.calibration.preactivation import FUNCTIONS
from detquant.calibration.probes import with_codes
from detquant.calibration.statistics import BINS
from detquant.graph.running import OrtRunner
from detquant.graph.values import values_by_name
from detquant.numerics import Capability, QuantParams, fake_quantize
from detquant.numerics.arrays import Floats, Ints


class _Input(TypedDict):
    x: QuantParams | None
    peaks: Floats | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """A grid for every tensor.

    Attributes:
        params: grid of each root of the plan.
        scales: steps of each weight, by layer, ``[channels]`` or ``()``.
    """

    params: Mapping[str, QuantParams]
    scales: Mapping[str, Floats]


class Rounding:
    """Weights of the float model on whatever steps, within the limits of the target.

    Args:
        qm: the model.
        capability: the target's facts.
    """

    def __init__(self, qm: QuantModel, capability: Capability) -> None:
        self._qm, self._capability = qm, capability
        self._nodes = {node.name or "": node for node in qm.reference.graph if node.name in qm.plan.weights}
        integer = set(qm.plan.integer)
        self._reads = {name: codes_read(node, integer) for name, node in self._nodes.items()}
        self._known: dict[str, tuple[bytes, WeightGrid]] = {}

    def weights(self, steps: Steps) -> dict[str, WeightGrid]:
        """Every weight on its steps; those whose steps are as they were the last time are not rounded again."""
        return {layer: self._weight(layer, steps) for layer in self._nodes}

    def least_errors(self, params: Mapping[str, QuantParams], power: float) -> dict[str, Floats]:
        """The steps of each weight with the least sum of errors to a power."""
        return {
            layer: weight_grid(
                node, replace(self._qm.plan.weights[layer], observer="mse"), power=power, **self._input(layer, params)
            ).params.scale
            for layer, node in self._nodes.items()
        }

    def _weight(self, layer: str, steps: Steps) -> WeightGrid:
        given = self._input(layer, steps.params)
        x = given["x"]
        key = steps.scales[layer].tobytes() + (b"" if x is None else x.scale.tobytes() + x.zero_point.tobytes())
        if self._known.get(layer, (b"", None))[0] != key:
            spec = self._qm.plan.weights[layer]
            self._known[layer] = key, weight_on_grid(self._nodes[layer], spec, steps.scales[layer], **given)
        return self._known[layer][1]

    def _input(self, layer: str, params: Mapping[str, QuantParams]) -> _Input:
        tensor = self._reads[layer]
        x = params.get(self._qm.plan.root(tensor)) if tensor in self._qm.plan.points else None
        return {"x": x, "peaks": peaks_of(self._qm, tensor, x, self._capability)}


class Histograms:
    """Histograms of the tensors on each grid, over the images that are looked at.

    Args:
        qm: the model.
        images: network inputs.
        threads: threads of the runtime.
    """

    def __init__(self, qm: QuantModel, images: Sequence[Feed], threads: int = 1) -> None:
        self._qm = qm
        values = values_by_name(qm.reference.graph)
        self._sources = {
            root: tuple(
                dict.fromkeys(s for name in qm.plan.sources[root] for s in seen_sources(name, values, qm.statistics))
            )
            for root in qm.plan.owned
        }
        bounds = {name: qm.statistics.bounds(name) for names in self._sources.values() for name in names}
        self._counts = _counted(qm.reference, bounds, images, threads)

    def least_errors(self, power: float) -> dict[str, QuantParams]:
        """The grid of each root that calibration has found with the least sum of errors to a power."""
        return {root: self._least(root, power) for root in self._sources}

    def _least(self, root: str, power: float) -> QuantParams:
        extremes = [self._qm.statistics.bounds(name) for name in self._sources[root]]
        low, high = min(one[0] for one in extremes), max(one[1] for one in extremes)
        parts = zip(self._sources[root], extremes, strict=True)
        counts: Ints = np.sum([rebinned(self._counts[name], own, (low, high)) for name, own in parts], axis=0)
        seen = counts > 0
        centres, weights = np.linspace(low, high, BINS, dtype=np.float32)[seen], counts[seen].astype(np.float64)
        function = FUNCTIONS.get(self._qm.plan.preactivations.get(root, ""), _same)
        clean = function(centres)

        def error(grid: QuantParams, least: float) -> float:
            off = np.abs(function(fake_quantize(centres, grid)) - clean).astype(np.float64)
            return float(np.dot(weights, off**power))

        return Search(error, self._qm.plan.owned[root]).run(self._qm.params[root])


def _same(values: Floats) -> Floats:
    return values


def _counted(
    model: ir.Model, bounds: Mapping[str, tuple[float, float]], images: Sequence[Feed], threads: int
) -> dict[str, Ints]:
    """Histogram of each tensor on `BINS` bins between its bounds."""
    counts = {name: np.zeros(BINS, np.int64) for name in bounds}
    if not bounds:
        return counts
    runner = OrtRunner(with_codes(model, bounds), threads)
    for image in images:
        found = runner.run(image)
        for name, total in counts.items():
            total += np.bincount(np.minimum(found[f"{name}:codes"].ravel(), BINS - 1), minlength=BINS)
    return counts
