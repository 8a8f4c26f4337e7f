"""A program of anyone in torch: the operators of its file, with the rounding that it has, on what the graph takes."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import onnx_ir as ir

from detquant.errors import ModelError, TargetError, in_short
from detquant.graph.values import static_shape
from detquant.numerics.arrays import Array
from detquant.targets._base import Arrays
from detquant.targets.own_ports import Port
from detquant.targets.pytorch.threads import on_threads


class OwnProgram:
    """A program that is open.

    Args:
        module: a torch module whose inputs and outputs are the graph's, in its order.
        graph: the graph that was imported from the file.
        threads: number of threads that torch has.
    """

    def __init__(self, module: Any, graph: ir.Model, threads: int) -> None:
        self._module, self._threads = module, threads
        weights = graph.graph.initializers
        inputs = [value for value in graph.graph.inputs if value.name not in weights]
        self._inputs = [value.name or "" for value in inputs]
        self._outputs = [(value.name or "", static_shape(value) or ()) for value in graph.graph.outputs]

    def run(self, feeds: Arrays) -> dict[str, Array]:
        """Outputs by name for inputs by name, as the graph takes and gives them.

        Raises:
            TargetError: torch cannot run it.
        """
        torch = importlib.import_module("torch")
        given = [
            torch.from_numpy(np.ascontiguousarray(feeds[name])).to(dtype)
            for name, dtype in zip(self._inputs, self._module.dtypes, strict=True)
        ]
        try:
            with torch.inference_mode(), on_threads(self._threads):
                found = [value.float() if value.is_floating_point() else value for value in self._module(*given)]
        except (RuntimeError, ValueError, TypeError, LookupError, ModelError) as error:
            raise TargetError(f"PyTorch cannot run the program: {in_short(error)}.") from error
        ports = zip(self._outputs, found, strict=True)
        return {
            name: Port(name=name, shape=shape, dtype=np.dtype(np.float32)).real(value.numpy(), shape)
            for (name, shape), value in ports
        }
