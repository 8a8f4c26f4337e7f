"""Plain arrays of a model before and after it was quantised, as pickles: for those whose own tools read such.

Each holds dictionaries, lists, numbers, text and NumPy arrays alone. They are written and never read here: a pickle can
hold code, so open those of nobody whom you do not trust.
"""

from __future__ import annotations

import pickle
from typing import Any

import onnx_ir as ir

from detquant.calibration import QuantModel
from detquant.graph.qdq import storage
from detquant.graph.traits import weight_of
from detquant.graph.values import constant, static_shape
from detquant.numerics import QuantParams, quantize
from detquant.pipeline.entries import Entry
from detquant.pipeline.job import Job
from detquant.pipeline.prepared import prepared

FOLDER = "pickle/"
ORIGINAL, FOLDED, ARCHITECTURE = "weights.pkl", "weights_bn_fused.pkl", "architecture.pkl"
WEIGHTS, ACTIVATIONS = "weights_quantized.pkl", "activations_quantized.pkl"
FILES = tuple(f"{FOLDER}{name}" for name in (ORIGINAL, FOLDED, ARCHITECTURE, WEIGHTS, ACTIVATIONS))
PROTOCOL = 4


def arrays_of(job: Job, whole: Entry) -> dict[str, bytes]:
    """The files, by name; none where the job's place does not show its steps.

    ========================  ==========================================================================================
    weights.pkl               name in the model's file -> float array
    weights_bn_fused.pkl      the same of the graph that is quantised, whose batch norms are folded
    architecture.pkl          its operators in order: name, type, inputs, outputs, shapes of these, attributes
    weights_quantized.pkl     operator -> codes, scale, zero point, bits; axis of the channels, None for one grid
    activations_quantized.pkl tensor -> smallest and largest number seen, scale, zero point, bits, signed
    ========================  ==========================================================================================

    Args:
        job: how it was quantised.
        whole: the quantised model on its place.
    """
    model = whole.model
    if not job.target.shows_steps or model is None:
        return {}
    graph = prepared(job.detector, job.target)
    found = {
        ORIGINAL: _constants(job.detector.imported.model),
        FOLDED: _constants(graph),
        ARCHITECTURE: [_operator(node) for node in graph.graph],
        WEIGHTS: {name: _codes(model, name, grid) for name, grid in model.weights.items()},
        ACTIVATIONS: {name: _range(model, name, grid) for name, grid in model.activations.items()},
    }
    return {f"{FOLDER}{name}": pickle.dumps(content, PROTOCOL) for name, content in found.items()}


def _constants(model: ir.Model) -> dict[str, Any]:
    arrays = ((name, constant(value)) for name, value in model.graph.initializers.items())
    return {name: array.copy() for name, array in arrays if array is not None}


def _operator(node: ir.Node) -> dict[str, Any]:
    attributes = {name: one.value for name, one in node.attributes.items() if isinstance(one.value, (int, float, str))}
    several = {
        name: list(one.value)
        for name, one in node.attributes.items()
        if one.type in (ir.AttributeType.INTS, ir.AttributeType.FLOATS, ir.AttributeType.STRINGS)
    }
    return {
        "name": node.name or "",
        "type": node.op_type,
        "inputs": [value.name if value is not None else "" for value in node.inputs],
        "outputs": [value.name or "" for value in node.outputs],
        "shapes": [list(static_shape(value) or ()) for value in node.outputs],
        "attributes": {**attributes, **several},
    }


def _grid(grid: QuantParams) -> dict[str, Any]:
    return {
        "scale": grid.scale.copy(),
        "zero_point": grid.zero_point.copy(),
        "bits": grid.qtype.bits,
        "signed": grid.qtype.signed,
        "axis": grid.axis,
    }


def _codes(model: QuantModel, name: str, grid: QuantParams) -> dict[str, Any]:
    [node] = [one for one in model.model.graph if one.name == name]
    value = weight_of(node)
    array = constant(value) if value is not None else None
    assert array is not None, f"{name} has a grid for its weight, so it has one"
    return {"codes": quantize(array, grid).astype(storage(grid.qtype)), **_grid(grid)}


def _range(model: QuantModel, name: str, grid: QuantParams) -> dict[str, Any]:
    seen = model.statistics.bounds(name) if name in model.statistics.extremes else None
    return {**(dict(zip(("min", "max"), seen, strict=True)) if seen else {}), **_grid(grid)}
