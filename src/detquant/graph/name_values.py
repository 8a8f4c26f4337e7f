"""Give every node and every value a name of its own, the same on every run.

1. A name that is there and unique stays.
2. A name that occurs twice gets a counter; inputs and outputs of the graph go first, so theirs never change.
3. A node without a name is called by its operator and what it makes: "Conv:output".
4. A value without a name is called by what made it: "Conv_out".
"""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes.common import NameFixPass


class _NamedByOrigin:
    def generate_node_name(self, node: ir.Node) -> str:
        made = next((value.name for value in node.outputs if value.name), "nothing")
        return node.name or f"{node.op_type}:{made}"  # case 3

    def generate_value_name(self, value: ir.Value) -> str:
        node = value.producer()
        return value.name or (f"{node.op_type}_out" if node else "value")  # case 4


def name_values(model: ir.Model) -> ir.Model:
    """Make all names present and unique, in place; graph inputs and outputs keep theirs."""
    NameFixPass(name_generator=_NamedByOrigin())(model)
    return model
