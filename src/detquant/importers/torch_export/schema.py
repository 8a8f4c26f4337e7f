"""The graph of a program, from the JSON that `torch.export.save` writes, as inert steps.

torch's own reader looks any name up, evaluates texts as expressions of SymPy and unpickles; here the JSON is compared
with what is expected, piece by piece, and gives names, numbers and texts only (version 8 of the schema in
`torch._export.serde.schema`).
Refused are

1. nodes whose operator is not in `operators`, higher-order ones but two among them (`regions`), and objects of classes;
2. what changes its own weights: a program of the training, or one that keeps a state;
3. arguments that are neither tensors nor plain values.

A size that was left open is a name in the file, with the number that the example had; see `ProgramInput`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from detquant.importers.checkpoint._base import MAX_RANK, Flaw, shown
from detquant.importers.torch_export.arguments import argument, as_dict, as_list, as_text, only, size, whole
from detquant.importers.torch_export.regions import read_steps
from detquant.importers.torch_export.steps import Step

MAJOR = 8


@dataclass(frozen=True, slots=True)
class ProgramInput:
    """An input that the user gives.

    Attributes:
        name: name of the input.
        dtype: number of the element type in the schema.
        sizes: sizes of the axes; None for those left open.
        hints: sizes that open axes had in the example; None where the file does not say.
    """

    name: str
    dtype: int
    sizes: tuple[int | None, ...]
    hints: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """A program without its numbers.

    Attributes:
        inputs: inputs that a user gives, in order.
        held: names of the tensors that it holds, by the names that the graph has for them; the second is where they
            are: "weights" or "constants".
        plain: inputs that are plain values, by name.
        steps: in order.
        outputs: names, in order.
    """

    inputs: tuple[ProgramInput, ...]
    held: Mapping[str, tuple[str, str]]
    plain: Mapping[str, Any]
    steps: tuple[Step, ...]
    outputs: tuple[str, ...]


def read_graph(program: object) -> Graph:
    """The graph of a program.

    Args:
        program: the program's JSON, parsed.

    Raises:
        Flaw: for the cases at the top of this file.
        LookupError, TypeError, ValueError: it is damaged.
    """
    top = as_dict(program)
    major = as_dict(top["schema_version"])["major"]
    if major != MAJOR:
        raise Flaw(
            f"has version {shown(str(major))} of torch's schema, and {MAJOR} is read: load it with the torch that "
            "wrote it and save it with a newer one, or export the model to ONNX"
        )
    module = as_dict(top["graph_module"])
    graph, signature = as_dict(module["graph"]), as_dict(module["signature"])
    _check_outputs(signature)
    metas = as_dict(graph["tensor_values"])
    inputs, held, plain = _inputs(signature, metas)
    steps = read_steps(graph["nodes"])
    outputs = tuple(
        as_dict(value)["name"] for kind, value in map(only, as_list(graph["outputs"])) if kind == "as_tensor"
    )
    if not outputs or not inputs:
        raise Flaw("takes or gives no tensor: expected the program of a detector")
    return Graph(inputs, held, plain, steps, tuple(map(as_text, outputs)))


def _inputs(
    signature: Mapping[str, Any], metas: Mapping[str, Any]
) -> tuple[tuple[ProgramInput, ...], dict[str, tuple[str, str]], dict[str, Any]]:
    given, held, plain = list[ProgramInput](), dict[str, tuple[str, str]](), dict[str, Any]()
    for kind, spec in map(only, as_list(signature["input_specs"])):
        if kind == "constant_input":
            plain[as_text(spec["name"])] = argument(spec["value"])
        elif kind == "user_input":
            what, value = only(spec["arg"])
            if what == "as_tensor":
                given.append(_given(as_text(value["name"]), as_dict(metas[value["name"]])))
            elif what == "as_sym_int":
                raise Flaw("takes a number beside its tensors: export it with the image alone")
        elif kind in _HELD:
            place, key = _HELD[kind]
            away = kind == "buffer" and spec.get("persistent") is False
            held[as_text(spec["arg"]["name"])] = ("constants" if away else place, as_text(spec[key]))
        else:
            raise Flaw(f"holds what is no tensor ({shown(kind)}): export the model to ONNX and give that file")
    return tuple(given), held, plain


_HELD = {
    "parameter": ("weights", "parameter_name"),
    "buffer": ("weights", "buffer_name"),
    "tensor_constant": ("constants", "tensor_constant_name"),
}


def _given(name: str, meta: Mapping[str, Any]) -> ProgramInput:
    sizes, hints = list[int | None](), list[int | None]()
    for kind, value in map(only, as_list(meta["sizes"])):
        hint = as_dict(value).get("hint") if kind == "as_expr" else None
        sizes.append(size(value) if kind == "as_int" else None)
        hints.append(size(only(hint)[1]) if hint is not None else None)
    if len(sizes) > MAX_RANK:
        raise Flaw("is damaged: its input has no proper shape")
    return ProgramInput(name, whole(meta["dtype"]), tuple(sizes), tuple(hints))


def _check_outputs(signature: Mapping[str, Any]) -> None:
    """Refuses a program that changes its own weights or state (case 2)."""
    for kind, _ in map(only, as_list(signature["output_specs"])):
        if kind != "user_output":
            raise Flaw(
                f"changes what it holds ({shown(kind)}), as networks do in training: call model.eval() before "
                "torch.export.export"
            )
