"""What a detector is made of, and what a recipe would make of it, before any image is read."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import asdict
from typing import Any

import onnx_ir as ir

from detquant.families import Family, also_fitting
from detquant.families.fed import input_words
from detquant.families.reading import reading_text
from detquant.graph import find_decode_tail, summarize
from detquant.graph.original_ends import End
from detquant.graph.summary import node_macs
from detquant.importers.signature import signature_of
from detquant.numerics import Capability
from detquant.pipeline.detector import Detector, Stranger, as_detector, look_at, reading_of
from detquant.pipeline.finite import said_of_finite
from detquant.pipeline.float_widths import float_by_width
from detquant.pipeline.keywords import Keywords
from detquant.pipeline.options import PlanOptions, name_of
from detquant.pipeline.prepared import prepared
from detquant.pipeline.wish import integer_place, integer_recipe
from detquant.recipes import Derived, Dynamic, Fixed, Own, Plan, Point, Recipe, Shared
from detquant.recipes import plan as decide
from detquant.report.quantization import IntegerShare
from detquant.targets import Target


@Keywords(PlanOptions)
def inspect(model: str | os.PathLike[str] | Detector | Stranger, options: PlanOptions) -> dict[str, Any]:
    """What a model is made of, and what a recipe would quantise of it.

    Args:
        model: a detector, float or quantised, or the path of a file, whose model may be of no known family.
        options: see `PlanOptions`.

    Returns:
        Plain values: "importer_reason", "inputs", "outputs", "operators", "parameters", "macs", "weight_bytes",
        "family", "family_reason", "other_families" (those that the shapes alone would fit too, and what would tell
        them), "reading", "not_finite" (a sentence where its outputs or weights are NaN or infinite), "decode_tail", and
        "int8" and "kept_float" (operators by reason), which are None where the model is quantised already. Of no known
        family are "family", "reading", "input", "classes", "int8" and "kept_float" None.

    Raises:
        ModelError: the file cannot be read.
        RecipeError, TargetError: unknown, or nothing would be quantised.

    Examples:
        >>> import detquant
        >>> found = detquant.inspect("yolov8-pico")
        >>> found["family"], found["parameters"], found["operators"]["Conv"]
        ('yolov8', 575363, 64)
        >>> found["decode_tail"]
        '23 nodes follow the last 6 weighted operators.'
    """
    detector = _looked_at(model, options)
    summary = summarize(detector.model.graph)
    family, imported = (detector.family if isinstance(detector, Detector) else None), detector.imported
    planned = isinstance(detector, Detector) and not detector.is_quantized
    made = _planned(detector, options.recipe, options.target) if planned and isinstance(detector, Detector) else None
    graph, decided = made or (detector.model, None)
    return {
        "model": str(imported.path),
        "model_sha256": imported.sha256,
        "size_bytes": imported.size_bytes,
        "importer_reason": imported.reason,
        "family": family.name if family else None,
        "family_reason": detector.reason if isinstance(detector, Detector) else detector.problem,
        "other_families": _others(detector) if isinstance(detector, Detector) else {},
        "reading": reading_text(family.reading) if family else None,
        "input": [1, family.channels, family.height, family.width] if family else None,
        "inputs": {name: _end(end) for name, end in detector.ends.inputs.items()},
        "outputs": {name: _end(end) for name, end in detector.ends.outputs.items()},
        "fed": _fed(family) if family else None,
        "classes": list(family.classes) if family else None,
        "not_finite": said_of_finite(imported.model, detector.model if family else None),
        "quantized": detector.is_quantized,
        "operators": dict(summary.operators),
        "parameters": summary.parameters,
        "macs": summary.macs,
        "weight_bytes": summary.weight_bytes,
        "decode_tail": find_decode_tail(detector.model.graph).reason,
        "recipe": name_of(options.recipe),
        "target": name_of(options.target),
        "int8": asdict(integer_share(graph, decided, integer_place(options.target).capability)) if decided else None,
        "kept_float": dict(Counter(decided.kept_float.values()).most_common()) if decided else None,
    }


def _others(detector: Detector) -> dict[str, str]:
    """Families that the shapes alone would fit too, and what would tell them."""
    signature = signature_of(detector.model, detector.imported.metadata)
    return also_fitting(signature, detector.family.name)


def _fed(family: Family) -> str:
    return family.fed or f"{input_words(family.form)}: the graph does nothing to its image."


def _end(end: End) -> dict[str, Any]:
    return {"element": end.element, "shape": list(end.shape), "layout": end.layout or None, "words": end.described}


def _looked_at(model: str | os.PathLike[str] | Detector | Stranger, options: PlanOptions) -> Detector | Stranger:
    if isinstance(model, Stranger):
        return model
    return as_detector(model, options) if isinstance(model, Detector) else look_at(model, **reading_of(options))


@Keywords(PlanOptions)
def plan(model: str | os.PathLike[str] | Detector, options: PlanOptions) -> Plan:
    """What a recipe comes to on a detector and a target, before any image is read.

    Args:
        model: a float detector, or the path of its file.
        options: see `PlanOptions`.

    Raises:
        ModelError: the file cannot be read, or the detector is quantised already.
        RecipeError, TargetError: unknown, or nothing would be quantised.

    Examples:
        >>> import detquant
        >>> planned = detquant.plan("yolov8-pico", recipe="w8a8", target="ort")
        >>> len(planned.integer), len(planned.kept_float)
        (213, 33)
        >>> planned.points["images"].low, planned.points["images"].high
        (0.0, 1.0)
    """
    return _planned(as_detector(model, options), options.recipe, options.target)[1]


def _planned(
    detector: Detector, recipe: str | os.PathLike[str] | Recipe, target: str | Target
) -> tuple[ir.Model, Plan]:
    """The graph that `detquant.quantize` would quantise, and its plan."""
    wish = integer_recipe(recipe, "detquant quantize writes and measures it, detquant export writes it")
    place = integer_place(target)
    detector.require_float()
    model = prepared(detector, place)
    return model, decide(model, wish, place.capability, ranges=detector.ranges)


def integer_share(model: ir.Model, decided: Plan, capability: Capability) -> IntegerShare:
    """How much of a model runs in integers by a plan: operators on codes for which the target has integer kernels."""
    integer = set(decided.integer) - float_by_width(model.graph, decided, capability).keys()
    macs = {node.name: node_macs(node) for node in model.graph}
    whole = sum(macs.values())
    part = sum(count for name, count in macs.items() if name in integer)
    return IntegerShare(
        operators=len(integer),
        of=len(macs),
        macs_percent=round(100 * part / whole, 2) if whole else 0.0,
        weight_only=len(decided.weight_only),
    )


def describe_plan(decided: Plan) -> dict[str, Any]:
    """A plan as plain values: "points" and "weights" in graph order, "integer", "kept_float"."""
    return {
        "recipe": decided.recipe,
        "target": decided.target,
        "points": [
            {"tensor": tensor, "grid": type(point).__name__.lower(), "detail": _detail(point)}
            for tensor, point in decided.points.items()
        ],
        "weights": [{"operator": name, "detail": str(spec)} for name, spec in decided.weights.items()],
        "integer": list(decided.integer),
        "kept_float": dict(decided.kept_float),
    }


def _detail(point: Point) -> str:
    match point:
        case Own(spec):
            return str(spec)
        case Shared(root):
            return f"the grid of {root}"
        case Derived(x, node):
            return f"scale of {x} × scale of the weight of {node}"
        case Dynamic(spec):
            return f"{spec.qtype}, found for each image as it runs"
        case Fixed(spec, low, high):
            powers = ", powers of two" * spec.power_of_two
            return f"{spec.qtype}, {low:g} to {high:g}{powers}"
