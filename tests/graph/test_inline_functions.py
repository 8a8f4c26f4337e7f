from __future__ import annotations

import itertools

import onnx
import onnx_ir as ir
import pytest
from onnx import helper

from detquant.errors import ModelError
from detquant.graph import prepare
from detquant.graph.inline_functions import inline_functions

OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
Rows = list[tuple[str, str, str, str]]


def function(name: str, rows: Rows) -> onnx.FunctionProto:
    """A function from a to b; each row is a node: domain, operator, input, output."""
    nodes = [helper.make_node(op, [takes], [gives], domain=domain) for domain, op, takes, gives in rows]
    return helper.make_function("own", name, ["a"], ["b"], nodes, OPSETS)


def model(functions: dict[str, Rows], calls: Rows) -> ir.Model:
    nodes = [helper.make_node(op, [takes], [gives], domain=domain) for domain, op, takes, gives in calls]
    ends = [[helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 4])] for name in ("x", "y")]
    graph = helper.make_graph(nodes, "test", *ends)
    made = [function(name, rows) for name, rows in functions.items()]
    return ir.from_proto(helper.make_model(graph, functions=made, opset_imports=OPSETS, ir_version=8))


def chain(length: int, calls: int = 1) -> dict[str, Rows]:
    """Functions, each of which calls the next one so many times."""
    names = ["a", *(f"v{place}" for place in range(calls - 1)), "b"]
    rows = {
        f"f{number}": [("own", f"f{number + 1}", *pair) for pair in itertools.pairwise(names)]
        for number in range(length)
    }
    return {**rows, f"f{length}": [("", "Relu", "a", "b")]}


def test_functions_of_functions_become_nodes():
    before = model(chain(5, calls=2), [("own", "f0", "x", "y")])
    after = inline_functions(before)
    assert [node.op_type for node in after.graph] == ["Relu"] * 32 and not after.functions


def test_a_long_chain_of_functions_is_no_deep_one():
    assert len(inline_functions(model(chain(300), [("own", "f0", "x", "y")])).graph) == 1


def test_functions_that_nothing_calls_cost_nothing():
    after = inline_functions(model(chain(60, calls=2), [("", "Relu", "x", "y")]))
    assert len(after.graph) == 1 and not after.functions


@pytest.mark.parametrize("through", [0, 1, 5, 300])
def test_a_function_that_calls_itself_is_refused(through):
    functions = chain(through)
    functions[f"f{through}"] = [("own", "f0", "a", "b")]
    with pytest.raises(ModelError, match="a function that calls itself") as error:
        prepare(model(functions, [("own", "f0", "x", "y")]))
    assert len(str(error.value)) < 250


@pytest.mark.parametrize("length", [20, 40, 500])
def test_functions_that_double_are_counted_before_they_are_made(length):
    with pytest.raises(ModelError, match="stand for more than 50000 nodes"):
        prepare(model(chain(length, calls=2), [("own", "f0", "x", "y")]))


def test_one_function_called_without_end_is_refused():
    names = ["x", *(f"v{place}" for place in range(4000)), "y"]
    calls = [("own", "f0", *pair) for pair in itertools.pairwise(names)]
    with pytest.raises(ModelError, match=r"called so often that the (node|value) \S+ in them comes 4001 times"):
        prepare(model(chain(0), calls))


def test_a_call_that_does_not_fit_is_a_sentence():
    net = model(chain(0), [("own", "f0", "x", "y")])
    net.graph[0].resize_inputs(3)
    with pytest.raises(ModelError, match=r"cannot be put in place of their calls .*call site has 3 inputs"):
        inline_functions(net)


def test_a_function_in_a_branch_of_an_if_is_counted_too():
    body = helper.make_graph(
        [helper.make_node("f0", ["x"], ["z"], domain="own")],
        "branch",
        [],
        [helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, [1, 4])],
    )
    node = helper.make_node("If", ["c"], ["y"], then_branch=body, else_branch=body)
    net = model(chain(40, calls=2), [("", "Relu", "x", "y")])
    proto = ir.to_proto(net)
    proto.graph.node[0].CopyFrom(node)
    proto.graph.input.append(helper.make_tensor_value_info("c", onnx.TensorProto.BOOL, []))
    with pytest.raises(ModelError, match="stand for more than"):
        inline_functions(ir.from_proto(proto))
