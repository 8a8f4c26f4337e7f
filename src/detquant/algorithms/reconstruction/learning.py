"""The numbers of one unit learnt: it is to give in the quantised net what it gives in the float one.

    minimise   sum over outputs |y_q - y|^2 / (|y|^2 E)  +  regularisation mean f,         E: the error at the start

over the rounding variables of its weights (f: see `rounding_variables`), its biases, and steps of activations. Its
inputs come from the quantised net so far, its outputs from the float net. Adam (Kingma and Ba 2015).
"""

from __future__ import annotations

# torch is untyped where it is not installed, and its modules are made to be subclassed
# mypy: allow-subclassing-any
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import fx, nn

from detquant.algorithms.reconstruction.activation_steps import StepVariable, mixed
from detquant.algorithms.reconstruction.numbers import Numbers, largest_bias, nearest_codes, own_roots
from detquant.algorithms.reconstruction.rounding_variables import RoundingVariables, beta_at
from detquant.algorithms.reconstruction.settings import Settings
from detquant.algorithms.reconstruction.tensors import Kept, aligned
from detquant.algorithms.reconstruction.twin import Function, Twin, Values, compute
from detquant.algorithms.reconstruction.units import Unit
from detquant.algorithms.reconstruction.windows import Place, Windows
from detquant.calibration import QuantModel, WeightLimits
from detquant.numerics.arrays import Floats

LOOK = 20
"""Iterations after which it is looked at whether all variables have settled, and told how far it is."""
MOST_SAMPLES = 32
Told = Callable[[int], None]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Shown:
    """What a unit is shown: its inputs in both nets and its outputs in the float net, on all images.

    Attributes:
        rounded: its inputs in the quantised net.
        exact: the same in the float net.
        wanted: for each node whose result counts, what it gives in the float net.
    """

    rounded: Mapping[fx.Node, Kept]
    exact: Mapping[fx.Node, Kept]
    wanted: Mapping[fx.Node, Kept]


def errors(
    unit: Unit, shown: Shown, functions: Mapping[fx.Node, Function], images: Sequence[int]
) -> dict[fx.Node, float]:
    """The squared error of each result that counts, as a share of its square, over whole images.

    Args:
        unit: the unit.
        shown: its tensors.
        functions: what its nodes compute.
        images: the images.
    """
    missed, square = dict.fromkeys(shown.wanted, 0.0), dict.fromkeys(shown.wanted, 0.0)
    with torch.no_grad():
        for image in images:
            values: Values = {node: shown.rounded[node].read([image]) for node in unit.inputs}
            compute(unit.nodes, values, functions)
            for node, kept in shown.wanted.items():
                wanted = kept.read([image])
                missed[node] += float((values[node] - wanted).square().sum(dtype=torch.float64))
                square[node] += float(wanted.square().sum(dtype=torch.float64))
    return {node: missed[node] / max(square[node], 1e-30) for node in missed}


