"""The quantised network, run as far as the next layers that are to be solved; most of what is kept between is codes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import onnx_ir as ir

from detquant.algorithms._base import Context
from detquant.algorithms.layerwise.spilled import Spilled
from detquant.algorithms.layerwise.staged_run import StagedRun
from detquant.calibration import Images, QuantModel
from detquant.graph.qdq import insert_qdq, storage
from detquant.graph.running import OrtRunner, emulating
from detquant.graph.saturation import with_saturation
from detquant.graph.values import values_by_name
from detquant.numerics import QuantParams, fake_quantize
from detquant.numerics.arrays import Array, Floats


class QuantizedSide(StagedRun):
    """A network whose layers get their codes one after another.

    Args:
        qm: who uses this changes its weights, and their grids, in place before they are run.
        images: see `StagedRun`, as the others.
        context: threads of the runtime, and the target, for which it stands in.
        layers: names of the layers whose inputs will be asked for.
    """

    def __init__(self, qm: QuantModel, images: Images, context: Context, layers: Iterable[str]) -> None:
        super().__init__(qm.model, images, context.threads, layers)
        self.qm, self.level = qm, emulating(limited=context.target.capability.pair_saturation)
        self.activations, self.integer = qm.activations, frozenset(qm.plan.integer)

    def as_read(self, layer: ir.Node, name: str, real: Array) -> Array:
        """Codes made by others are on the grid; a real tensor is rounded by the integer layer that reads it."""
        grid = self.activations.get(name)
        if grid is None or layer.name not in self.integer or self._is_codes(name):
            return real
        return fake_quantize(real, grid)

    def part(self, inputs: Sequence[str], outputs: Sequence[str]) -> OrtRunner:
        """What runs from some tensors to others; of integer operators it gives codes."""
        part = self.extracted(inputs, outputs)
        names, nodes = values_by_name(part.graph), {node.name or "" for node in part.graph}
        qdq = insert_qdq(
            part,
            activations={name: grid for name, grid in self.activations.items() if name in names},
            weights={name: grid for name, grid in self.qm.weights.items() if name in nodes},
            nodes=self.integer & nodes,
        )
        for place, out in enumerate(qdq.graph.outputs):
            name = out.name or ""
            if self._is_codes(name):
                dq = out.producer()
                assert dq is not None and dq.inputs[0] is not None
                out.name, dq.inputs[0].name = f"{name}_real", name
                qdq.graph.outputs[place] = dq.inputs[0]
        return OrtRunner(with_saturation(qdq), self.threads, optimisation=self.level)

    def room(self, name: str) -> Spilled:
        """The file of a tensor: of codes where it has some."""
        return Spilled(self.shape(name), storage(self.activations[name].qtype) if self._is_codes(name) else np.float32)

    def real(self, name: str, array: Array) -> Array:
        """The real numbers of codes."""
        return reals_of(array, self.activations[name]) if self._is_codes(name) else array

    def _is_codes(self, name: str) -> bool:
        """Whether a tensor is nothing but codes: an integer operator has made it."""
        producer = self.value(name).producer()
        return name in self.activations and producer is not None and producer.name in self.integer


def reals_of(codes: Array, grid: QuantParams) -> Floats:
    """The real values of codes on a grid of one scale."""
    low = grid.qtype.qmin
    table = np.asarray((np.arange(low, grid.qtype.qmax + 1) - grid.zero_point) * grid.scale, np.float32)
    return np.take(table, codes.astype(np.int32) - low)
