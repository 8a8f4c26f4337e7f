"""A program as a module of torch, step by step: no code is made of it, only operators of the closed list are called.

The operators are those of the program, so what it gives is what torch gives. A size that was left open gets a number:
one image, and the side that was asked for, else that of the example.
"""

# torch is untyped where it is not installed, and its modules are made to be subclassed
# mypy: allow-subclassing-any

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from detquant.importers.checkpoint import StoredTensor
from detquant.importers.checkpoint._base import Flaw, shown
from detquant.importers.torch_export.archive import Program
from detquant.importers.torch_export.arguments import Kind, Ref, references
from detquant.importers.torch_export.operators import MAY_TRAIN, OF_NUMBERS, known
from detquant.importers.torch_export.schema import ProgramInput
from detquant.importers.torch_export.steps import Step

MOST_VALUES = 1 << 28
"""Most numbers in one tensor; the largest map of a detector has some ten million."""

_DTYPES = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    12: torch.bool,
    13: torch.bfloat16,
}
_COPIES = 4
_KINDS: Mapping[str, Mapping[int, Any]] = {
    "dtype": _DTYPES,
    "memory_format": {1: torch.contiguous_format, 2: torch.channels_last, 4: torch.preserve_format},
    "layout": {7: torch.strided},
    "device": {0: torch.device("cpu")},
}


