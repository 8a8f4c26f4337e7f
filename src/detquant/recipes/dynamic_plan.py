"""The plan where activations are rounded as they run: which layers have weights in integers, and nothing to calibrate.

1. A layer with a constant weight is rounded where the recipe gives it one and the target has a kernel for it.
2. All else stays float: between layers there are no codes. So do the layers' biases.
"""

from __future__ import annotations

from collections.abc import Mapping

import onnx_ir as ir

from detquant.errors import RecipeError
from detquant.graph import find_decode_tail
from detquant.graph.traits import WEIGHTED, weight_of
from detquant.numerics import Capability, Kernel
from detquant.recipes.choice import Choice
from detquant.recipes.places import Places
from detquant.recipes.plan import Dynamic, Plan, Point
from detquant.recipes.recipe import Recipe
from detquant.recipes.refusals import refused_types, require_layers

ON_THE_FLY = Kernel()
"""The kernel that rounds its input as it runs, wherever there is one."""


def plan_dynamic(graph: ir.Graph, recipe: Recipe, capability: Capability, choices: Mapping[str, Choice]) -> Plan:
    """Decides for each layer whether its activations are rounded as it runs.

    Raises:
        RecipeError: the target has no such kernels, or nothing would be quantised.
    """
    if not capability.dynamic_ops:
        raise RecipeError(
            f"Recipe '{recipe.name}' rounds activations as they run, and target {capability.name} has no kernels that "
            f"do: choose recipe w8a8, or target ort or tflite."
        )
    tail, places = find_decode_tail(graph), Places(graph)
    points: dict[str, Point] = {}
    weights, kept = {}, {}
    for node in graph:
        name = node.name or ""
        wish = choices.get(name) or recipe.choice_for(node, places)
        reason = "decode tail" if node in tail.nodes else _why_float(node, capability)
        if reason is None and (wish.activation is None or wish.weight is None):
            reason = wish.why
        if reason is None and node in tail.head_convs and recipe.head == "float":
            reason = "head output, feeds the decode tail"
        if reason is not None:
            kept[name] = reason
            continue
        assert wish.weight is not None and wish.activation is not None
        if unsupported := ON_THE_FLY.unsupported(wish.weight, wish.activation):
            raise RecipeError(refused_types(recipe, node, capability, unsupported))
        weights[name] = wish.weight
        points[(node.inputs[0].name if node.inputs[0] is not None else None) or ""] = Dynamic(wish.activation)
    require_layers(recipe, capability, weights)
    return Plan(
        points=points,
        weights=weights,
        integer=tuple(weights),
        kept_float=kept,
        sources={},
        preactivations={},
        recipe=recipe.name,
        target=capability.name,
    )


def _why_float(node: ir.Node, capability: Capability) -> str | None:
    if node.op_type not in WEIGHTED:
        return "only layers with weights are rounded on the fly"
    if node.op_type not in capability.dynamic_ops:
        return f"{node.op_type} has no kernel on {capability.name} that rounds on the fly"
    return "its weight is not constant" if weight_of(node) is None else None
