"""A ``.tflite`` of anyone, in LiteRT's interpreter: its own integers, whatever the imported graph makes of them.

What the importer cut off behind it (an operator that suppresses boxes) is left unread: the tensors that it reads are
taken instead. What it added (boxes in pixels) is done here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import onnx_ir as ir

from detquant.errors import TargetError, in_short
from detquant.graph.values import static_shape
from detquant.importers import OwnFile
from detquant.numerics.arrays import Array
from detquant.targets._base import Arrays
from detquant.targets.own_ports import Port, paired


class OwnTfLite:
    """A file that LiteRT has opened.

    Args:
        interpreter: with its tensors allocated, its input of the size that the graph takes.
        own: the file.
        graph: the graph that was imported from the file.

    Raises:
        TargetError: what it takes and gives is not what the graph does.
    """

    def __init__(self, interpreter: Any, own: OwnFile, graph: ir.Model) -> None:
        self._interpreter, self._factors = interpreter, own.factors
        weights = graph.graph.initializers
        inputs = [value for value in graph.graph.inputs if value.name not in weights]
        taken, given = interpreter.get_input_details(), _given(interpreter, own.tensors)
        self._inputs = _numbered(taken, paired(map(_port, taken), inputs, "inputs"))
        outputs = list(graph.graph.outputs)
        self._shapes = {value.name or "": static_shape(value) or () for value in outputs}
        ports = [_port(detail) for detail in given]
        if own.tensors:  # these are under other names than the heads of the graph, and in its order
            pairs = [(value.name or "", port) for value, port in zip(outputs, ports, strict=True)]
        else:
            pairs = paired(ports, outputs, "outputs")
        self._outputs = _numbered(given, pairs)

    def run(self, feeds: Arrays) -> dict[str, Array]:
        """Outputs by name for inputs by name, as the graph takes and gives them."""
        try:
            for name, (number, port) in self._inputs.items():
                self._interpreter.set_tensor(number, port.stored(np.asarray(feeds[name])))
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise TargetError(f"LiteRT cannot run the model: {in_short(error)}.") from error
        found: dict[str, Array] = {}
        for name, (number, port) in self._outputs.items():
            array = port.real(self._interpreter.get_tensor(number), self._shapes[name])
            found[name] = np.multiply(array, self._factors[name]) if name in self._factors else array
        return found


def _given(interpreter: Any, tensors: tuple[str, ...]) -> list[Mapping[str, Any]]:
    """The outputs of a file, or its tensors of these names."""
    if not tensors:
        return list(interpreter.get_output_details())
    known = {detail["name"]: detail for detail in interpreter.get_tensor_details()}
    if not set(tensors) <= set(known):
        raise TargetError(f"it has no tensors {', '.join(tensors)}")
    return [known[name] for name in tensors]


def _port(detail: Mapping[str, Any]) -> Port:
    scale, zero_point = detail["quantization"]
    shape = tuple(int(size) for size in detail["shape"])
    dtype = np.dtype(detail["dtype"])
    return Port(name=_plain(detail), shape=shape, dtype=dtype, scale=float(scale), zero_point=int(zero_point))


def _plain(detail: Mapping[str, Any]) -> str:
    return str(detail["name"]).removesuffix(":0")


def _numbered(details: Iterable[Mapping[str, Any]], pairs: list[tuple[str, Port]]) -> dict[str, tuple[int, Port]]:
    """The ports by the graph's names, with the interpreter's numbers of their tensors."""
    numbers = {_plain(detail): int(detail["index"]) for detail in details}
    return {name: (numbers[port.name], port) for name, port in pairs}
