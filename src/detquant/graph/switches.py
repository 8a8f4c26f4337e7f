"""A float graph in which each tensor's rounding can be switched on and off at run time.

``If(switch) {DequantizeLinear(QuantizeLinear(x))} else {x}`` behind each tensor: one session answers "what does
this tensor alone cost?" for all of them, since a branch not taken costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx_ir as ir

from detquant.graph.qdq import storage
from detquant.graph.saturation import clip_to, is_narrow
from detquant.graph.values import new_initializer, used_names, values_by_name
from detquant.numerics.grid import QuantParams


def with_switches(model: ir.Model, grids: Mapping[str, QuantParams], switch_of: Mapping[str, str]) -> ir.Model:
    """A copy of the model with a boolean scalar input for each switch.

    Args:
        model: prepared float graph.
        grids: grid of each tensor.
        switch_of: tensor -> name of its switch; several tensors may have the same.
    """
    model = model.clone()
    graph = model.graph
    values = values_by_name(graph)
    switches: dict[str, ir.Value] = {}
    for name in dict.fromkeys(switch_of.values()):
        switches[name] = ir.Value(name=name, shape=ir.Shape([]), type=ir.TensorType(ir.DataType.BOOL))
        graph.inputs.append(switches[name])
    taken = used_names(graph)
    for tensor, params in grids.items():
        _switch(graph, values[tensor], params, switches[switch_of[tensor]], taken)
    return model


def _switch(graph: ir.Graph, value: ir.Value, params: QuantParams, switch: ir.Value, taken: set[str]) -> None:
    scale = new_initializer(graph, f"{value.name}_scale", np.asarray(params.scale, np.float32), taken)
    zero_point = np.asarray(params.zero_point).astype(storage(params.qtype))
    zero = new_initializer(graph, f"{value.name}_zero", zero_point, taken)
    clips = [clip_to(graph, value, params, taken)] if is_narrow(params.qtype) else []
    q = ir.node("QuantizeLinear", [clips[0].outputs[0] if clips else value, scale, zero])
    dq = ir.node("DequantizeLinear", [q.outputs[0], scale, zero])
    same = ir.node("Identity", [value])
    for k, node in enumerate((q, dq, same)):
        node.outputs[0].name = f"{value.name}_switched_{k}"
        codes = ir.TensorType(ir.DataType.from_numpy(np.dtype(storage(params.qtype))))
        node.outputs[0].type = value.type if k else codes
        node.outputs[0].shape = value.shape
    on = ir.Graph([], [dq.outputs[0]], nodes=[*clips, q, dq], name=f"{value.name}_on")
    off = ir.Graph([], [same.outputs[0]], nodes=[same], name=f"{value.name}_off")
    chosen = ir.node("If", [switch], attributes={"then_branch": on, "else_branch": off}, name=f"{value.name}_switch")
    chosen.outputs[0].name = f"{value.name}_switched"
    put_behind(graph, value, chosen)


def put_behind(graph: ir.Graph, value: ir.Value, chosen: ir.Node) -> None:
    """Puts an If, whose branches read a value, behind it: all else that read the value reads the result.

    Where the value is given out, so is the result, under the value's name.

    Args:
        graph: of the value.
        value: given by a node, or an input of the graph.
        chosen: with one output, which is named already.
    """
    out = chosen.outputs[0]
    out.type, out.shape = value.type, value.shape
    inside = {node for branch in chosen.attributes.values() for node in branch.as_graph()}
    readers = [(use.node, use.idx) for use in value.uses() if use.node not in inside]
    producer = value.producer()
    if producer is None:
        graph.insert_before(graph[0], chosen)
    else:
        graph.insert_after(producer, chosen)
    for node, position in readers:
        node.replace_input_with(position, out)
    for k, given_out in enumerate(graph.outputs):
        if given_out is value:
            value.name, out.name = out.name, value.name
            graph.outputs[k] = out