class Learner(nn.Module):
    """The variables of a unit, and the unit computed on them.

    Args:
        twin: the nets.
        unit: the unit.
        qm: the model; its numbers are where the variables start.
        start: these numbers, within the limits.
        limits: limits of all layers.
        settings: how it is done.
    """

    def __init__(
        self,
        twin: Twin,
        unit: Unit,
        qm: QuantModel,
        start: Numbers,
        limits: Mapping[str, WeightLimits],
        settings: Settings,
    ) -> None:
        super().__init__()
        self.twin, self.unit, self.settings, self.start = twin, unit, settings, start
        self.weights, self.shifts, self.steps = nn.ModuleList(), nn.ParameterDict(), nn.ModuleList()
        self.biases = {name: _tensor(start.biases[name]) for name in unit.layers}
        self.room = {name: _tensor(largest_bias(qm, name)) for name in unit.layers}
        self.sizes: dict[str, float] = {}
        for k, name in enumerate(unit.layers):
            exact, nearest = nearest_codes(qm, name, limits[name])
            untouched = np.array_equal(nearest, start.codes[name])
            allowed, grid = limits[name].allowed, qm.weights[name]
            mask = None if allowed is None else allowed.mask
            self.weights.append(RoundingVariables(start.codes[name], grid, exact if untouched else None, mask))
            if settings.biases and (channels := self._channels(name, integer=name in qm.plan.integer)):
                self.shifts[str(k)] = nn.Parameter(torch.zeros(channels))
        grids = {node: tensor for node, tensor in twin.grids.items() if node in unit.nodes}
        roots = own_roots(qm, twin, set(grids.values())) if settings.activation_steps else {}
        self.of_root = dict[str, StepVariable]()
        self.functions = {node: twin.rounded[node] for node in unit.nodes}
        for k, name in enumerate(unit.layers):
            self.functions[twin.layers[name]] = self._layer(k, name)
        for node, tensor in grids.items():
            root = qm.plan.root(tensor)
            if root in roots and root not in self.of_root:
                self.of_root[root] = StepVariable(twin.grid(node), power_of_two=qm.plan.owned[root].power_of_two)
                self.steps.append(self.of_root[root])
            self.functions[node] = self.of_root.get(root, twin.grid(node))

    def _channels(self, name: str, *, integer: bool) -> tuple[int, ...] | None:
        """The shape of a layer's bias, or of the first one of a convolution in integers; None for all else."""
        bias, node = self.start.biases[name], self.twin.layers[name]
        if bias is not None:
            return bias.shape
        return (len(self.twin.layer(node).weight),) if self.twin.kinds[node] == "Conv" and integer else None

    def _layer(self, k: int, name: str) -> Function:
        layer = self.twin.layer(self.twin.layers[name])
        return lambda data: layer.function(data, self.weights[k](), self._bias(k, name))

    def _bias(self, k: int, name: str) -> torch.Tensor | None:
        before, room = self.biases[name], self.room[name]
        if str(k) not in self.shifts:
            return before
        moved = self.shifts[str(k)] * self.sizes.get(name, 0.0)
        whole = moved if before is None else moved + before
        return whole if room is None else torch.minimum(torch.maximum(whole, -room), room)

    def measure_biases(self, shown: Shown, image: int) -> None:
        """Finds for each layer how large an error of its bias is there: the error of its result."""
        with torch.no_grad():
            rounded: Values = {node: shown.rounded[node].read([image]) for node in self.unit.inputs}
            exact: Values = {node: shown.exact[node].read([image]) for node in self.unit.inputs}
            compute(self.unit.nodes, rounded, self.twin.rounded)
            compute(self.unit.nodes, exact, self.twin.exact)
        for name in self.unit.layers:
            node = self.twin.layers[name]
            self.sizes[name] = float((rounded[node] - exact[node]).square().mean().sqrt())

    def loss(
        self,
        shown: Shown,
        samples: Sequence[tuple[int, Place]],
        windows: Windows,
        shares: Mapping[fx.Node, float],
        random: torch.Generator,
    ) -> torch.Tensor:
        """The error of the unit's results on some samples.

        Args:
            shown: the unit's tensors.
            samples: image and place of each.
            windows: how they are taken.
            shares: what a squared error of each result is multiplied by.
            random: decides what is dropped.
        """
        total = torch.zeros(())
        for part in [samples] if windows.stacked else [[one] for one in samples]:
            values: Values = {}
            for node in self.unit.inputs:
                rounded = _stack(shown.rounded[node], part, windows)
                drops = self.settings.drop > 0
                exact = _stack(shown.exact[node], part, windows) if drops else rounded
                values[node] = mixed(rounded, exact, self.settings.drop, random)
            compute(self.unit.nodes, values, self._dropping(random))
            for node, share in shares.items():
                wanted = _stack(shown.wanted[node], part, windows)
                error = (values[node] - wanted).square()
                if windows.margin:
                    seen = torch.stack([windows.seen(wanted, place) for _, place in part])[:, None]
                    error = error * seen / seen.mean()
                total = total + error.mean() * share * (len(part) / len(samples))
        return total

    def _dropping(self, random: torch.Generator) -> Mapping[fx.Node, Function]:
        if self.settings.drop <= 0:
            return self.functions

        def dropped(grid: Function) -> Function:
            return lambda data: mixed(grid(data), data, self.settings.drop, random)

        grids = {node: dropped(self.functions[node]) for node in self.unit.nodes if node in self.twin.grids}
        return {**self.functions, **grids}

    def between(self, beta: float) -> torch.Tensor:
        """The mean of the regulariser over all weights of the unit."""
        parts = [one.between(beta) for one in self.weights]
        return torch.stack(parts).sum() / sum(one.low.numel() for one in self.weights)

    def settled(self) -> bool:
        """Whether all codes are decided."""
        return all(one.settled() for one in self.weights)

    def numbers(self) -> Numbers:
        """What has been learnt."""
        with torch.no_grad():
            biases = {name: self._bias(k, name) for k, name in enumerate(self.unit.layers)}
        return Numbers(
            codes={name: self.weights[k].codes() for k, name in enumerate(self.unit.layers)},
            biases={name: None if bias is None else _array(bias) for name, bias in biases.items()},
            scales={root: step.found() for root, step in self.of_root.items()},
        )


