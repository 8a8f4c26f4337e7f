"""Steps of a program, those of its regions among them.

What a network computes under `torch.no_grad()`, or with autocast switched off, torch keeps as a graph inside a node:
it computes what it would compute outside, so its steps take the node's place. Names of an inner graph are its own; they
get a prefix, its inputs become what the node is given, and what the node gives is another name of what it computes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from detquant.importers.checkpoint._base import Flaw
from detquant.importers.torch_export.arguments import Ref, argument, as_dict, as_list, as_text, only
from detquant.importers.torch_export.steps import Step, read_step, renamed, result

MOST_STEPS = 50_000
"""Most steps of a program; YOLOv8x has two thousand."""

_DEEPEST = 8
_GRAD, _AUTOCAST = (f"torch.ops.higher_order.wrap_with_{name}" for name in ("set_grad_enabled", "autocast"))
_SWITCH = {_GRAD: None, _AUTOCAST: 2}
"""Regions, with the place of the argument that must be off."""
_SAME = "torch.ops.aten.alias.default"


def read_steps(nodes: object) -> tuple[Step, ...]:
    """The steps of a graph, in order.

    Args:
        nodes: in JSON, parsed.

    Raises:
        Flaw: there are more than any detector needs, or one is refused; see `steps`.
        LookupError, TypeError, ValueError: it is damaged.
    """
    steps = list[Step]()
    for step in _steps(nodes, 0):
        if len(steps) == MOST_STEPS:
            raise Flaw(f"has more than {MOST_STEPS} nodes, more than any detector needs: refused")
        steps.append(step)
    return tuple(steps)


def _steps(nodes: object, depth: int) -> Iterator[Step]:
    for number, entry in enumerate(as_list(nodes)):
        node = as_dict(entry)
        inputs = [as_dict(one)["arg"] for one in as_list(node["inputs"])]
        if _is_region(as_text(node["target"]), inputs) and depth < _DEEPEST:
            yield from _inlined(node, inputs, f"{number}/", depth)
        elif (step := read_step(node)) is not None:
            yield step


def _is_region(target: str, inputs: list[Any]) -> bool:
    if target not in _SWITCH:
        return False
    place = _SWITCH[target]
    return place is None or (len(inputs) > place and argument(inputs[place]) is False)


def _inlined(node: Mapping[str, Any], inputs: list[Any], prefix: str, depth: int) -> Iterator[Step]:
    place = next(number for number, one in enumerate(inputs) if only(one)[0] == "as_graph")
    graph = as_dict(as_dict(only(inputs[place])[1])["graph"])
    given = [argument(one) for one in inputs[place + 1 :]]
    taken = [as_text(as_dict(only(one)[1])["name"]) for one in as_list(graph["inputs"])]
    outer = {name: one.name for name, one in zip(taken, given, strict=True) if isinstance(one, Ref)}
    for step in _steps(graph["nodes"], depth + 1):
        yield renamed(step, prefix, outer)
    made = _names(graph["outputs"])
    for name, inner in zip(_names(node["outputs"]), made, strict=True):
        yield Step(_SAME, (("self", Ref(outer.get(inner, prefix + inner))),), (name,))


def _names(outputs: object) -> list[str]:
    """Names of the tensors that a region gives, one after the other."""
    found = [result(*only(one)) for one in as_list(outputs)]
    flat = [name for one in found for name in (one if isinstance(one, tuple) else (one,))]
    return [name for name in flat if name is not None]
