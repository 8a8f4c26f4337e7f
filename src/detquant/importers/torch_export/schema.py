"""The graph of a program, from the JSON that `torch.export.save` writes, as inert steps.

torch's own reader looks any name up, evaluates texts as expressions of SymPy and unpickles; here the JSON is compared
with what is expected, piece by piece, and gives names, numbers and texts only (version 8 of the schema in
`torch._export.serde.schema`).
Refused are

1. nodes whose operator is not in `operators`, higher-order ones among them, and objects of classes;
2. what changes its own weights: a program of the training, or one that keeps a state;
3. arguments that are neither tensors nor plain values.

A size that was left open is a name in the file, with the number that the example had; see `ProgramInput`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from detquant.importers.checkpoint._base import MAX_RANK, Flaw, shown
from detquant.importers.torch_export.arguments import SYMBOLS, argument, as_dict, as_list, as_text, only, size, whole
from detquant.importers.torch_export.operators import IGNORED, OF_NUMBERS, SIZES, known

MAJOR = 8
MOST_NODES = 50_000  # YOLOv8x has two thousand


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


@dataclass(frozen=True, slots=True)
class ProgramInput:
    """What a user gives.

    Attributes:
        name: of it.
        dtype: its number in the schema.
        sizes: of its axes; None where they were left open.
        hints: what the open ones were in the example; None where the file does not say.
    """

    name: str
    dtype: int
    sizes: tuple[int | None, ...]
    hints: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """A program without its numbers.

    Attributes:
        inputs: that a user gives, in order.
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
        program: its JSON, parsed.

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
    nodes = as_list(graph["nodes"])
    if len(nodes) > MOST_NODES:
        raise Flaw(f"has {len(nodes)} nodes, more than any detector needs ({MOST_NODES}): refused")
    _check_outputs(signature)
    metas = as_dict(graph["tensor_values"])
    inputs, held, plain = _inputs(signature, metas)
    steps = tuple(step for node in nodes if (step := _step(as_dict(node))) is not None)
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
    """Case 2."""
    for kind, _ in map(only, as_list(signature["output_specs"])):
        if kind != "user_output":
            raise Flaw(
                f"changes what it holds ({shown(kind)}), as networks do in training: call model.eval() before "
                "torch.export.export"
            )


def _step(node: Mapping[str, Any]) -> Step | None:
    """Cases 1 and 3."""
    target = as_text(node["target"])
    if target in IGNORED:
        return None
    if known(target) is None and target not in OF_NUMBERS and target not in SIZES:
        raise Flaw(
            f"has the operator '{shown(target)}', which detquant does not read from programs: export the model to "
            "ONNX and give that file"
        )
    arguments = tuple((as_text(as_dict(one)["name"]), argument(as_dict(one)["arg"])) for one in as_list(node["inputs"]))
    results = tuple(_result(kind, value) for kind, value in map(only, as_list(node["outputs"])))
    return Step(target, arguments, results)


def _result(kind: str, value: Any) -> str | tuple[str, ...] | None:
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