def learn(
    learner: Learner,
    shown: Shown,
    images: Sequence[int],
    windows: Windows,
    shares: Mapping[fx.Node, float],
    random: torch.Generator,
    told: Told,
) -> Numbers:
    """Learns the numbers of a unit.

    Args:
        learner: its variables.
        shown: its tensors.
        images: the images to learn from.
        windows: how samples are taken.
        shares: what a squared error of each result is multiplied by.
        random: draws samples and what is dropped.
        told: called with the number of iterations that are done.
    """
    settings = learner.settings
    learner.measure_biases(shown, images[0])
    count = _count(windows, shown, settings.batch, len(images))
    adam = torch.optim.Adam(learner.parameters(), lr=settings.lr)
    for done in range(settings.iterations):
        samples = [
            (images[int(torch.randint(0, len(images), (), generator=random))], windows.draw(random))
            for _ in range(count)
        ]
        adam.zero_grad()
        loss = learner.loss(shown, samples, windows, shares, random)
        beta = beta_at(done / settings.iterations, settings.warmup)
        if beta is not None:
            loss = loss + settings.regularisation * learner.between(beta)
        loss.backward()
        adam.step()
        if done % LOOK == LOOK - 1:
            told(done + 1)
            if beta is not None and learner.settled():
                break
    return learner.numbers()


def _count(windows: Windows, shown: Shown, batch: int, images: int) -> int:
    """How many samples make up a batch of so many places."""
    if windows.size is not None:
        rows, columns = (side - 2 * windows.margin for side in windows.sides)
        return max(1, min(round(batch / (rows * columns)), MOST_SAMPLES))
    shapes = [kept.shape for kept in shown.wanted.values()]
    places = min(int(np.prod(shape[2:])) if len(shape) == 4 else 1 for shape in shapes)
    return max(1, min(round(batch / places), images, MOST_SAMPLES))


def _stack(kept: Kept, samples: Sequence[tuple[int, Place]], windows: Windows) -> torch.Tensor:
    images = [image for image, _ in samples]
    if windows.size is None:
        return kept.read(images)
    return kept.read(images, [windows.part(kept.shape, place) for _, place in samples])


def _tensor(array: Floats | None) -> torch.Tensor | None:
    return None if array is None else aligned(array)


def _array(tensor: torch.Tensor) -> Floats:
    return np.array(tensor.numpy(), np.float32)
