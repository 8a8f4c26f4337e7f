"""One thing rounded, all else in float: the trials of which a table of losses is made, and how they are run.

A weight is rounded to the nearest grid of its layer (`detquant.calibration.weight_grid`, the limits of the target
kept), and the mean error that this leaves in each output channel is taken out of the bias, as every recipe does later
(`detquant.algorithms.bias_correction`, fast). Activations are rounded on the grids that calibration finds at that
width.

Opening a model takes as long as running it a few times. So one session serves all widths of a layer, whose weight and
bias are inputs of the model then, and one serves several grids of activations, which are switched on one at a time
(`detquant.graph.switches`). A trial is small, and the worker makes the model from it: the float model and the images
travel once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import onnx_ir as ir

from detquant.algorithms.bias_correction import mean_error
from detquant.algorithms.damage import with_flags
from detquant.calibration import QuantModel, activation_grids, weight_grid
from detquant.calibration.invariants import input_of
from detquant.graph.running import OrtRunner
from detquant.graph.switches import with_switches
from detquant.graph.traits import OPS, bias_of, weight_channel_axis, weight_of
from detquant.graph.values import constant, values_by_name
from detquant.numerics import Capability, QType, QuantParams, QuantSpec
from detquant.numerics.arrays import Floats
from detquant.numerics.capability import UP_TO_EIGHT
from detquant.recipes import Dynamic, Fixed, Own, Plan
from detquant.search.measures import Measure

WEIGHT, BIAS, PREFIX = "detquant.weight", "detquant.bias", "detquant.round:"
"""Names of inputs that a trial's model has besides its own."""
ACTIVATIONS = (4, 6, 8, 16)
"""Widths at which activations are tried by default, where the target takes them."""
TOGETHER = 16
"""Grids of activations that share a session."""
ACTIVATIONS = (4, 6, 8, 16)
"""Widths at which activations are tried by default, where the target takes them."""