class ProgramModule(nn.Module):
    """A program that can be called.

    Args:
        program: the program that was read from a file.

    Raises:
        Flaw: an operator does not exist in this torch, or is given what it does not take; or the program is one of
            the training.

    Attributes:
        dtypes: element types of the inputs, in order.
        names: what the program calls the tensors that it holds, by the names of the module's buffers.
    """

    def __init__(self, program: Program) -> None:
        super().__init__()
        graph = program.graph
        self.dtypes = [_DTYPES.get(one.dtype) for one in graph.inputs]
        self._inputs = [one.name for one in graph.inputs]
        self._outputs, self._plain = graph.outputs, graph.plain
        self._buffers_of = {name: f"held_{number}" for number, name in enumerate(graph.held)}
        self.names = {self._buffers_of[name]: outer for name, (_, outer) in graph.held.items()}
        for name, tensor in _tensors(program.tensors).items():
            self.register_buffer(self._buffers_of[name], tensor)
        self._steps = [_Call(step) for step in graph.steps]
        fixed = {*graph.held, *self._inputs}
        for call in self._steps:
            call.check(fixed)
        self._last = _last_uses(graph.steps, graph.outputs)

    def forward(self, *images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Runs the program; gives its outputs in order."""
        values: dict[str, Any] = dict(self._plain)
        values.update((name, getattr(self, buffer)) for name, buffer in self._buffers_of.items())
        values.update(zip(self._inputs, images, strict=True))
        for number, call in enumerate(self._steps):
            call.run(values)
            for name in self._last.get(number, ()):
                values.pop(name, None)
        return tuple(values[name] for name in self._outputs)


class _Call:
    """A step with its operator at hand."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.function = OF_NUMBERS.get(step.target) or _operator(step.target)
        self.of_numbers = step.target in OF_NUMBERS
        self.arguments = {key: _made(value) for key, value in step.arguments if key and not self.of_numbers}
        self.by_place = [_made(value) for key, value in step.arguments if not key or self.of_numbers]

    def check(self, fixed: set[str]) -> None:
        """Refuses training, and what changes the weights or the image."""
        name = self.step.target.split(".")[-2]
        switch = MAY_TRAIN.get(name.removesuffix("_"))
        if switch and self.arguments.get(switch) is True:
            raise Flaw(f"has a {name} of the training: call model.eval() before torch.export.export")
        changed = next(iter(self.arguments.values()), None)
        if name.endswith("_") and isinstance(changed, Ref) and changed.name in fixed:
            raise Flaw(
                f"changes what it holds ('{shown(changed.name)}'), as networks do in training: call model.eval() "
                "before torch.export.export"
            )

    def run(self, values: dict[str, Any]) -> None:
        """Computes the results, and puts them under their names."""
        by_place = [_read(value, values) for value in self.by_place]
        if self.of_numbers and not all(isinstance(value, (int, float)) for value in by_place):
            raise TypeError(f"{self.step.target} is given what is no number")
        found = self.function(*by_place, **{key: _read(value, values) for key, value in self.arguments.items()})
        results = self.step.results
        for name, value in zip(results, (found,) if len(results) == 1 else found, strict=True):
            if isinstance(name, tuple):
                values.update(zip(name, value, strict=True))
            elif name is not None:
                values[name] = value


def _operator(target: str) -> Any:
    """The operator of this name in this torch, if it gives tensors, or a size."""
    if target.startswith("torch.ops.aten.sym_"):
        return getattr(getattr(torch.ops.aten, target.split(".")[3]), target.split(".")[4])
    parts = known(target)
    assert parts is not None, "read_graph has refused it"
    namespace, name, overload = parts
    if namespace == "quantized_decomposed":
        importlib.import_module("torch.ao.quantization.fx._decomposed")  # they come with it
    packet = getattr(getattr(torch.ops, namespace), name, None)
    found = getattr(packet, overload) if packet is not None and overload in packet.overloads() else None
    kinds = {str(one.type) for one in found._schema.returns} if found is not None else set()
    if found is None or not kinds or not kinds <= {"Tensor", "List[Tensor]", "Tensor[]"}:
        raise Flaw(f"has the operator '{shown(target)}', which torch {torch.__version__} does not have: update torch")
    return found


def _made(value: Any) -> Any:
    """An argument with torch's own kinds in it."""
    if isinstance(value, Kind):
        kinds = _KINDS[value.kind]
        if value.number not in kinds:
            raise Flaw(f"asks for a {value.kind.replace('_', ' ')} that is not read (number {value.number})")
        return kinds[value.number]
    return [_made(one) for one in value] if isinstance(value, list) else value


def _read(value: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(value, Ref):
        return values[value.name]
    return [_read(one, values) for one in value] if isinstance(value, list) else value


def _last_uses(steps: Sequence[Step], outputs: Sequence[str]) -> dict[int, list[str]]:
    """The values that no step reads any more, by the step after which that is so."""
    last: dict[str, int] = {}
    for number, step in enumerate(steps):
        made = [name for result in step.results for name in (result if isinstance(result, tuple) else (result,))]
        read = [name for _, value in step.arguments for name in references(value)]
        last.update((name, number) for name in (*read, *made) if name is not None)
    found: dict[int, list[str]] = {}
    for name in last.keys() - set(outputs):
        found.setdefault(last[name], []).append(name)
    return found


def _tensors(stored: Mapping[str, StoredTensor]) -> dict[str, torch.Tensor]:
    """Copies tensors into memory of their own, shared by views of the same numbers, bounded by the file's size."""
    made: dict[tuple[Any, ...], torch.Tensor] = {}
    found = {}
    left = _COPIES * sum(
        len(one.content) for one in {id(held.storage): held.storage for held in stored.values()}.values()
    )
    for name, held in stored.items():
        key = (id(held.storage), held.offset, held.shape, held.strides)
        if key not in made:
            left -= math.prod(held.shape) * held.storage.itemsize
            if left < 0:
                raise Flaw("is damaged: its tensors overlap, and all together are far larger than the file")
            made[key] = _tensor(held)
        found[name] = made[key]
    return found


def _tensor(stored: StoredTensor) -> torch.Tensor:
    array = np.array(stored.numpy())  # its own memory: operators may write into it
    made = torch.from_numpy(array)
    return made.to(torch.bfloat16) if stored.storage.dtype == "bfloat16" else made


def example(given: ProgramInput, imgsz: int | None) -> torch.Tensor:
    """Zeros of the shape that an input gets.

    Args:
        given: the input.
        imgsz: side in pixels, where the file leaves it open.

    Raises:
        Flaw: nothing says what an axis should be, or it is of a type that is not read.
    """
    if given.dtype not in _DTYPES:
        raise Flaw(f"takes numbers of a kind that is not read (number {given.dtype}): export it with float32")
    sizes = list[int]()
    for axis, (size, hint) in enumerate(zip(given.sizes, given.hints, strict=True)):
        if size is None:
            size = 1 if axis == 0 else imgsz if imgsz and axis > 1 else hint
        if size is None:
            raise Flaw(f"leaves axis {axis} of its input '{shown(given.name)}' open: give the side by --imgsz")
        sizes.append(size)
    if np.prod(sizes, dtype=float) > MOST_VALUES:
        raise Flaw(f"takes an input of {shown(str(sizes))}, more than any detector needs: refused")
    return torch.zeros(sizes, dtype=_DTYPES[given.dtype])
