"""A graph in fewer bytes, to the same numbers: what a file tells people, or tells twice, is left out.

In a small detector of 4-bit weights a quarter of the file is no weight. Four things go, and nothing that is computed:

1. Types and shapes of the values between operators, and of constants a second time: who reads the file infers them.
2. Names of QuantizeLinear, DequantizeLinear and Cast. Operators of the network keep theirs, and all values do.
3. Constants of equal contents but the first, such as the zero points of all layers with as many channels.
4. Half of the bytes of float constants that half precision holds exactly, as the grid of a decode tail is: a Cast
   widens them, which a runtime does once, as it loads the file.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from detquant.graph.values import constant, is_op, new_initializer, used_names

UNNAMED = ("QuantizeLinear", "DequantizeLinear", "Cast")
LEAST = 512
"""Number of values below which a Cast and its names take more than they save."""


def compact(model: ir.Model) -> ir.Model:
    """A copy of the model that takes fewer bytes as a file; the same function."""
    model = model.clone()
    graph = model.graph
    _share_equal(graph)
    _halve_exact(graph)
    for node in graph:
        if is_op(node, *UNNAMED):
            node.name = None
    for value in (*(value for node in graph for value in node.outputs), *graph.initializers.values()):
        if not (value.is_graph_output() or value.is_graph_input()):
            value.shape, value.type = None, None
    return model


def _share_equal(graph: ir.Graph) -> None:
    """Lets all who read equal constants read one (case 3)."""
    first: dict[tuple[str, tuple[int, ...], bytes], ir.Value] = {}
    for name, value in list(graph.initializers.items()):
        array = constant(value)
        if array is None or value.is_graph_output() or value.is_graph_input():
            continue
        kept = first.setdefault((array.dtype.name, array.shape, array.tobytes()), value)
        if kept is not value:
            for use in list(value.uses()):
                use.node.replace_input_with(use.idx, kept)
            del graph.initializers[name]


def _halve_exact(graph: ir.Graph) -> None:
    """Stores float constants in half precision where that loses nothing (case 4)."""
    names = used_names(graph)
    for value in list(graph.initializers.values()):
        array, uses = constant(value), list(value.uses())
        if array is None or array.dtype != np.float32 or array.size < LEAST or value.is_graph_output():
            continue
        with np.errstate(over="ignore"):
            half = array.astype(np.float16)
        if not uses or not np.array_equal(half.astype(np.float32), array):
            continue
        name = value.name or ""
        graph.initializers.pop(name)
        names.discard(name)
        stored = new_initializer(graph, name, half, names)
        cast = ir.node("Cast", [stored], attributes={"to": int(ir.DataType.FLOAT)})
        cast.outputs[0].name = f"{name}_wide"
        graph.insert_before(graph[0], cast)
        for use in uses:
            use.node.replace_input_with(use.idx, cast.outputs[0])
