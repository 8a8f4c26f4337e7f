"""Cut a QDQ graph in two: the network, which gives codes, and the decoding behind it, which takes real values.

A place that computes in integers only runs the first part; the host reads its codes through their grids and runs the
second. Decoding is every node from which no QuantizeLinear can be reached; its first nodes dequantise codes.

1. The network's outputs are those codes, each under the name of the value that it stands for.
2. Decoding's inputs are these values, and the images if it reads them; its outputs are the whole graph's.
3. Where decoding would do nothing but dequantise, there is none: the codes bear the names of the graph's outputs.
"""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from detquant.errors import UnsupportedOperator
from detquant.graph.decode_tail import find_decode_tail
from detquant.graph.taps import only_outputs
from detquant.graph.values import constant, fresh_name, is_op, used_names


def cut_decode(qdq: ir.Model) -> tuple[ir.Model, ir.Model | None]:
    """Cuts a QDQ graph where its network ends and decoding begins.

    Args:
        qdq: a QDQ graph whose heads are quantised. Not changed.

    Returns:
        The network, and the decoding or None.

    Raises:
        UnsupportedOperator: decoding reads what the network computes in float.
    """
    network, decode = qdq.clone(), qdq.clone()
    after = _decoding(decode.graph)
    if all(is_op(node, "DequantizeLinear") for node in after):
        return _network(network, {_codes(node): node.outputs[0].name or "" for node in _decoding(network.graph)}), None
    names = used_names(decode.graph)
    given = {_codes(node): _name(node, names) for node in after if _reads_codes(node)}
    _require_codes(decode.graph, after)
    reals = {node.outputs[0]: given[_codes(node)] for node in after if _reads_codes(node)}
    return _network(network, given), _decode(decode, reals, set(after))


def cut_float_decode(model: ir.Model) -> tuple[ir.Model, ir.Model | None]:
    """Cuts a float graph at its decode tail; a QDQ graph that was cut is compared with the result.

    Args:
        model: prepared. Not changed.
    """
    network, decode = model.clone(), model.clone()
    after = set(find_decode_tail(decode.graph).nodes)
    given = [
        value for value in _values(decode.graph) if after & set(value.consumers()) and value.producer() not in after
    ]
    if not after or not given:
        return network, None
    names = used_names(decode.graph)
    reals = {v: fresh_name(f"{v.name}_given", names) if v.is_graph_output() else v.name or "" for v in given}
    straight = [value for value in decode.graph.outputs if value.producer() not in after and value not in reals]
    reals |= {value: fresh_name(f"{value.name}_given", names) for value in straight}
    asked = {value.name: name for value, name in reals.items()}
    outputs = [value for value in _values(network.graph) if value.name in asked]
    only_outputs(network, outputs)
    for value in outputs:
        value.name = asked[value.name]
    return network, _decode(decode, reals, after)


def _values(graph: ir.Graph) -> list[ir.Value]:
    return [value for node in graph for value in node.outputs]


def _network(model: ir.Model, given: dict[str, str]) -> ir.Model:
    """The network alone, whose outputs are codes under the names of the real values that they stand for (case 1)."""
    graph = model.graph
    codes = {v.name or "": v for node in graph for v in node.outputs if v.name in given}
    names = used_names(graph) | set(given.values())
    for value in [v for node in graph for v in node.outputs if v.name in given.values()]:
        value.name = fresh_name(f"{value.name}_real", names)
    for name, value in codes.items():
        value.name = given[name]
    return only_outputs(model, [codes[name] for name in given])


def _decode(model: ir.Model, reals: dict[ir.Value, str], after: set[ir.Node]) -> ir.Model:
    """The decoding alone, whose inputs are the real values that the network gives in codes (case 2)."""
    graph = model.graph
    inputs: dict[str, ir.Value] = {}
    for real, name in reals.items():
        value = inputs.setdefault(name, ir.Value(name=name, shape=real.shape, type=real.type))
        if real.is_graph_output():  # decoding only passes it on
            same = ir.node("Identity", [value], name=f"{name}/Identity")
            same.outputs[0].name, same.outputs[0].shape, same.outputs[0].type = real.name, real.shape, real.type
            real.name = f"{real.name}_inside"
            graph.append(same)
            graph.outputs[list(graph.outputs).index(real)] = same.outputs[0]
        for use in list(real.uses()):
            use.node.replace_input_with(use.idx, value)
    images = [value for value in graph.inputs if after & set(value.consumers())]
    graph.inputs.clear()
    graph.inputs.extend([*images, *inputs.values()])
    RemoveUnusedNodesPass()(model)
    return model


def _decoding(graph: ir.Graph) -> list[ir.Node]:
    """The nodes from which no QuantizeLinear can be reached, in order."""
    before: set[ir.Node] = set()
    for node in reversed(list(graph)):
        readers = {reader for output in node.outputs for reader in output.consumers()}
        if is_op(node, "QuantizeLinear") or readers & before:
            before.add(node)
    return [node for node in graph if node not in before]


def _reads_codes(node: ir.Node) -> bool:
    return is_op(node, "DequantizeLinear") and constant(node.inputs[0]) is None


def _codes(node: ir.Node) -> str:
    """The name of what a DequantizeLinear reads."""
    value = node.inputs[0]
    assert value is not None and value.name is not None
    return value.name


def _name(node: ir.Node, names: set[str]) -> str:
    """The name under which the real value of a DequantizeLinear goes from network to decoding."""
    quantize = node.inputs[0].producer() if node.inputs[0] is not None else None
    real = quantize.inputs[0] if quantize is not None else None
    if node.outputs[0].is_graph_output() or real is None or real.name is None:
        return fresh_name(f"{node.outputs[0].name}_given", names)
    return real.name


def _require_codes(graph: ir.Graph, after: list[ir.Node]) -> None:
    within = set(after)
    for node in after:
        for value in node.inputs:
            producer = value.producer() if value is not None else None
            if producer is None or producer in within or _reads_codes(node):
                continue
            raise UnsupportedOperator(
                f"{producer.op_type} '{producer.name}' computes in float what {node.op_type} '{node.name}' decodes: "
                f"where the network gives codes only, let it run in integers, or choose a target that mixes both."
            )
