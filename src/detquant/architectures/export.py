"""A torch module as an ONNX file, the same bytes each time, in the shape that Ultralytics' exports have.

BatchNorm stays a node of its own: `detquant.graph.fold_batchnorm` folds it, and whoever wants to equalise or retrain
finds gamma and beta. What else the exporter writes is tidied:

1. constants are folded, such as the places of the cells, so nothing of the shape arithmetic is left;
2. nodes that do the same to the same are one, those that nobody reads go;
3. a convolution without bias has none: the exporter gives it one of zeros;
4. nodes are called after their module, `/model.0/conv/Conv`;
5. stack traces and other notes on nodes and values go: they hold the paths of the machine that exported.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import logging
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any

import onnx
import onnx_ir as ir
import torch
from onnx_ir.passes import PassManager, common

from detquant.errors import MissingExtra

OPSET = 21
INPUT, OUTPUT = "images", "output0"
_SCOPES = "pkg.torch.onnx.name_scopes"


def export_onnx(
    module: Any,
    shape: tuple[int, ...],
    metadata: Mapping[str, str] | None = None,
    outputs: tuple[str, ...] = (OUTPUT,),
) -> bytes:
    """Writes a module as an ONNX file, in evaluation mode.

    Args:
        module: a torch module of one input.
        shape: shape of the input, such as (1, 3, 256, 256).
        metadata: the file's metadata_props; `export_metadata` makes those of a detector.
        outputs: names of what the module gives.

    Returns:
        The file: opset 21, input "images", BatchNorm not folded.

    Raises:
        MissingExtra: onnxscript, by which torch exports, is not installed.
    """
    if find_spec("onnxscript") is None:
        raise MissingExtra("onnxscript", "torch")
    model = _traced(module, shape, outputs)
    _fold_constants(model)  # case 1
    _name_nodes(model.graph)  # before the notes that tell the names go
    PassManager(_TIDY)(model)  # cases 2 and 5
    _drop_zero_biases(model.graph)  # case 3
    _drop_notes(model.graph)
    model.producer_name, model.producer_version = "detquant", None
    model.metadata_props.clear()
    model.metadata_props.update(metadata or {})
    proto = ir.to_proto(model)
    onnx.checker.check_model(proto, full_check=True)
    content: bytes = proto.SerializeToString(deterministic=True)
    return content


_TIDY = (
    common.CommonSubexpressionEliminationPass(),
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
    common.DeduplicateInitializersPass(),
    common.RemoveUnusedNodesPass(),
    common.ClearMetadataAndDocStringPass(),
)


def _traced(module: Any, shape: tuple[int, ...], outputs: tuple[str, ...]) -> ir.Model:
    was_training = module.training
    module.eval()
    try:
        with quiet():
            program = torch.onnx.export(
                module,
                (torch.zeros(shape),),
                dynamo=True,
                optimize=False,  # it would fold BatchNorm
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=list(outputs),
                verbose=False,
            )
    finally:
        module.train(was_training)
    model: ir.Model = program.model
    return model


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Takes the exporter's remarks on torchvision, which is not used, and on torch's own ageing functions."""
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _fold_constants(model: ir.Model) -> None:
    """Folds constants (case 1); onnxscript's other passes would fold BatchNorm too."""
    # by name, for it comes with the extra
    importlib.import_module("onnxscript.optimizer").fold_constants(model)


def _drop_zero_biases(graph: ir.Graph) -> None:
    """Drops biases that are all 0 (case 3)."""
    for node in graph:
        if node.op_type == "Conv" and len(node.inputs) == 3:
            bias = node.inputs[2]
            if bias is not None and bias.const_value is not None and not bias.const_value.numpy().any():
                node.resize_inputs(2)
    for name, value in tuple(graph.initializers.items()):
        if not value.uses() and not value.is_graph_output():
            del graph.initializers[name]


def _drop_notes(graph: ir.Graph) -> None:
    """Drops the exporter's notes on values (case 5)."""
    made = [value for node in graph for value in node.outputs]
    for value in (*graph.inputs, *graph.initializers.values(), *made):
        value.metadata_props.clear()


def _name_nodes(graph: ir.Graph) -> None:
    """Names nodes after their modules (case 4), numbered where one does a thing again: /model.9/m/MaxPool_1."""
    seen: Counter[str] = Counter()
    for node in graph:
        # "['', 'model.0', 'model.0.conv', 'conv2d']": the modules from the outermost in, then the operator
        scopes = [part.strip(" '\"") for part in node.metadata_props.get(_SCOPES, "").strip("[]").split(",")]
        steps = [inner.removeprefix(f"{outer}.") for outer, inner in itertools.pairwise(scopes[:-1])]
        name = "/".join(["", *steps, node.op_type])
        node.name = f"{name}_{seen[name]}" if seen[name] else name
        seen[name] += 1