Key = tuple[str, str, int]
"""What is rounded ("weight" or "tensor"), its name, and to how many bits."""
Losses = dict[Key, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WeightTrial:
    """A layer's weight rounded to some widths, one after the other.

    Attributes:
        layer: name of the operator.
        specs: the wishes for its weight.
        x: grid of its input, None in float.
        peaks: largest real value of each input channel, where the target's sums could overflow.
        mean: mean of each input channel; None where it is not known.
    """

    layer: str
    specs: tuple[QuantSpec, ...]
    x: QuantParams | None = None
    peaks: Floats | None = None
    mean: Floats | None = None

    def losses(self, subject: Subject) -> Losses:
        """The loss when this weight alone is rounded, for each width."""
        node = next(node for node in subject.model.graph if node.name == self.layer)
        runner = OrtRunner(with_open_layer(subject.model, self.layer))
        return {
            ("weight", self.layer, spec.qtype.bits): subject.measure(
                partial(with_flags, runner.run, self._rounded(node, spec))
            )
            for spec in self.specs
        }

    def _rounded(self, node: ir.Node, spec: QuantSpec) -> dict[str, Floats]:
        """The rounded weight, and the bias without the mean error, as inputs."""
        exact, bias = constant(weight_of(node)), constant(bias_of(node))
        assert exact is not None
        rounded = weight_grid(node, spec, x=self.x, peaks=self.peaks).values
        fed = {WEIGHT: rounded}
        if has_open_bias(node):
            channels = exact.shape[weight_channel_axis(node)] if bias is None else 0
            fed[BIAS] = np.zeros(channels, np.float32) if bias is None else np.asarray(bias, np.float32)
            if self.mean is not None:
                fed[BIAS] = fed[BIAS] + mean_error(node, exact, rounded, self.mean)
        return fed


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TensorTrial:
    """Activations on some grids rounded, one grid after the other.

    Attributes:
        grids: root of a grid -> the grid of each tensor that lies on it, by name: the same one.
    """

    grids: Mapping[str, Mapping[str, QuantParams]]

    def losses(self, subject: Subject) -> Losses:
        """The loss when activations on one grid alone are rounded, for each grid."""
        tensors = {name: grid for of_root in self.grids.values() for name, grid in of_root.items()}
        switch_of = {name: PREFIX + root for root, of_root in self.grids.items() for name in of_root}
        runner = OrtRunner(with_switches(subject.model, tensors, switch_of))
        return {
            ("tensor", root, next(iter(of_root.values())).qtype.bits): subject.measure(
                partial(with_flags, runner.run, {PREFIX + other: np.array(other == root) for other in self.grids})
            )
            for root, of_root in self.grids.items()
        }


Trial = WeightTrial | TensorTrial


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subject:
    """What all trials share: the float model, and how a loss is measured.

    Attributes:
        model: the float model; it travels as the bytes of its file.
        measure: gives the loss of what runs.
    """

    model: ir.Model
    measure: Measure


def run_trial(subject: Subject, trial: Trial) -> Losses:
    """The losses of one trial; runs in any process."""
    return trial.losses(subject)


def has_open_bias(node: ir.Node) -> bool:
    """Whether a layer's bias is an input of its trial: that of a convolution, whose mean error is known."""
    return node.op_type == "Conv"


def with_open_layer(model: ir.Model, layer: str) -> ir.Model:
    """A copy of the model in which the weight of a layer is an input, and a convolution's bias too.

    Args:
        model: prepared float graph.
        layer: name of the operator.
    """
    model = model.clone()
    node = next(node for node in model.graph if node.name == layer)
    traits, weight = OPS[node.op_type], weight_of(node)
    assert weight is not None and traits.weight_input is not None
    _open(model.graph, node, traits.weight_input, ir.Value(name=WEIGHT, shape=weight.shape, type=weight.type))
    if has_open_bias(node):
        assert traits.bias_input is not None and weight.shape is not None
        node.resize_inputs(max(len(node.inputs), traits.bias_input + 1))
        channels = ir.Shape([weight.shape[weight_channel_axis(node)]])
        _open(model.graph, node, traits.bias_input, ir.Value(name=BIAS, shape=channels, type=weight.type))
    return model


def _open(graph: ir.Graph, node: ir.Node, position: int, value: ir.Value) -> None:
    graph.inputs.append(value)
    node.replace_input_with(position, value)


def weight_trials(qm: QuantModel, capability: Capability, widths: Mapping[str, Sequence[int]]) -> list[WeightTrial]:
    """Each layer at each of its widths.

    Args:
        qm: calibrated.
        capability: the target's facts.
        widths: layer -> widths.
    """
    nodes, means = {n.name or "": n for n in qm.reference.graph}, qm.statistics.channel_means()
    trials = []
    for layer, several in widths.items():
        node = nodes[layer]
        (x, peaks), tensor = input_of(qm, node, capability), node.inputs[0]
        mean = means.get(tensor.name or "") if tensor is not None else None
        specs = tuple(at_width(qm.plan.weights[layer], bits) for bits in several)
        trials.append(WeightTrial(layer=layer, specs=specs, x=x, peaks=peaks, mean=mean))
    return trials


def at_width(spec: QuantSpec, bits: int) -> QuantSpec:
    """The wish with another width; below 8 bits by the smallest squared error, since clipping pays there."""
    observer = "mse" if bits < 8 else spec.observer
    return replace(spec, qtype=QType(bits, spec.qtype.signed), observer=observer)


def tensor_trials(qm: QuantModel, widths: Mapping[str, Sequence[int]]) -> list[TensorTrial]:
    """Each grid of activations at each of its widths.

    Args:
        qm: calibrated.
        widths: root -> widths.
    """
    tensors: dict[str, list[str]] = {}
    for name in qm.activations:
        tensors.setdefault(qm.plan.root(name), []).append(name)
    trials = []
    for bits in sorted({bits for several in widths.values() for bits in several}):
        grids = activation_grids(qm.reference, all_at_width(qm.plan, bits), qm.statistics)
        roots = [root for root, several in widths.items() if bits in several]
        for start in range(0, len(roots), TOGETHER):
            part = roots[start : start + TOGETHER]
            trials.append(TensorTrial(grids={root: dict.fromkeys(tensors[root], grids[root]) for root in part}))
    return trials


def all_at_width(plan: Plan, bits: int) -> Plan:
    """The plan with all activations at one width."""

    def wider(spec: QuantSpec) -> QuantSpec:
        return replace(spec, qtype=QType(bits, spec.qtype.signed))

    points = {
        name: replace(point, spec=wider(point.spec)) if isinstance(point, Own | Fixed) else point
        for name, point in plan.points.items()
    }
    return replace(plan, points=points)


def layer_widths(qm: QuantModel, capability: Capability, wished: tuple[int, ...] | None) -> dict[str, tuple[int, ...]]:
    """The widths that each layer's weight may have on a target, of those that are wished for; all up to 8 by default.

    Args:
        qm: calibrated.
        capability: the target's facts.
        wished: widths in bits.
    """
    operators, integer = {n.name or "": n.op_type for n in qm.reference.graph}, set(qm.plan.integer)
    found = {}
    for layer in qm.plan.weights:
        kernel = capability.kernels.get(operators[layer])
        on_codes = kernel.weight_bits if kernel is not None and not dynamic(qm.plan) else frozenset({8})
        found[layer] = tuple(
            sorted(set(UP_TO_EIGHT if wished is None else wished) & (on_codes if layer in integer else UP_TO_EIGHT))
        )
    return {layer: several for layer, several in found.items() if several}


def dynamic(plan: Plan) -> bool:
    """Whether grids of activations are found as the model runs."""
    return any(isinstance(point, Dynamic) for point in plan.points.values())


def tensor_widths(qm: QuantModel, capability: Capability, wished: tuple[int, ...] | None) -> dict[str, tuple[int, ...]]:
    """The widths that activations on each grid may have: those that all operators around it take.

    Args:
        qm: calibrated.
        capability: the target's facts.
        wished: widths in bits; None for `ACTIVATIONS`.
    """
    integer, activations = {n.name or "" for n in qm.reference.graph} & set(qm.plan.integer), qm.activations
    around: dict[str, set[int]] = {}
    for node in qm.reference.graph:
        if node.name not in integer:
            continue
        kernel = capability.kernels.get(node.op_type)
        for value in (*node.inputs, *node.outputs):
            if value is not None and value.name in activations:
                root = qm.plan.root(value.name)
                taken = set(kernel.activation_bits) - capability.float_bits if kernel is not None else {8}
                around[root] = around.get(root, set(ACTIVATIONS if wished is None else wished)) & taken
    roots = dict.fromkeys(qm.plan.root(name) for name in activations)
    return {root: tuple(sorted(around[root])) for root in roots if around.get(root)}


def writers_of(qm: QuantModel, root: str) -> tuple[str, ...]:
    """The integer operators that write what lies on a grid; none where something else does too, such as the image."""
    values, integer = values_by_name(qm.reference.graph), set(qm.plan.integer)
    writers = [values[name].producer() for name in qm.plan.sources[root]]
    names = [node.name or "" for node in writers if node is not None and node.name in integer]
    return tuple(dict.fromkeys(names)) if len(names) == len(writers) else ()
