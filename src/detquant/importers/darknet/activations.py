"""Darknet's activations as ONNX nodes, in the form that `detquant.graph.activations` knows as one operator."""

from __future__ import annotations

from dataclasses import dataclass, field

import onnx_ir as ir

from detquant.errors import nearest_name
from detquant.importers.darknet.cfg import Section, shown
from detquant.importers.darknet.network import Network, size_of

_LEAKY_SLOPE = 0.1


@dataclass(frozen=True, slots=True)
class _Operator:
    """An ONNX operator; `gates` if its result is multiplied with what went in."""

    op_type: str
    gates: bool = False
    attributes: dict[str, float] = field(default_factory=dict)


ACTIVATIONS: dict[str, _Operator | None] = {
    "linear": None,
    "leaky": _Operator("LeakyRelu", attributes={"alpha": _LEAKY_SLOPE}),
    "logistic": _Operator("Sigmoid"),
    "mish": _Operator("Mish"),
    "relu": _Operator("Relu"),
    "swish": _Operator("Sigmoid", gates=True),
}


def activate(network: Network, section: Section, value: ir.Value, name: str) -> ir.Value:
    """Adds an activation of the layer that is being built.

    Raises:
        UnsupportedOperator: it is not known here.
    """
    if name not in ACTIVATIONS:
        near = nearest_name(name, ACTIVATIONS)
        hint = f"did you mean '{near}'? " if near else ""
        known = ", ".join(sorted(ACTIVATIONS))
        section.not_taken(
            f"the activation '{shown(name)}' is not known here: {hint}Known: {known}.", section.line_of("activation")
        )
    operator = ACTIVATIONS[name]
    if operator is None:
        return value
    size = size_of(value)
    gate = f"{name}_gate" if operator.gates else name
    result = network.add(section, operator.op_type, gate, [value], size, **operator.attributes)
    return network.add(section, "Mul", name, [value, result], size) if operator.gates else result
