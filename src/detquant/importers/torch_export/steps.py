"""One node of a program as an inert step: an operator of the closed list, with names and plain values.

Refused are operators that are not in `operators`, and arguments that are neither tensors nor plain values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from detquant.importers.checkpoint._base import Flaw, shown
from detquant.importers.torch_export.arguments import SYMBOLS, Ref, argument, as_dict, as_list, as_text, only
from detquant.importers.torch_export.operators import IGNORED, OF_NUMBERS, SIZES, known


@dataclass(frozen=True, slots=True)
class Step:
    """An operator with its arguments.

    Attributes:
        target: in full, such as "torch.ops.aten.conv2d.default"; it is in `operators`.
        arguments: by name; by place where the name is empty.
        results: names of what it gives; None for what nothing reads; a tuple where it gives a list.
    """

    target: str
    arguments: tuple[tuple[str, Any], ...]
    results: tuple[str | tuple[str, ...] | None, ...]


def read_step(node: Mapping[str, Any]) -> Step | None:
    """A node as a step; None for one that only makes sure of something.

    Raises:
        Flaw: its operator, or an argument of it, is not read.
        LookupError, TypeError, ValueError: it is damaged.
    """
    target = as_text(node["target"])
    if target in IGNORED:
        return None
    if known(target) is None and target not in OF_NUMBERS and target not in SIZES:
        raise Flaw(
            f"has the operator '{shown(target)}', which detquant does not read from programs: export the model to "
            "ONNX and give that file"
        )
    arguments = tuple((as_text(as_dict(one)["name"]), argument(as_dict(one)["arg"])) for one in as_list(node["inputs"]))
    results = tuple(result(kind, value) for kind, value in map(only, as_list(node["outputs"])))
    return Step(target, arguments, results)


def result(kind: str, value: Any) -> str | tuple[str, ...] | None:
    """The name of what a node gives, or the names in a list of tensors; None for what has no name.

    Raises:
        Flaw: it is neither a tensor nor a number.
    """
    if kind == "as_none":
        return None
    if kind == "as_tensor":
        return as_text(as_dict(value)["name"])
    if kind == "as_tensors":
        return tuple(as_text(as_dict(one)["name"]) for one in as_list(value))
    if kind in SYMBOLS:
        name = only(value)
        return as_text(name[1]) if name[0] == "as_name" else None
    raise Flaw(f"gives what is neither a tensor nor a number ({shown(kind)}): refused")


def renamed(step: Step, prefix: str, names: Mapping[str, str]) -> Step:
    """The step with other names.

    Args:
        step: step of an inner graph.
        prefix: prefix of the names that are its own.
        names: names of what comes from outside, by its name inside.
    """

    def named(value: Any) -> Any:
        if isinstance(value, Ref):
            return Ref(names.get(value.name, prefix + value.name))
        return [named(one) for one in value] if isinstance(value, list) else value

    def made(one: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        if isinstance(one, tuple):
            return tuple(prefix + name for name in one)
        return None if one is None else prefix + one

    arguments = tuple((key, named(value)) for key, value in step.arguments)
    return Step(step.target, arguments, tuple(map(made, step.results)))
