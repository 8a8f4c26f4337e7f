"""The quantised network, run as far as the next layers that are to be solved, on all images, and no node twice.

Between two calls only what is still to be read lies in files, most of it as codes. So a network of L layers takes one
run over the images in all, and not L of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import onnx_ir as ir

from detquant.algorithms.refit.spilled import Spilled
from detquant.calibration import Images, QuantModel
from detquant.graph.qdq import insert_qdq, storage
from detquant.graph.running import OrtRunner
from detquant.graph.saturation import with_saturation
from detquant.graph.values import static_shape, values_by_name
from detquant.numerics import QuantParams, fake_quantize
from detquant.numerics.arrays import Array, Floats


class QuantizedSide:
    """A network whose layers get their codes one after another.

    Args:
        qm: who uses this changes its weights, and their grids, in place before they are run.
        images: go by once for each call that needs the network's inputs.
        threads: of the runtime.
        layers: names of the layers whose inputs will be asked for; what none of them needs is never run.
    """

    def __init__(self, qm: QuantModel, images: Images, threads: int, layers: Iterable[str]) -> None:
        self.qm, self.images, self.threads = qm, images, threads
        self.activations, self.integer = qm.activations, frozenset(qm.plan.integer)
        self._values = values_by_name(qm.model.graph)
        self._inputs = {value.name or "" for value in qm.model.graph.inputs}
        named = set(layers)
        readers = [node for node in qm.model.graph if node.name in named]
        self._asked = set(readers) | _before(value for node in readers for value in node.inputs[:1])
        self._done = set[ir.Node]()
        self._kept = dict[str, Spilled]()

    def inputs_of(self, layers: Sequence[ir.Node]) -> Iterator[list[Array]]:
        """Runs what is missing; gives what each layer reads on each image: real numbers, on its grid if it has one."""
        names = [node.inputs[0].name or "" if node.inputs[0] is not None else "" for node in layers]
        for found in self.advance(list(dict.fromkeys(names))):
            yield [self._as_read(node, name, found[name]) for node, name in zip(layers, names, strict=True)]

    def _as_read(self, layer: ir.Node, name: str, real: Array) -> Array:
        """Codes made by others are on the grid; a real tensor is rounded by the integer layer that reads it."""
        grid = self.activations.get(name)
        if grid is None or layer.name not in self.integer or self._is_codes(name):
            return real
        return fake_quantize(real, grid)

    def advance(self, names: Sequence[str]) -> Iterator[dict[str, Array]]:
        """Runs what is missing; gives the named tensors of each image as real numbers."""
        fresh = _before(self._values[name] for name in names) - self._done
        made = {out.name or "" for node in fresh for out in node.outputs}
        after = self._done | fresh
        crossing = {name for name in self._values if self._crosses(name, after)}
        outputs = [name for name in dict.fromkeys([*names, *sorted(crossing)]) if name in made]
        inputs = sorted(
            {v.name or "" for node in fresh for v in node.inputs if v is not None and self._is_fed(v, made)}
        )
        runner = self._runner(inputs, outputs) if outputs else None
        room = {name: self._room(name) for name in outputs if name in crossing}
        for place, feed in enumerate(self._feeds({*inputs, *names})):
            read = {name: self._read(name, place, feed) for name in {*inputs, *names} if name not in made}
            found = runner.run({name: read[name] for name in inputs}) if runner else {}
            for name, spilled in room.items():
                spilled.put(place, found[name])
            yield {name: self._real(name, found[name]) if name in made else read[name] for name in names}
        self._done = after
        for name in self._kept.keys() - crossing:
            self._kept.pop(name).close()
        self._kept |= room

    def close(self) -> None:
        """Gives all space back."""
        while self._kept:
            self._kept.popitem()[1].close()

    def _feeds(self, names: set[str]) -> Iterable[Mapping[str, Array]]:
        return self.images if names & self._inputs else ({} for _ in range(len(self.images)))

    def _read(self, name: str, place: int, feed: Mapping[str, Array]) -> Array:
        return feed[name] if name in self._inputs else self._real(name, self._kept[name].at(place))

    def _is_fed(self, value: ir.Value, made: set[str]) -> bool:
        return value.name not in made and (value.is_graph_input() or value.producer() is not None)

    def _crosses(self, name: str, after: set[ir.Node]) -> bool:
        value = self._values[name]
        if value.producer() not in after:
            return False
        return any(node in self._asked and node not in after for node, _ in value.uses())

    def _is_codes(self, name: str) -> bool:
        """Whether a tensor is nothing but codes: an integer operator has made it."""
        producer = self._values[name].producer()
        return name in self.activations and producer is not None and producer.name in self.integer

    def _runner(self, inputs: Sequence[str], outputs: Sequence[str]) -> OrtRunner:
        """What runs from some tensors to others; of integer operators it gives codes."""
        graph = ir.convenience.extract(self.qm.model.graph, inputs, outputs)
        part = ir.Model(graph, ir_version=self.qm.model.ir_version)
        names, nodes = values_by_name(graph), {node.name or "" for node in graph}
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
        return OrtRunner(with_saturation(qdq), self.threads)

    def _room(self, name: str) -> Spilled:
        shape = static_shape(self._values[name])
        assert shape is not None, "shapes of prepared graphs are static"
        return Spilled(shape, storage(self.activations[name].qtype) if self._is_codes(name) else np.float32)

    def _real(self, name: str, array: Array) -> Array:
        return reals_of(array, self.activations[name]) if self._is_codes(name) else array


def reals_of(codes: Array, grid: QuantParams) -> Floats:
    """The real values of codes on a grid of one scale."""
    low = grid.qtype.qmin
    table = np.asarray((np.arange(low, grid.qtype.qmax + 1) - grid.zero_point) * grid.scale, np.float32)
    return np.take(table, codes.astype(np.int32) - low)


def _before(values: Iterable[ir.Value | None]) -> set[ir.Node]:
    """All nodes that these values need."""
    found, todo = set[ir.Node](), [value.producer() for value in values if value is not None]
    while todo:
        node = todo.pop()
        if node is not None and node not in found:
            found.add(node)
            todo.extend(value.producer() for value in node.inputs if value is not None)
    return found
