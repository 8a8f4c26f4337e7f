"""The loss of the next layers: what the rounding of a tensor does to what the layers behind it give.

    L(q) = sum over the layers with weight W that read x, of   sum_c E[(W * (q(x) - x))_c ^ 2] / sum_c Var[(W * x)_c]

with mean and variance over positions and images. It is noise by signal of each layer, so layers count alike whatever
the size of their numbers. Between x and a layer may stand all that has no weight (`detquant.graph.next_layers`), with
its other inputs as the float model has them. What has a grid on the way is rounded to it, since a SiLU's input may be
clipped where the steps of its output swallow the difference, and nowhere else. Where a bias is to take the mean error
of its channel afterwards, E is the variance. Where no layer follows, the tensor's own error counts: W is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from detquant.calibration import Feed, QuantModel
from detquant.calibration.probes import channel_axis
from detquant.graph.next_layers import next_layers
from detquant.graph.open_grids import grid_feeds, with_open_grids
from detquant.graph.running import OrtRunner
from detquant.graph.taps import with_taps_only
from detquant.graph.values import static_shape, values_by_name
from detquant.numerics import QuantParams, fake_quantize

ENOUGH = 1 << 21
"""Values that a loss is taken over, where images are enough."""
FEWEST = 2
"""Images that it is taken over all the same, be the tensors as large as they may."""
_FLOAT_BYTES = 4
_LEAST = 1e-20


class NextLayers:
    """The layers that read the tensors on one grid, and what is between.

    Args:
        qm: the model.
        root: name of the tensor that the grid is of (`Plan.root`).
    """

    def __init__(self, qm: QuantModel, root: str) -> None:
        self.root, self.tensors = root, qm.plan.sources[root]
        self.on_the_way = set[str]()
        self.part: ir.Model | None = None
        reads, self.outputs = self.tensors, self.tensors
        found = next_layers(qm.reference, self.tensors)
        if found is not None:
            reads = tuple(v.name or "" for v in found.graph.inputs)
            self.outputs = tuple(v.name or "" for v in found.graph.outputs)
            key_of = dict.fromkeys(self.tensors, root) | _passed(found, qm)
            self.on_the_way = {*key_of.values()} - {root}
            self.part = with_open_grids(found, key_of, {key: qm.params[key].qtype for key in key_of.values()})
        self.reads = reads
        given = {v.name or "" for v in qm.reference.graph.inputs}
        self.taps = tuple(dict.fromkeys(name for name in (*reads, *self.outputs) if name not in given))
        values = values_by_name(qm.reference.graph)
        self.values = sum(int(np.prod(static_shape(values[name]) or (0,))) for name in self.taps)


def _passed(part: ir.Model, qm: QuantModel) -> dict[str, str]:
    """The tensors with a grid between the first and the layers, with its root."""
    inside = [v.name or "" for node in part.graph for v in node.outputs if not v.is_graph_output()]
    return {name: qm.plan.root(name) for name in inside if name in qm.activations}


class NextLayerLoss:
    """The loss of the next layers on some images: called with a grid.

    Args:
        layers: that read the tensors.
        images: float values by name, of each image: all of `NextLayers.reads` and `NextLayers.taps`.
        params: grids of what is on the way, by root.
        without_mean: whether a bias will take the mean error.
        threads: threads of the runtime.
    """

    def __init__(
        self,
        layers: NextLayers,
        images: Sequence[Feed],
        params: Mapping[str, QuantParams],
        *,
        without_mean: bool = False,
        threads: int = 1,
    ) -> None:
        self._layers, self._images, self._without_mean = layers, images, without_mean
        self._runner = OrtRunner(layers.part, threads) if layers.part is not None else None
        self._way = grid_feeds({root: params[root] for root in layers.on_the_way})
        nothing = {name: np.zeros(1, np.float32) for name in layers.outputs}
        *_, all_of_it = self._sums([nothing] * len(images))
        self._signal = {name: self._variance(one, len(images)) for name, one in all_of_it.items()}

    def __call__(self, grid: QuantParams, limit: float = float("inf")) -> float:
        """The loss of this grid.

        Args:
            grid: of the tensors that the layers read.
            limit: a loss that is too much: where the first images alone make it more, what they make of it is given.
        """
        power, loss = self._variance if self._without_mean else self._mean_square, 0.0
        for seen, noise in enumerate(self._sums(self._rounded(grid)), 1):
            loss = sum(power(noise[name], seen) / max(self._signal[name], _LEAST) for name in noise)
            if loss > limit:
                break
        return loss

    def _rounded(self, grid: QuantParams) -> Iterator[Feed]:
        """What the layers give of each image where the tensors before them lie on a grid."""
        for image in self._images:
            if self._runner is None:
                yield {name: fake_quantize(image[name], grid) for name in self._layers.tensors}
            else:
                feeds = {name: image[name] for name in self._layers.reads}
                yield self._runner.run({**feeds, **self._way, **grid_feeds({self._layers.root: grid})})

    def _sums(self, found: Iterable[Feed]) -> Iterator[dict[str, npt.NDArray[np.float64]]]:
        """Means of ``float - found`` and of its square over positions, ``[2, channels]``, by output, summed so far."""
        total: dict[str, npt.NDArray[np.float64]] = {}
        for image, other in zip(self._images, found, strict=True):
            for name in self._layers.outputs:
                error = np.asarray(image[name], np.float32) - np.asarray(other[name], np.float32)
                others = tuple(a for a in range(error.ndim) if a != channel_axis(error.ndim))
                means = np.stack([error.mean(others, np.float64), np.square(error).mean(others, np.float64)])
                total[name] = total[name] + means if name in total else means
            yield total

    def _mean_square(self, sums: npt.NDArray[np.float64], seen: int) -> float:
        """Squares, summed over channels; those of images that are not seen yet count as none."""
        return float(sums[1].sum()) / len(self._images)

    def _variance(self, sums: npt.NDArray[np.float64], seen: int) -> float:
        """Variances likewise: an image more makes the sum of squares around the mean no smaller."""
        mean, square = sums
        return float(np.maximum(square - mean * mean / seen, 0.0).sum()) / len(self._images)


def with_values(
    model: ir.Model, layers: Sequence[NextLayers], images: Sequence[Feed], most: int, threads: int = 1
) -> Iterator[tuple[NextLayers, Sequence[Feed]]]:
    """Each with what it needs of the float model on some images, which runs as often as that fits into memory in parts.

    Large tensors have so many positions that a few images tell as much of them as many do of a small one: each gets
    the first images, as many as give `ENOUGH` values, and `FEWEST` at least.

    Args:
        model: the float graph.
        layers: in the order in which they are wanted.
        images: network inputs.
        most: bytes of values that are held at a time; what one of them needs may be more.
        threads: threads of the runtime.
    """
    waiting = list(layers)
    while waiting:
        part = [waiting.pop(0)]
        size = _bytes(part[0], images)
        while waiting and size + _bytes(waiting[0], images) <= most:
            size += _bytes(waiting[0], images)
            part.append(waiting.pop(0))
        seen = max(_enough(one, images) for one in part)
        taps = dict.fromkeys(name for one in part for name in one.taps)
        values = _float_values(model, list(taps), images[:seen], threads)
        for one in part:
            yield one, values[: _enough(one, images)]


def _enough(one: NextLayers, images: Sequence[Feed]) -> int:
    """Number of images that this one is looked at on."""
    return min(len(images), max(FEWEST, ENOUGH // max(1, one.values)))


def _bytes(one: NextLayers, images: Sequence[Feed]) -> int:
    return _FLOAT_BYTES * one.values * _enough(one, images)


def _float_values(model: ir.Model, taps: Sequence[str], images: Sequence[Feed], threads: int) -> list[Feed]:
    if not taps:
        return list(images)
    runner = OrtRunner(with_taps_only(model, taps), threads)
    return [{**image, **runner.run(image)} for image in images]
