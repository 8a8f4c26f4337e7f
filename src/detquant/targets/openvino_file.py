"""An IR of anyone, compiled by OpenVINO as it is: its own grids and preprocessing, whatever the imported graph has.

A DetectionOutput at its end is cut off, as the importer does: the family decodes what it reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import onnx_ir as ir

from detquant.errors import TargetError
from detquant.graph.values import static_shape
from detquant.importers.openvino.detection_output import KIND
from detquant.importers.openvino.ssd_heads import with_raw_heads
from detquant.numerics.arrays import Array
from detquant.targets._base import Arrays, Runner
from detquant.targets.inside import Timed
from detquant.targets.own_ports import TO_LAST, Port, paired

_DTYPES: Mapping[str, type[np.generic]] = {
    **{"f32": np.float32, "f16": np.float16, "u8": np.uint8, "i8": np.int8},
    **{"i32": np.int32, "i64": np.int64, "boolean": np.bool_},
}


def as_imported(model: Any, graph: ir.Model) -> Any:
    """The `openvino.Model` of a file with the graph's image size and, where it ends in boxes, the graph's heads.

    Raises:
        TargetError: the file takes something else.
    """
    shapes = [static_shape(value) or () for value in inputs_of(graph)]
    if len(shapes) != len(model.inputs):
        raise TargetError(f"it has {len(model.inputs)} inputs, and detquant reads it with {len(shapes)}")
    if any(port.get_partial_shape().is_dynamic for port in model.inputs):
        model.reshape({port: _fitting(port, shape) for port, shape in zip(model.inputs, shapes, strict=True)})
    for place, port in enumerate(model.inputs):
        if not port.get_names():
            port.set_names({f"input{place}"})
    ends = [node for node in model.get_ordered_ops() if node.get_type_name() == KIND]
    return with_raw_heads(model, ends[0].input_value(0), ends[0].input_value(1)) if len(ends) == 1 else model


def inputs_of(graph: ir.Model) -> list[ir.Value]:
    """A graph's inputs; old files list weights among them."""
    return [value for value in graph.graph.inputs if value.name not in graph.graph.initializers]


def _fitting(port: Any, shape: tuple[int, ...]) -> list[int]:
    """The graph's shape, as the file has it."""
    asked = port.get_partial_shape()
    for wanted in (shape, tuple(shape[axis] for axis in TO_LAST) if len(shape) == 4 else shape):
        if len(asked) == len(wanted) and all(
            free.is_dynamic or free.get_length() == side for free, side in zip(asked, wanted, strict=True)
        ):
            return list(wanted)
    raise TargetError(f"its input is {asked}, and detquant reads it with {list(shape)}")


class Profiled(Runner, Protocol):
    """A runner that tells the time of its layers."""

    def profile(self, feeds: Arrays, runs: int, seconds: float) -> tuple[Timed, ...]:
        """The time of each layer."""
        ...


class OwnIr:
    """An IR of the user that OpenVINO has compiled.

    Args:
        compiled: the model that OpenVINO has compiled, with feeds and results by name.
        model: the `openvino.Model` that was compiled.
        names: names of its outputs, in order.
        graph: the graph that was imported from the file.

    Raises:
        TargetError: inputs or outputs of the file are not those of the graph.
    """

    def __init__(self, compiled: Profiled, model: Any, names: Sequence[str], graph: ir.Model) -> None:
        self.compiled, outputs = compiled, list(graph.graph.outputs)
        ports = [_port(port, port.get_any_name()) for port in model.inputs]
        self._inputs = paired(ports, inputs_of(graph), "inputs")
        self._outputs = paired(map(_port, model.outputs, names), outputs, "outputs")
        self._shapes = {value.name or "": static_shape(value) or () for value in outputs}
        self._tensors = {node.get_friendly_name(): _tensor_names(node) for node in model.get_ordered_ops()}

    def run(self, feeds: Arrays) -> dict[str, Array]:
        """Outputs by name for inputs by name, as the graph takes and gives them."""
        results = self.compiled.run(self.stored(feeds))
        return {name: port.real(np.asarray(results[port.name]), self._shapes[name]) for name, port in self._outputs}

    def profile(self, feeds: Arrays, runs: int, seconds: float) -> tuple[Timed, ...]:
        """The time of each layer, what it was made of by the names of tensors: those the imported graph has, too."""
        told = self.compiled.profile(self.stored(feeds), runs, seconds)
        return tuple(replace(one, parts=tuple(self._in_the_graph(one.parts))) for one in told)

    def _in_the_graph(self, parts: Sequence[str]) -> Iterator[str]:
        for part in parts:
            yield from self._tensors.get(part) or (part,)

    def stored(self, feeds: Arrays) -> dict[str, Array]:
        """Feeds by the names of the file's own inputs, as it takes them."""
        return {port.name: port.stored(np.asarray(feeds[name])) for name, port in self._inputs}


def _tensor_names(node: Any) -> tuple[str, ...]:
    """The names of all tensors that an operation gives, as the importer writes them."""
    return tuple(sorted({name.removesuffix(":0") for port in node.outputs() for name in port.get_names()}))


def _port(port: Any, name: str) -> Port:
    kind = str(port.get_element_type().get_type_name())
    if kind not in _DTYPES or port.get_partial_shape().is_dynamic:
        raise TargetError(f"'{name}' is {kind} of the shape {port.get_partial_shape()}")
    return Port(name=name, shape=tuple(int(size) for size in port.get_shape()), dtype=np.dtype(_DTYPES[kind]))
