"""PyTorch: the fake-quantised graph as a program of torch, and the grids for those who keep their own model."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import onnx_ir as ir

from detquant.errors import MissingExtra, TargetError
from detquant.graph import prepare
from detquant.graph.values import static_shape
from detquant.importers import OwnFile
from detquant.importers.torch_export import FACTS, open_program
from detquant.targets._base import Arrays, Artefact, Runner, Target
from detquant.targets.ort import CAPABILITY
from detquant.targets.pytorch.own_file import OwnProgram
from detquant.targets.pytorch.threads import on_threads

PROGRAM, STATE = "model.pt2", "state_dict.pth"


class PyTorch(Target):
    """torch on CPUs, in float on the grids of the integers.

    ``model.pt2`` opens with ``torch.export.load`` alone; its module gives the graph's outputs and can be trained on.
    ``state_dict.pth`` opens with ``torch.load`` and holds weights, and scale and zero point of each grid, under the
    names that torch's own observers have; see `detquant.fake_quant.module`.
    """

    name = "pytorch"
    title = "PyTorch: exported program of the fake-quantised graph, and the state dict of its grids"
    extra = "torch"
    package = "torch"
    precisions = ("fp32",)
    writes = (PROGRAM, STATE)
    emulates = "torch computes in float what the integers would give, so it is slower than its own float model"
    capability = replace(
        CAPABILITY,
        name="pytorch",
        dynamic_ops=frozenset(),
        stored_bits=8,
        float_bits=frozenset(),  # all of it is float here, on the grids of integers
    )

    def rewrite(self, model: ir.Model) -> ir.Model:
        """The graph as it is: names and layers are those of the user's model."""
        return model

    def lower(self, qdq: ir.Model) -> Artefact:
        """The program ``model.pt2`` and the state dict ``state_dict.pth``.

        Raises:
            MissingExtra: torch is not installed.
            UnsupportedOperator: a node has no counterpart in torch.
        """
        torch = _torch()
        from detquant.fake_quant.module import as_module

        model = prepare(qdq)
        module = as_module(model).eval()
        shapes = [static_shape(value) for value in model.graph.inputs]
        if None in shapes:
            raise TargetError("PyTorch programs of detquant have inputs of fixed shape: give the side by --imgsz.")
        examples = tuple(torch.zeros(shape) for shape in shapes)
        facts = {
            "inputs": [value.name for value in model.graph.inputs],
            "outputs": [value.name for value in model.graph.outputs],
            "metadata": dict(sorted(qdq.metadata_props.items())),
        }
        program, state = io.BytesIO(), io.BytesIO()
        exported = torch.export.export(module, examples)
        for node in exported.graph.nodes:
            for passing in ("from_node", "stack_trace"):  # addresses of this process and paths of this machine
                node.meta.pop(passing, None)
        torch.export.save(exported, program, extra_files={FACTS: json.dumps(facts, sort_keys=True)})
        torch.save(module.state_dict(), state)
        return Artefact({PROGRAM: program.getvalue(), STATE: state.getvalue()})

    def open_own(self, own: OwnFile, graph: ir.Model, threads: int = 1) -> OwnProgram | None:
        """A program of anyone; see `detquant.importers.torch_export`, which makes it anew of its operators."""
        if own.target != self.name:
            return None
        _torch()
        return OwnProgram(open_program(own.path), graph, threads)

    def remarks(self, runner: Runner) -> tuple[str, ...]:
        """A sentence on what the latency means."""
        return (f"PyTorch: {self.emulates}; its accuracy is that of the integers.",)

    def open(self, artefact: Artefact, threads: int = 1) -> Opened:
        """The program, on this many threads.

        Raises:
            MissingExtra: torch is not installed.
        """
        torch = _torch()
        facts = {FACTS: ""}
        program = torch.export.load(io.BytesIO(artefact.files[PROGRAM]), extra_files=facts)
        return Opened(program.module(), json.loads(facts[FACTS]), threads)


class Opened:
    """A program that is open."""

    def __init__(self, module: Any, facts: dict[str, Any], threads: int) -> None:
        self.module, self.facts, self.threads = module, facts, threads

    def run(self, feeds: Arrays) -> Arrays:
        """Outputs by name for inputs by name."""
        torch = _torch()
        with torch.inference_mode(), on_threads(self.threads):
            found = self.module(*(torch.from_numpy(np.ascontiguousarray(feeds[n])) for n in self.facts["inputs"]))
        return {name: value.numpy() for name, value in zip(self.facts["outputs"], found, strict=True)}


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingExtra("PyTorch", "torch") from error
    return torch
