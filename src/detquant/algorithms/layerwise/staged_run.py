"""A network run as far as the next layers that are to be solved, on all images, and no node twice.

Between two calls only what is still to be read lies in files. So a network of L layers takes one run over the images in
all, and not L of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import onnx_ir as ir

from detquant.algorithms.layerwise.spilled import Spilled
from detquant.calibration import Images
from detquant.graph.running import OrtRunner
from detquant.graph.values import static_shape, values_by_name
from detquant.numerics.arrays import Array


class StagedRun:
    """A network whose layers change one after another.

    Args:
        model: who uses this changes its weights in place before they are run.
        images: go by once for each call that needs the network's inputs.
        threads: of the runtime.
        layers: names of the layers whose inputs will be asked for; what none of them needs is never run.
    """

    def __init__(self, model: ir.Model, images: Images, threads: int, layers: Iterable[str]) -> None:
        self.model, self.images, self.threads = model, images, threads
        self._values = values_by_name(model.graph)
        self._inputs = {value.name or "" for value in model.graph.inputs}
        named = set(layers)
        readers = [node for node in model.graph if node.name in named]
        self._asked = set(readers) | _before(value for node in readers for value in node.inputs[:1])
        self._done = set[ir.Node]()
        self._kept = dict[str, Spilled]()

    def inputs_of(self, layers: Sequence[ir.Node]) -> Iterator[list[Array]]:
        """Runs what is missing; gives what each layer reads on each image: real numbers, on its grid if it has one."""
        names = [node.inputs[0].name or "" if node.inputs[0] is not None else "" for node in layers]
        for found in self.advance(list(dict.fromkeys(names))):
            yield [self.as_read(node, name, found[name]) for node, name in zip(layers, names, strict=True)]

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
        runner = self.part(inputs, outputs) if outputs else None
        room = {name: self.room(name) for name in outputs if name in crossing}
        for place, feed in enumerate(self._feeds({*inputs, *names})):
            read = {name: self._read(name, place, feed) for name in {*inputs, *names} if name not in made}
            found = runner.run({name: read[name] for name in inputs}) if runner else {}
            for name, spilled in room.items():
                spilled.put(place, found[name])
            yield {name: self.real(name, found[name]) if name in made else read[name] for name in names}
        self._done = after
        for name in self._kept.keys() - crossing:
            self._kept.pop(name).close()
        self._kept |= room

    def close(self) -> None:
        """Gives all space back."""
        while self._kept:
            self._kept.popitem()[1].close()

    def part(self, inputs: Sequence[str], outputs: Sequence[str]) -> OrtRunner:
        """What runs from some tensors, given as real numbers, to others, given out as they are kept in files."""
        return OrtRunner(self.extracted(inputs, outputs), self.threads)

    def as_read(self, layer: ir.Node, name: str, real: Array) -> Array:
        """What a layer makes of a tensor of real numbers before it multiplies."""
        return real

    def room(self, name: str) -> Spilled:
        """The file of a tensor."""
        return Spilled(self.shape(name), np.float32)

    def real(self, name: str, array: Array) -> Array:
        """The real numbers of a tensor as it is kept in its file."""
        return array

    def extracted(self, inputs: Sequence[str], outputs: Sequence[str]) -> ir.Model:
        """The part of the graph between some tensors and others."""
        graph = ir.convenience.extract(self.model.graph, inputs, outputs)
        return ir.Model(graph, ir_version=self.model.ir_version)

    def value(self, name: str) -> ir.Value:
        """A value of the graph."""
        return self._values[name]

    def shape(self, name: str) -> Sequence[int]:
        """Shape of a tensor."""
        shape = static_shape(self._values[name])
        assert shape is not None, "shapes of prepared graphs are static"
        return shape

    def _feeds(self, names: set[str]) -> Iterable[Mapping[str, Array]]:
        return self.images if names & self._inputs else ({} for _ in range(len(self.images)))

    def _read(self, name: str, place: int, feed: Mapping[str, Array]) -> Array:
        return feed[name] if name in self._inputs else self.real(name, self._kept[name].at(place))

    def _is_fed(self, value: ir.Value, made: set[str]) -> bool:
        return value.name not in made and (value.is_graph_input() or value.producer() is not None)

    def _crosses(self, name: str, after: set[ir.Node]) -> bool:
        value = self._values[name]
        if value.producer() not in after:
            return False
        return any(node in self._asked and node not in after for node, _ in value.uses())


def _before(values: Iterable[ir.Value | None]) -> set[ir.Node]:
    """All nodes that these values need."""
    found, todo = set[ir.Node](), [value.producer() for value in values if value is not None]
    while todo:
        node = todo.pop()
        if node is not None and node not in found:
            found.add(node)
            todo.extend(value.producer() for value in node.inputs if value is not None)
    return found
